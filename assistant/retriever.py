"""Question -> the papers that answer it, best first, each with the reasons for its rank.

Two engines find candidates, by meaning and by words; the sum of their standardised scores fuses
them; then the best are read together with the question, piece by piece (late.py).
"""

import copy
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import NamedTuple

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


class _Candidates(NamedTuple):
    """The papers that either engine found, best first: fused scores, and the reasons for them."""

    fused: Mapping[str, float]
    dense: Mapping[str, Reason]
    lexical: Mapping[str, Reason]


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
        found = self._candidates_of(question, vector, allowed, max(READ_TOGETHER, top_k))
        # Of all that are read, the words will do.
        papers = {paper.paper_id: paper for paper in self._catalog.texts(list(found.fused))}
        read = self.readings.read(list(papers.values()))
        cover = {id_: coverage(asked, paper.states) for id_, paper in read.items()}
        late = _standardised(cover)
        scores = {id_: found.fused[id_] + _LATE_WEIGHT * late[id_] for id_ in papers}
        best = {id_: papers[id_] for id_ in _best(scores, top_k)}
        ranked = tuple(
            ScoredPaper(paper, rank, scores[id_], found.dense.get(id_), found.lexical.get(id_))
            for rank, (id_, paper) in enumerate(self._in_full(best).items(), 1)
        )
        foreign = tuple(name for name in names(question) if not self._has(name))
        return Ranking(question, asked, ranked, Passages(read), cover, foreign, self._index.trouble)

    def knows(self, word: str) -> bool:
        """Whether any paper has the word, in whatever form."""
        return bool(self._index.lexical.search(word, 1, self._only))

    def _has(self, name: str) -> bool:
        """Whether any paper has the whole name, however it is hyphenated."""
        hits = self._index.lexical.search(name, _NAMESAKES, self._only)
        papers = self._catalog.texts([hit.paper_id for hit in hits])
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
        papers = self._catalog.texts([hit.paper_id for hit in hits])
        owners = [paper.paper_id for paper in papers if wanted.search(paper.title)]
        return owners[0] if len(owners) == 1 else None

    def _home(self, name: str) -> str | None:
        hits = self._index.lexical.search(name, _NAMESAKES, self._only)
        papers = self._catalog.texts([hit.paper_id for hit in hits])
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
        reader, both = self.readings.reader, self._reading_encoder
        if both is None:
            return self._encoder.encode([question])[0], query(reader, question)
        vectors, (reading,) = both.encode_and_read([question])
        return vectors[0], query_of(reading, reader.weights(reading.pieces))

    @cached_property
    def _reading_encoder(self) -> ReadingEncoder | None:
        encoder = self._encoder
        is_same = encoder.identity == self.readings.reader.identity
        return encoder if is_same and isinstance(encoder, ReadingEncoder) else None

    def _candidates_of(
        self, question: str, vector: Vectors, allowed: set[str] | None, at_most: int
    ) -> _Candidates:
        """The best of what either engine finds."""
        if allowed is not None and not allowed:
            return _Candidates({}, {}, {})
        dense = self._dense(vector, allowed)
        hits = self._index.lexical.search(question, self._candidates, allowed)
        lexical = {hit.paper_id: hit.score for hit in hits}
        fused = _fused(dense, lexical, self._dense_weight)
        best = {id_: fused[id_] for id_ in _best(fused, at_most)}
        return _Candidates(best, _reasons(dense, best), _reasons(lexical, best))

    def _in_full(self, texts: Mapping[str, Paper]) -> dict[str, Paper]:
        """The papers with all that is known of them, their words as they were ranked."""
        known = {paper.paper_id: paper for paper in self._catalog.papers(list(texts))}
        return {id_: _with_words_of(paper, known.get(id_, paper)) for id_, paper in texts.items()}

    def _dense(self, vector: Vectors, allowed: set[str] | None) -> dict[str, float]:
        """A paper's score is that of its nearest chunk."""
        chunks = self._index.store.nearest(vector, self._candidates * _CHUNKS_A_PAPER, allowed)
        best: dict[str, float] = {}
        for _, paper_id, score in chunks:
            if paper_id not in best:
                best[paper_id] = score
                if len(best) == self._candidates:
                    break
        return best


def _with_words_of(read: Paper, paper: Paper) -> Paper:
    if (read.title, read.abstract) == (paper.title, paper.abstract):
        return paper
    # Somebody changed it meanwhile: what is quoted of it must be what was read of it.
    return replace(paper, title=read.title, abstract=read.abstract)


def has_name(paper: Paper, name: str) -> bool:
    """Whether the paper has the name, however it is hyphenated, of one or of many.

    >>> has_name(Paper("id", "LSTM nets", "Tried on CIFAR-10."), "CIFAR10")
    True
    """
    if name in paper.abstract or name in paper.title:
        return True
    return _letters(name).removesuffix("s") in _letters(f"{paper.title} {paper.abstract}")


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text.casefold())


def _fused(dense: dict[str, float], lexical: dict[str, float], weight: float) -> dict[str, float]:
    by_meaning, by_words = _standardised(dense), _standardised(lexical)
    of_meaning, of_words = 2 * weight, 2 * (1 - weight)
    fused = {
        paper_id: of_meaning * score + of_words * by_words.get(paper_id, _LOWEST)
        for paper_id, score in by_meaning.items()
    }
    for paper_id, score in by_words.items():
        if paper_id not in fused:
            fused[paper_id] = of_meaning * _LOWEST + of_words * score
    return fused


def _standardised(scores: Mapping[str, float]) -> dict[str, float]:
    """Zero mean and unit deviation over what was found, so that two engines can be added."""
    if not scores:
        return {}
    values = np.array(list(scores.values()))
    # What numpy's own mean and deviation come to, without their preliminaries.
    values -= np.add.reduce(values) / len(values)
    deviation = sqrt(np.add.reduce(values * values) / len(values))
    standard = values / (deviation or 1.0)
    return dict(zip(scores, np.maximum(standard, _LOWEST).tolist(), strict=True))


def _best(scores: Mapping[str, float], most: int) -> list[str]:
    """The papers of the highest scores, equals by their ids."""
    return [id_ for _, id_ in sorted([(-score, id_) for id_, score in scores.items()])[:most]]


def _reasons(scores: Mapping[str, float], wanted: Container[str]) -> dict[str, Reason]:
    ordered = enumerate(_best(scores, len(scores)), 1)
    return {id_: Reason(rank, scores[id_]) for rank, id_ in ordered if id_ in wanted}
