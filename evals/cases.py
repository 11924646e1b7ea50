"""Samples -> cases to fit on: what was found for each question, and whether it is answered there.

To the questions of the datasets come two kinds that cost nothing to write: every single-paper
question with its paper taken away, and plain questions about a system that a title names.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant import condense
from assistant.late import Passage
from assistant.retriever import Ranking
from assistant.schema import Filters, Paper
from evals.dataset import Sample
from evals.folds import papers_of
from evals.parts import Parts

READ = 12
"""So many papers the pipeline ranks before it decides whether to answer."""
Origin = Literal["single", "compare", "followup", "unanswerable", "removed", "plain"]
_ORIGINS: dict[str, Origin] = {
    "compare": "compare",
    "followup": "followup",
    "unanswerable": "unanswerable",
}
_NAMED = re.compile(r"([A-Z][\w+-]{2,20}):")
_PLAIN = ("What is {}?", "How does {} work?", "What does {} achieve?")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A question and what the retriever found for it."""

    origin: Origin
    ranking: Ranking
    papers: tuple[str, ...]
    """Titles of the papers it is about: they must not stand in two folds."""
    sample: Sample | None = None
    gold: tuple[Passage, ...] = ()
    """Of a single-paper question: the sentences of its paper."""

    @property
    def is_answerable(self) -> bool:
        """Whether what was found may hold the answer."""
        return self.origin not in ("unanswerable", "removed")


def cases(parts: Parts, samples: Sequence[Sample]) -> list[Case]:
    """All cases, those of the samples first and in their order."""
    papers = parts.catalog.papers()
    by_title = {paper.title: paper for paper in papers}
    asked = [_asked(parts, sample, by_title) for sample in samples]
    removed = [_removed(case, by_title) for case in asked if case.origin == "single"]
    return [*asked, *removed, *_plain(parts, papers)]


def _asked(parts: Parts, sample: Sample, by_title: dict[str, Paper]) -> Case:
    question = sample.question
    if sample.history:
        question = condense.by_rules(parts.retriever, question, sample.history, Filters())
    ranking = parts.retriever.rank(question, READ)
    gold: tuple[Passage, ...] = ()
    if sample.is_single:
        paper = by_title[sample.relevant[0]]
        gold = tuple(parts.readings.of([paper])[paper.paper_id])
    origin = _ORIGINS.get(sample.kind, "single")
    return Case(origin, ranking, papers_of(sample), sample, gold)


def _removed(case: Case, by_title: dict[str, Paper]) -> Case:
    """The same question, its paper taken out of what was found."""
    gone = by_title[case.papers[0]].paper_id
    left = tuple(hit for hit in case.ranking.papers if hit.paper.paper_id != gone)
    return Case("removed", replace(case.ranking, papers=left), case.papers)


def _plain(parts: Parts, papers: Sequence[Paper]) -> Iterator[Case]:
    for paper in papers:
        if found := _NAMED.match(paper.title):
            for form in _PLAIN:
                ranking = parts.retriever.rank(form.format(found.group(1)), READ)
                yield Case("plain", ranking, (paper.title,))
