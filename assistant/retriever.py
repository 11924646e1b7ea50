"""Question -> the papers that answer it, best first, each with the reasons for its rank.

Two engines find candidates, by meaning and by words; the sum of their standardised scores fuses
them; then the best are read together with the question, piece by piece (late.py).
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.catalog import Catalog
from assistant.generation import Index
from assistant.late import Passage, Query, coverage, query, query_of
from assistant.question import names, phrases
from assistant.readings import Passages, Readings
from assistant.schema import Encoder, Filters, Paper, ReadingEncoder, Reason, ScoredPaper, Vectors

READ_TOGETHER = 30
"""So many of the fused candidates are read piece by piece."""
_CHUNKS_A_PAPER = 3
# On 249 questions of our own and 300 of SciFact, weights of 1 to 3 are within a point; see evals.
_LATE_WEIGHT = 2.0
_LOWEST = -1.5
_NAMESAKES = 10
# What more papers mention is the name of a thing they all use (U-Net, MobileNet).
_SHARED = 4
_NO_LETTER = re.compile(r"[\W_]+")
_BY_NAME = re.compile(r"\s*:")


@dataclass(frozen=True, slots=True)
class Ranking:
    """The papers found for a question, and what was read on the way."""

    question: str
    query: Query
    papers: tuple[ScoredPaper, ...]
    passages: Mapping[str, list[Passage]]
    """The sentences of each paper, by paper id."""
    coverages: Mapping[str, float]
    """How much of the question each paper's pieces cover, by paper id."""
    foreign: tuple[str, ...] = ()
    """Names in the question that no paper of the corpus has."""
    trouble: str = ""
    """What kept papers from being found that are there; empty where nothing did."""


