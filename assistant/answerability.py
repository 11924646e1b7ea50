"""A question and what was found for it -> the probability that the corpus answers it.

A regression and trees (blended.py) over how well the best paper's pieces cover the question's and
each of its clauses, whether the names asked for stand in it, and whether a sentence of it looks
like an answer. evals/fit.py fits them.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant import question as questions
from assistant.late import Floats, best_matches, coverage
from assistant.question import stem
from assistant.quoting import Quote
from assistant.readings import states_of
from assistant.relevance import clauses
from assistant.retriever import Ranking

FEATURES = (
    "coverage", "coverage_margin", "dense", "lexical", "fused_margin", "weakest_piece",
    "share_below_half", "share_below_six", "share_above_eight", "best_sentence",
    "best_two_sentences", "best_quote", "best_three_quotes", "has_names", "names_found",
    "names_missing", "words_found", "quantity", "quantity_gap", "quantity_without_number",
    "asks_for_thing", "thing_covered", "thing_worded", "named_coverage", "named_below_half",
    "named_words_found", "named_best_quotes", "named_thing_covered", "asks_why", "words_missing",
    "named_words_missing", "share_below_four", "three_weakest", "coverage_above_next",
    "asks_for_detail", "name_in_title", "foreign_names", "least_covered_clause", "last_clause",
    "mean_clause", "least_covered_clause_by_all", "last_clause_by_all", "last_clause_over_first",
    "sentences_needed", "quote_spread", "better_elsewhere", "piece_better_elsewhere",
    "words_missing_everywhere", "share_missing_everywhere", "weakest_in_best_sentence",
    "below_half_in_best_sentence", "weakest_word", "two_weakest_words", "four_weakest_words",
    "words_unmet", "share_words_half_met", "wants_number", "wants_reason", "wants_method",
)  # fmt: skip

_WORD = re.compile(r"\w[\w'-]*")
_DIGIT = re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|half|twice)\b", re.I)


def features(ranking: Ranking, quotes: Sequence[Quote]) -> NDArray[np.float64]:
    """One row for the whole question; `quotes` are the best paper's sentences."""
    best = ranking.papers[0]
    text = f"{best.paper.title} {best.paper.abstract}".lower()
    states = states_of(ranking.passages[best.paper.paper_id])
    matches, weights = best_matches(ranking.query, states), ranking.query.weights
    others = [ranking.coverages[hit.paper.paper_id] for hit in ranking.papers[1:]]
    here = ranking.coverages[best.paper.paper_id]
    after = ranking.papers[1].score if len(ranking.papers) > 1 else best.score
    row = [
        here,
        here - max(others, default=0.0),
        best.dense.score if best.dense else 0.0,
        (best.lexical.score if best.lexical else 0.0) / (len(weights) + 1),
        best.score - after,
        # A question of hidden characters alone has no pieces.
        float(matches.min(initial=1.0)),
        float(weights[matches < 0.5].sum()),
        float(weights[matches < 0.6].sum()),
        float(weights[matches > 0.8].sum()),
        *_quote_features(ranking, quotes),
        *_word_features(ranking.question, text),
        *_quantity_features(ranking, quotes),
        *_thing_features(ranking, matches, text),
    ]
    # Who names a system also uses its paper's words, so the same lack tells more.
    known = dict(zip(FEATURES, row, strict=False))
    named = ("coverage", "share_below_half", "words_found", "best_three_quotes", "thing_covered")
    row += [known["has_names"] * known[name] for name in named]
    missing = _missing(ranking.question, text)
    row += [
        float(ranking.question.lower().startswith("why")),
        missing,
        missing * known["has_names"],
        float(weights[matches < 0.4].sum()),
        float(np.sort(matches)[:3].mean()) if len(matches) else 0.0,
        here - float(np.mean(sorted(others, reverse=True)[:4])) if others else 0.0,
        float(questions.asks_for_detail(ranking.question)),
        _in_title(ranking.question, best.paper.title),
        float(len(ranking.foreign)),
        *_closer_features(ranking, quotes),
    ]
    return np.array(row, np.float64)


def _closer_features(ranking: Ranking, quotes: Sequence[Quote]) -> list[float]:
    """How each clause and word of the question fares in the sentences of the best paper."""
    query, best = ranking.query, ranking.papers[0].paper.paper_id
    met = np.array([best_matches(query, one.states) for one in ranking.passages[best]])
    if not met.size:
        return [0.0] * _CLOSER
    want = questions.wanted(ranking.question)
    return [
        *_clause_features(ranking, met),
        float(sum(quote.probability for quote in quotes)),
        float(np.ptp([quote.probability for quote in quotes])),
        *_elsewhere_features(ranking, met.max(axis=0)),
        *_best_sentence_features(ranking, met),
        *_weakest_words(ranking, met.max(axis=0)),
        float(want.number),
        float(want.reason),
        float(want.method),
    ]


