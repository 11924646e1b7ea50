"""A question and what was found for it -> the probability that the corpus answers it.

A logistic regression over how well the best paper's pieces cover the question's, whether the names
asked for stand in it, and whether a sentence of it looks like an answer. evals/fit.py fits it.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assistant import question as questions
from assistant.late import Floats, best_matches, coverage
from assistant.quoting import Quote
from assistant.readings import states_of
from assistant.retriever import Ranking, has_name
from assistant.schema import Refusal, RefusalKind

FEATURES = (
    "coverage", "coverage_margin", "dense", "lexical", "fused_margin", "weakest_piece",
    "share_below_half", "share_below_six", "share_above_eight", "best_sentence",
    "best_two_sentences", "best_quote", "best_three_quotes", "has_names", "names_found",
    "names_missing", "words_found", "quantity", "quantity_gap", "quantity_without_number",
    "asks_for_thing", "thing_covered", "thing_worded", "named_coverage", "named_below_half",
    "named_words_found", "named_best_quotes", "named_thing_covered", "asks_why", "words_missing",
    "named_words_missing", "share_below_four", "three_weakest", "coverage_above_next",
    "asks_for_detail", "name_in_title", "foreign_names",
)  # fmt: skip

_STEM = 3
_SHORT = 16
"""Words. Of 353 questions that our corpus answers none so short names what it lacks."""
# What papers hold and abstracts seldom do.
_DETAIL = re.compile(
    r"\bexact(?:ly)?\b|\bprecise(?:ly)?\b|\blearning rate\b|\bbatch size\b|\bhow many (?:gpus|hours"
    r"|annotators|parameters|layers|epochs|participants)\b"
    r"|\bwhich (?:optimi[sz]er|gpu|dataset|loss|learning|batch)\b",
    re.I,
)
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
        float(bool(_DETAIL.search(ranking.question))),
        _in_title(ranking.question, best.paper.title),
        float(len(ranking.foreign)),
    ]
    return np.array(row, np.float64)


def _missing(question: str, text: str) -> float:
    """How many of the question's words do not stand in the paper, by their stems."""
    words = questions.content_words(question)
    return float(sum(_stem(word) not in text for word in words))


def _in_title(question: str, title: str) -> float:
    names = questions.names(question)
    return float(any(name.lower() in title.lower() for name in names))


def _stem(word: str) -> str:
    return word[: max(4, len(word) - _STEM)]


def _thing_features(ranking: Ranking, matches: Floats, text: str) -> list[float]:
    span = questions.asked_for(ranking.question)
    if span is None:
        return [0.0, 0.0, 0.0]
    inside = (ranking.query.starts >= span[0]) & (ranking.query.starts < span[1])
    words = questions.content_words(ranking.question[slice(*span)])
    stems = [_stem(word) for word in words]
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
    stems = [_stem(word) for word in words]
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


def by_name(ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
    """The refusal of a question that names what is not there; `named` are papers by name."""
    # A question of hidden characters alone has no pieces to look for.
    if not ranking.papers or not len(ranking.query.weights):
        return Refusal("not_in_corpus", "No paper of the corpus has anything to do with this.")
    if ranking.papers[0].paper.paper_id in named.values():
        return _unless_mentioned(ranking, named)
    # A long question may name in passing what no paper has.
    is_short = len(ranking.question.split()) <= _SHORT
    return made(ranking, ()) if ranking.foreign and is_short else None


def _unless_mentioned(ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
    absent, title = _not_mentioned(ranking, named), ranking.papers[0].paper.title
    if not absent:
        return None
    reason = f"The paper is here, but its abstract does not mention {_listed(absent)}: {title}."
    return Refusal("not_stated", reason, ranking.papers[:_NEAREST])


def made(ranking: Ranking, homes: Sequence[str]) -> Refusal:
    """The refusal of a question that what was found does not answer."""
    kind, title = kind_of(ranking, homes), ranking.papers[0].paper.title
    if ranking.foreign and kind == "not_in_corpus":
        reason = f"No paper of the corpus mentions {_listed(ranking.foreign)}."
    else:
        reason = _REASONS[kind].format(title=title)
    return Refusal(kind, reason, ranking.papers[:_NEAREST])


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def _not_mentioned(ranking: Ranking, named: Mapping[str, str]) -> tuple[str, ...]:
    """What the question names beside the one paper it is about, and the paper does not mention."""
    best = ranking.papers[0].paper
    if set(named.values()) != {best.paper_id} or questions.wants_several(ranking.question):
        return ()
    others = (name for name in questions.names(ranking.question) if name not in named)
    return tuple(name for name in others if not has_name(best, name))


def kind_of(ranking: Ranking, homes: Sequence[str]) -> RefusalKind:
    """Whether the best paper is the one asked about, so that it is its abstract that is silent."""
    best = ranking.papers[0].paper.paper_id
    near = best in homes or ranking.coverages[best] >= _ON_TOPIC
    return "not_stated" if near else "not_in_corpus"


_ON_TOPIC = 0.72
_NEAREST = 3
_REASONS = {
    "not_in_corpus": "No paper of the corpus answers this.",
    "not_stated": "The paper is here, but its abstract does not say: {title}.",
}