class Retriever:
    """Finds papers by meaning and by words."""

    def __init__(
        self,
        catalog: Catalog,
        index: Index,
        encoder: Encoder,
        readings: Readings,
        *,
        candidates: int = 100,
        dense_weight: float = 0.5,
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._encoder = encoder
        self.readings = readings
        self._candidates = candidates
        self._dense_weight = dense_weight
        self._only: set[str] | None = None

    def as_of(self, date: str) -> "Retriever":
        """The same as if it were that day: no later paper is found, named, or known of."""
        other = copy.copy(self)
        other._only = self._catalog.paper_ids(Filters(as_of=date))
        return other

    def retrieve(
        self,
        question: str,
        top_k: int = 10,
        filters: Filters = Filters(),  # noqa: B008
    ) -> list[ScoredPaper]:
        """The `top_k` papers nearest to `question`, best first, one paper once."""
        return list(self.rank(question, top_k, filters).papers)

    def rank(
        self,
        question: str,
        top_k: int = 10,
        filters: Filters = Filters(),  # noqa: B008
    ) -> Ranking:
        """The same, with what was read of them."""
        allowed = self._catalog.paper_ids(filters) if filters else None
        if self._only is not None:
            allowed = self._only if allowed is None else allowed & self._only
        vector, asked = self._understood(question)
        hits = self._candidates_of(question, vector, allowed, max(READ_TOGETHER, top_k))
        read = self.readings.read([hit.paper for hit in hits])
        cover = {id_: coverage(asked, paper.states) for id_, paper in read.items()}
        late = _standardised(cover)
        hits = [
            replace(hit, score=hit.score + _LATE_WEIGHT * late[hit.paper.paper_id]) for hit in hits
        ]
        hits.sort(key=lambda hit: (-hit.score, hit.paper.paper_id))
        ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(hits[:top_k], 1))
        foreign = tuple(name for name in names(question) if not self._has(name))
        return Ranking(question, asked, ranked, Passages(read), cover, foreign, self._index.trouble)

    def knows(self, word: str) -> bool:
        """Whether any paper has the word, in whatever form."""
        return bool(self._index.lexical.search(word, 1, self._only))

    def _has(self, name: str) -> bool:
        """Whether any paper has the whole name, however it is hyphenated."""
        hits = self._index.lexical.search(name, _NAMESAKES, self._only)
        papers = self._catalog.papers([hit.paper_id for hit in hits])
        return any(has_name(paper, name) for paper in papers)

    def named(self, question: str) -> dict[str, str]:
        """The paper at home under each name that `question` gives, where there is just one."""
        titled = {phrase: self._titled(phrase) for phrase in phrases(question)}
        homes = {phrase: paper_id for phrase, paper_id in titled.items() if paper_id}
        # What is part of a title is no name of its own.
        inside = " ".join(homes)
        alone = [name for name in names(question) if name not in inside]
        found = homes | {name: home for name in alone if (home := self._home(name))}
        return dict(sorted(found.items(), key=lambda pair: question.find(pair[0])))

    def named_by_title(self, text: str) -> dict[str, str]:
        """The title of the paper that each name in `text` is the name of, in order."""
        homes = self.named(text)
        titles = {p.paper_id: p.title for p in self._catalog.papers(list(homes.values()))}
        return {
            name: titles[id_]
            for name, id_ in homes.items()
            if name.casefold() in titles[id_].casefold()
        }

    def _titled(self, phrase: str) -> str | None:
        """The one paper whose title has the phrase."""
        hits = self._index.lexical.search(phrase, _NAMESAKES, self._only)
        wanted = re.compile(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", re.IGNORECASE)
        papers = self._catalog.papers([hit.paper_id for hit in hits])
        owners = [paper.paper_id for paper in papers if wanted.search(paper.title)]
        return owners[0] if len(owners) == 1 else None

    def _home(self, name: str) -> str | None:
        hits = self._index.lexical.search(name, _NAMESAKES, self._only)
        papers = self._catalog.papers([hit.paper_id for hit in hits])
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])", re.IGNORECASE)
        owners = [p for p in papers if word.match(p.title) and _BY_NAME.match(p.title, len(name))]
        if not owners and sum(has_name(paper, name) for paper in papers) > _SHARED:
            return None
        owners = owners or [p for p in papers if word.search(p.title)]
        owners = owners or [p for p in papers if len(word.findall(p.abstract)) > 1]
        owners = owners or [p for p in papers if word.search(p.abstract)]
        return owners[0].paper_id if len(owners) == 1 else None

    def _understood(self, question: str) -> tuple[Vectors, Query]:
        """The question's vector and its pieces; the shipped encoder gives both in one pass."""
        encoder, reader = self._encoder, self.readings.reader
        if not isinstance(encoder, ReadingEncoder) or encoder.identity != reader.identity:
            return encoder.encode([question])[0], query(reader, question)
        vectors, (reading,) = encoder.encode_and_read([question])
        return vectors[0], query_of(reading, reader.weights(reading.pieces))

    def _candidates_of(
        self, question: str, vector: Vectors, allowed: set[str] | None, at_most: int
    ) -> list[ScoredPaper]:
        """The best of what either engine finds, with the fused score."""
        if allowed is not None and not allowed:
            return []
        dense = self._dense(vector, allowed)
        hits = self._index.lexical.search(question, self._candidates, allowed)
        lexical = {hit.paper_id: hit.score for hit in hits}
        fused = _fused(dense, lexical, self._dense_weight)
        by_meaning, by_words = _reasons(dense), _reasons(lexical)
        # Only the papers that will be read are fetched.
        best = sorted(fused, key=lambda id_: (-fused[id_], id_))[:at_most]
        return [
            ScoredPaper(
                paper,
                rank=0,
                score=fused[paper.paper_id],
                dense=by_meaning.get(paper.paper_id),
                lexical=by_words.get(paper.paper_id),
            )
            for paper in self._catalog.papers(best)
        ]

    def _dense(self, vector: Vectors, allowed: set[str] | None) -> dict[str, float]:
        """A paper's score is that of its nearest chunk."""
        chunks = self._index.store.nearest(vector, self._candidates * _CHUNKS_A_PAPER, allowed)
        best: dict[str, float] = {}
        for hit in chunks:
            best.setdefault(hit.paper_id, hit.score)
        return dict(list(best.items())[: self._candidates])


def has_name(paper: Paper, name: str) -> bool:
    """Whether the paper has the name, however it is hyphenated, of one or of many.

    >>> has_name(Paper("id", "LSTM nets", "Tried on CIFAR-10."), "CIFAR10")
    True
    """
    return _letters(name).removesuffix("s") in _letters(f"{paper.title} {paper.abstract}")


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text.casefold())


def _fused(
    dense: Mapping[str, float], lexical: Mapping[str, float], weight: float
) -> dict[str, float]:
    by_meaning, by_words = _standardised(dense), _standardised(lexical)
    return {
        paper_id: 2 * weight * by_meaning.get(paper_id, _LOWEST)
        + 2 * (1 - weight) * by_words.get(paper_id, _LOWEST)
        for paper_id in dict.fromkeys((*dense, *lexical))
    }


def _standardised(scores: Mapping[str, float]) -> dict[str, float]:
    """Zero mean and unit deviation over what was found, so that two engines can be added."""
    if not scores:
        return {}
    values = np.array(list(scores.values()))
    standard = (values - values.mean()) / (values.std() or 1.0)
    return dict(zip(scores, np.maximum(standard, _LOWEST).tolist(), strict=True))


def _reasons(scores: Mapping[str, float]) -> dict[str, Reason]:
    ordered: Sequence[str] = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return {id_: Reason(rank, scores[id_]) for rank, id_ in enumerate(ordered, 1)}