_CLOSER = 22
_FEWEST = 2
_NEAR_PAPERS = 5


def _clause_features(ranking: Ranking, met: Floats) -> list[float]:
    starts = ranking.query.starts
    inside = [(starts >= start) & (starts < end) for start, end in clauses(ranking.question)]
    inside = [one for one in inside if one.sum() >= _FEWEST] or [np.ones(len(starts), np.bool_)]
    by_one = [float(met[:, one].mean(axis=1).max()) for one in inside]
    by_all = [float(met[:, one].max(axis=0).mean()) for one in inside]
    mean = float(np.mean(by_one))
    return [min(by_one), by_one[-1], mean, min(by_all), by_all[-1], by_one[-1] - by_one[0]]


def _elsewhere_features(ranking: Ranking, met: Floats) -> list[float]:
    """What other papers have of the question, and the best one has not."""
    others = [hit.paper for hit in ranking.papers[1:]]
    states = [states_of(ranking.passages[paper.paper_id]) for paper in others[:_NEAR_PAPERS]]
    there = [best_matches(ranking.query, one) for one in states] or [np.zeros_like(met)]
    lack = np.maximum(np.max(there, axis=0) - met, 0)
    stems = [stem(word) for word in questions.content_words(ranking.question)]
    texts = " ".join(f"{hit.paper.title} {hit.paper.abstract}" for hit in ranking.papers).lower()
    missing = float(sum(stem not in texts for stem in stems))
    return [
        float(lack @ ranking.query.weights),
        float(lack.max()),
        missing,
        missing / max(1, len(stems)),
    ]


def _best_sentence_features(ranking: Ranking, met: Floats) -> list[float]:
    weights = ranking.query.weights
    best = met[int(np.argmax(met @ weights))]
    return [float(best.min()), float(weights[best < 0.5].sum())]


def _weakest_words(ranking: Ranking, met: Floats) -> list[float]:
    starts = ranking.query.starts
    spans = [match.span() for match in _WORD.finditer(ranking.question)]
    inside = [(starts >= start) & (starts < end) for start, end in spans]
    words = np.sort([float(met[one].mean()) for one in inside if one.any()] or [1.0])
    return [
        float(words[0]),
        float(words[:2].mean()),
        float(words[:4].mean()),
        float((words < 0.45).sum()),
        float((words < 0.55).mean()),
    ]


def _missing(question: str, text: str) -> float:
    """How many of the question's words do not stand in the paper, by their stems."""
    words = questions.content_words(question)
    return float(sum(stem(word) not in text for word in words))


def _in_title(question: str, title: str) -> float:
    names = questions.names(question)
    return float(any(name.lower() in title.lower() for name in names))


def _thing_features(ranking: Ranking, matches: Floats, text: str) -> list[float]:
    span = questions.asked_for(ranking.question)
    if span is None:
        return [0.0, 0.0, 0.0]
    inside = (ranking.query.starts >= span[0]) & (ranking.query.starts < span[1])
    words = questions.content_words(ranking.question[slice(*span)])
    stems = [stem(word) for word in words]
    worded = sum(stem in text for stem in stems) / len(stems) if stems else 1.0
    return [1.0, float(matches[inside].mean()) if inside.any() else 1.0, worded]


def _quote_features(ranking: Ranking, quotes: Sequence[Quote]) -> list[float]:
    covers = sorted((coverage(ranking.query, q.passage.states) for q in quotes), reverse=True)
    likely = sorted((quote.probability for quote in quotes), reverse=True)
    return [covers[0], float(np.mean(covers[:2])), likely[0], float(np.mean(likely[:3]))]


def _word_features(question: str, text: str) -> list[float]:
    names = [name.lower() for name in questions.names(question)]
    found = sum(name in text for name in names)
    words = questions.content_words(question)
    stems = [stem(word) for word in words]
    return [
        float(bool(names)),
        found / max(1, len(names)),
        float(len(names) - found),
        sum(stem in text for stem in stems) / max(1, len(stems)),
    ]


def _quantity_features(ranking: Ranking, quotes: Sequence[Quote]) -> list[float]:
    if not questions.wanted(ranking.question).quantity:
        return [0.0, 0.0, 0.0]
    covers = {quote: coverage(ranking.query, quote.passage.states) for quote in quotes}
    numeric = [cover for quote, cover in covers.items() if _DIGIT.search(quote.passage.text)]
    return [1.0, max(numeric, default=0.0) - max(covers.values()), float(not numeric)]
