"""A ranking -> the papers that an answer quotes, and how many words each may have."""

from collections.abc import Sequence

from assistant import question as questions
from assistant.quoting import Quote, Quoted, choose, quotes
from assistant.relevance import Relevance
from assistant.retriever import Ranking
from assistant.schema import ScoredPaper

# Closer than this, a sentence of the second paper is worth its words: the right paper is cited more
# often, and no fewer facts stand (evals/experiments.md).
_CLOSE = 3.0
# Enough is quoted once this share of the sentences that an answer is expected to need stands.
SHARE = 0.65
_SECOND_WORDS = 30
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
        return [(hit, _chosen(model, ranking, question, hit, each)) for hit in papers]
    first, *others = ranking.papers
    if not others or first.score - others[0].score >= _CLOSE:
        return [(first, _chosen(model, ranking, question, first, max_words))]
    return [
        (first, _chosen(model, ranking, question, first, max_words - _SECOND_WORDS)),
        (others[0], _chosen(model, ranking, question, others[0], _SECOND_WORDS)),
    ]


def _chosen(
    model: Relevance, ranking: Ranking, question: str, hit: ScoredPaper, max_words: int
) -> list[Quote]:
    passages = ranking.passages[hit.paper.paper_id]
    return choose(quotes(model, question, ranking.query, passages), max_words, SHARE)
