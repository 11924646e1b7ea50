"""A catalog -> what it holds, in figures, and questions that it can answer."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import NamedTuple, Protocol

from assistant.catalog import Catalog
from assistant.config import EMBEDDED
from assistant.contents import listings_of, rows_of
from assistant.schema import Answer, Paper
from assistant.titles import Casing, Named, infinitive, is_task, named, phrases, subject

_SAMPLE = 500
"""Papers that questions are drawn from; ids are hashes, so the first are as good as any."""
_LONGEST = 120
_MOST_ASKED = 30


class Opening(NamedTuple):
    """What a corpus holds; dates as they are written, pages with the number of their listings."""

    papers: int
    first: str | None
    last: str | None
    undated: int
    pages: tuple[tuple[str, int], ...]
    questions: tuple[str, ...]


class Example(NamedTuple):
    """A question, the papers that it was drawn from, and how it was made."""

    question: str
    paper_ids: tuple[str, ...]
    kind: str


class Stream(Protocol):
    """What asking gives."""

    def answer(self) -> Answer:
        """The whole answer."""


class Asked(Protocol):
    """Whoever can be asked."""

    def ask(self, question: str, *, model: str | None = None) -> Stream:
        """The answer on its way."""


def opening(catalog: Catalog, count: int = 6) -> Opening:
    """What the catalog holds, with questions nobody has tried yet; see `answerable`."""
    dates = [row.date for row in rows_of(catalog)]
    known = sorted(date for date in dates if date)
    return Opening(
        papers=len(dates),
        first=known[0] if known else None,
        last=known[-1] if known else None,
        undated=len(dates) - len(known),
        pages=listings_of(catalog),
        questions=tuple(example_questions(sample(catalog), count)) if count else (),
    )


def sample(catalog: Catalog) -> list[Paper]:
    """Papers to draw questions from."""
    return catalog.papers(sorted(catalog.paper_ids())[:_SAMPLE])


def example_questions(papers: Iterable[Paper], count: int = 6) -> list[str]:
    """Questions that these papers should answer, as a person would ask them; always the same."""
    return [one.question for one in islice(examples(papers), count)]


def answerable(assistant: Asked, wanted: Iterable[Example], count: int = 6) -> list[str]:
    """The first questions that the assistant answers, by quoting, from the very papers meant."""
    tried = islice(wanted, _MOST_ASKED)
    return list(islice((one.question for one in tried if _is_answered(assistant, one)), count))


def _is_answered(assistant: Asked, example: Example) -> bool:
    answer = assistant.ask(example.question, model=EMBEDDED).answer()
    cited = {citation.paper_id for citation in answer.citations}
    return not answer.refused and cited >= set(example.paper_ids)


def examples(papers: Iterable[Paper]) -> Iterator[Example]:
    """Questions in the order to show them: every kind in turn, other papers and pages first."""
    known = sorted(papers, key=lambda paper: paper.paper_id)
    casing = Casing.of(paper.abstract for paper in known)
    made = [one for kind in _KINDS for one in kind(known, casing) if len(one.question) <= _LONGEST]
    return _varied(made, {paper.paper_id: paper for paper in known})


def _varied(made: Sequence[Example], papers: dict[str, Paper]) -> Iterator[Example]:
    """Take turns between the kinds; within one, whatever repeats least comes first."""
    left = list(made)
    kinds = list(dict.fromkeys(one.kind for one in left))
    seen: Counter[str] = Counter()
    for turn in count():
        if not left:
            return
        of_kind = [one for one in left if one.kind == kinds[turn % len(kinds)]]
        if not of_kind:
            continue
        chosen = min(of_kind, key=lambda one: sum(seen[mark] for mark in _marks(one, papers)))
        seen.update(_marks(chosen, papers))
        left = [one for one in left if not set(one.paper_ids) & set(chosen.paper_ids)]
        yield chosen


def _marks(example: Example, papers: dict[str, Paper]) -> Iterator[str]:
    """What makes two examples alike: the year and the pages of their papers, and their theme."""
    for paper_id in example.paper_ids:
        paper = papers[paper_id]
        yield f"year {(paper.date or 'none')[:4]}"
        yield from {f"page {seen.page}" for seen in paper.sightings[:1]}
        yield from (f"theme {phrase}" for phrase in phrases(paper.title))


# Kinds of questions, the ones that read best first.


def _deeds(papers: Sequence[Paper], casing: Casing) -> Iterator[Example]:
    """Serving Thousands of Adapters: how does S-LoRA serve thousands of adapters."""
    for paper, of in _all_named(papers):
        if (deed := infinitive(of.subtitle, casing)) and of.in_text:
            yield Example(f"How does {of.name} {deed}?", (paper.paper_id,), "deed")


def _aims(papers: Sequence[Paper], casing: Casing) -> Iterator[Example]:
    """A Transformer for Speech Recognition: how does it approach speech recognition."""
    for paper, of in _all_named(papers):
        _, found, aim = of.subtitle.partition(" for ")
        if found and of.in_text and is_task(aim) and (words := casing.plain(aim)):
            yield Example(f"How does {of.name} approach {words}?", (paper.paper_id,), "aim")


_SPEED = re.compile(r"\d[\d.]*\s?(?:x|×|\\times|times)\W+(?:faster|speed-?up)", re.I)
_ACCURACY = re.compile(
    r"\baccuracy of (?:up to )?\d|\d[\d.]*\s?\\?%(?: \w+)? (?:\w+ )?accuracy", re.I
)


def _figures(papers: Sequence[Paper], _: Casing) -> Iterator[Example]:
    """Whatever an abstract measures of the thing that it names."""
    for paper, of in _all_named(papers):
        if not of.in_text:
            continue
        if _SPEED.search(paper.abstract):
            yield Example(f"What speed-up does {of.name} reach?", (paper.paper_id,), "figure")
        elif _ACCURACY.search(paper.abstract):
            yield Example(f"How accurate is {of.name}?", (paper.paper_id,), "figure")


_SURVEY = re.compile(r"(?:^|: )(?:a|an)\b[^:]*?\b(survey|review) (?:on|of) ([^:]+)", re.I)
_SURVEYED = re.compile(r"^([^:]+): an? (?:[\w-]+ )?(survey|review)$", re.I)


def _surveys(papers: Sequence[Paper], casing: Casing) -> Iterator[Example]:
    """A Survey of Beehive Monitoring: what does it cover."""
    for paper in papers:
        if found := _SURVEY.search(paper.title):
            kind, topic = found.groups()
        elif found := _SURVEYED.search(paper.title):
            topic, kind = found.groups()
        else:
            continue
        words = casing.plain(topic)
        about = f"the {kind.lower()} of {words}" if words else f"“{paper.title}”"
        yield Example(f"What does {about} cover?", (paper.paper_id,), "survey")


def _pairs(papers: Sequence[Paper], casing: Casing) -> Iterator[Example]:
    """Two named things with one theme, the rarest themes first."""
    themes: dict[str, list[tuple[Paper, Named]]] = {}
    for paper, of in _all_named(papers):
        if of.in_text:
            for phrase in filter(is_task, phrases(of.subtitle)):
                themes.setdefault(phrase, []).append((paper, of))
    shared = [(theme, found) for theme, found in themes.items() if len(found) > 1]
    for theme, found in sorted(shared, key=lambda one: (-len(one[0].split()), len(one[1]), one[0])):
        (paper, of), (other, rival) = found[:2]
        words = casing.plain(theme)
        if words and of.name != rival.name:
            question = f"Compare {of.name} and {rival.name}: how does each approach {words}?"
            yield Example(question, (paper.paper_id, other.paper_id), "pair")


# "How can one understand this?" asks for something else than the paper that sets out to do so.
_LOOKS_AT = re.compile(
    r"(?:analyze|assess|benchmark|characterize|compare|evaluate|examine|explain|explore|investigate"
    r"|model|rethink|revisit|study|understand)\b"
)


def _topics(papers: Sequence[Paper], casing: Casing) -> Iterator[Example]:
    """A title that names nothing: what it says is done, or else the title itself."""
    for paper in papers:
        if ":" in paper.title or _SURVEY.search(paper.title):
            continue
        title = paper.title.rstrip(".")
        reason = subject(title, "Why", casing)
        if title.endswith("?"):
            question = title
        elif reason:
            question = f"What explains why {reason}?"
        elif (deed := infinitive(title, casing)) and not _LOOKS_AT.match(deed):
            question = f"How can one {deed}?"
        else:
            question = f"What is “{title}” about?"
        yield Example(question, (paper.paper_id,), "topic")


def _others(papers: Sequence[Paper], _: Casing) -> Iterator[Example]:
    """Whatever has a name can be asked what it is."""
    for paper, of in _all_named(papers):
        if of.in_text:
            question = f"What is {of.name}, and how does it work?"
            yield Example(question, (paper.paper_id,), "other")


def _all_named(papers: Iterable[Paper]) -> Iterator[tuple[Paper, Named]]:
    return ((paper, of) for paper in papers if (of := named(paper)))


_KINDS: tuple[Callable[[Sequence[Paper], Casing], Iterator[Example]], ...] = (
    _deeds,
    _figures,
    _pairs,
    _surveys,
    _aims,
    _topics,
    _others,
)
