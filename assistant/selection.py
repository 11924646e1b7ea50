"""A ranking -> the papers that an answer quotes, and how many words each may have."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assistant import question as questions
from assistant.quoting import Quote, Quoted, choose, quotes
from assistant.relevance import Relevance
from assistant.retriever import Ranking
from assistant.schema import ScoredPaper

FLOOR = 0.045
"""What a quoted sentence is worth at least: probability by the root of its words."""
# How soon the second paper stops counting as its score falls behind; closer than this, a short
# sentence of it stands in any case: it is the right one often enough (evals/experiments.md).
_TRUST = 0.5
_CLOSE, _FEW_WORDS = 3.0, 30
_WORDS_EACH = 50
_UNNAMED = 4
_MOST = 6


def wants_several(question: str, homes: Sequence[str]) -> bool:
    """Whether papers are to be compared or listed: by the question's words, or by its names."""
    return questions.wants_several(question) or len(set(homes)) > 1


def several(ranking: Ranking, homes: Sequence[str]) -> list[ScoredPaper]:
    """The papers to compare: those named, in that order, then the best of the rest."""
    by_id = {hit.paper.paper_id: hit for hit in ranking.papers}
    named = [by_id[id_] for id_ in dict.fromkeys(homes) if id_ in by_id]
    asked = questions.how_many(ranking.question)
    # A count tells how many there are; without names one more makes up for a wrong one.
    wanted = len(named) if len(named) >= (asked or 2) else (asked + 1 if asked else _UNNAMED)
    rest = [hit for hit in ranking.papers if hit not in named]
    return [*named, *rest][: min(_MOST, max(wanted, len(named)))]


def quoted(
    model: Relevance, ranking: Ranking, question: str, homes: Sequence[str], max_words: int
) -> list[Quoted]:
    """Each paper with the sentences to quote; `question` may be shorter than what was searched."""
    if wants_several(ranking.question, homes):
        papers = several(ranking, homes)
        each = max(_WORDS_EACH, max_words // len(papers))
        return [
            (hit, choose(_quotes(model, ranking, question, hit), each, FLOOR)) for hit in papers
        ]
    return _nearest(model, ranking, question, max_words)


def _nearest(model: Relevance, ranking: Ranking, question: str, max_words: int) -> list[Quoted]:
    """The best paper, and of the second what is worth its words though the first is likelier."""
    near = ranking.papers[:2]
    trust = np.exp([_TRUST * (hit.score - near[0].score) for hit in near])
    trust /= trust.sum()
    found = [
        replace(quote, probability=quote.probability * float(share))
        for hit, share in zip(near, trust, strict=True)
        for quote in _quotes(model, ranking, question, hit)
    ]
    chosen = choose(found, max_words, FLOOR)
    first, *rest = ((hit, [quote for quote in chosen if _is_of(hit, quote)]) for hit in near)
    most = min(_FEW_WORDS, max_words - sum(quote.words for quote in chosen))
    for hit, few in rest:
        if not few and near[0].score - hit.score < _CLOSE:
            short = [one for one in found if _is_of(hit, one) and one.words <= most]
            few += choose(short, most, math.inf)
    return [first, *(pair for pair in rest if pair[1])]


def _is_of(hit: ScoredPaper, quote: Quote) -> bool:
    return quote.passage.paper_id == hit.paper.paper_id


def _quotes(model: Relevance, ranking: Ranking, question: str, hit: ScoredPaper) -> list[Quote]:
    return quotes(model, question, ranking.query, ranking.passages[hit.paper.paper_id])
