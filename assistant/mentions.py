"""A term -> the papers that mention it, the earliest first, each with how surely it is so early."""

import re
from typing import Literal, NamedTuple

from assistant.catalog import Catalog
from assistant.errors import UsageError
from assistant.period import ALWAYS
from assistant.rows import days_of
from assistant.schema import Filters, Paper

Known = Literal["day", "month", "year", "year inferred", "nothing"]
_PRECISION: dict[int, Known] = {10: "day", 7: "month", 4: "year"}
_PART = re.compile(r"[^\W\d_]+|\d+")
_AROUND = 80
_LONGEST = 200
_SHORT = 3
"""Letters: of a word so short, an s at the end is no sign of many."""


class Mention(NamedTuple):
    """A paper that mentions the term."""

    paper: Paper
    quote: str
    """Where the title or the abstract does so first."""
    known: Known
    """How much of the paper's date is known."""
    may_be_first: bool
    """Whether no other paper is surely earlier."""


def mentions(catalog: Catalog, term: str, as_of: str | None = None) -> list[Mention]:
    """Every paper that has `term`, however it is hyphenated, of one or of many.

    A date that is not whole counts as the last day that it may mean; papers without one come last,
    in the order of their pages.
    """
    pattern = _pattern(term)
    ids = _likely(catalog, term)
    if as_of is not None:
        allowed = catalog.paper_ids(Filters(as_of=as_of))
        ids = [paper_id for paper_id in ids if paper_id in allowed]
    papers = catalog.papers(ids)
    found = [(paper, quote) for paper in papers if (quote := _quote(paper, pattern))]
    found.sort(key=lambda one: _when(one[0]))
    surely = min((_days(paper)[1] for paper, _ in found), default=ALWAYS.last)
    return [
        Mention(paper, quote, known(paper), _days(paper)[0] <= surely) for paper, quote in found
    ]


def known(paper: Paper) -> Known:
    """How much of a paper's date is known."""
    if paper.date is None or days_of(paper.date) == (None, None):
        return "nothing"
    return "year inferred" if paper.year_inferred else _PRECISION[len(paper.date.strip())]


def _pattern(term: str) -> re.Pattern[str]:
    parts = _PART.findall(term[:_LONGEST])
    if not parts:
        raise UsageError(f"{term[:40]!r} has no letters to look for: give a word or a name")
    if len(parts[-1]) > _SHORT:
        parts[-1] = re.sub("[sS]$", "", parts[-1])
    # CIFAR-10 is CIFAR10, and a method may be one of several methods.
    inside = r"[\W_]?".join(map(re.escape, parts))
    return re.compile(rf"(?<![^\W_]){inside}s?(?![^\W_])", re.IGNORECASE)


def _likely(catalog: Catalog, term: str) -> list[str]:
    """The papers that hold the longest part of the term."""
    part = max(_PART.findall(term[:_LONGEST]), key=len)
    part = part[:-1] if part[-1] in "sS" else part
    # SQLite knows the capitals of ASCII alone.
    like = f"%{part}%" if part.isascii() else "%"
    sql = "SELECT paper_id FROM papers WHERE title LIKE ? OR abstract LIKE ? ORDER BY paper_id"
    return [paper_id for (paper_id,) in catalog.database.rows(sql, (like, like))]


def _quote(paper: Paper, pattern: re.Pattern[str]) -> str:
    for text in (paper.title, paper.abstract):
        if found := pattern.search(text):
            start, end = max(0, found.start() - _AROUND), found.end() + _AROUND
            before, after = "…" * (start > 0), "…" * (end < len(text))
            return f"{before}{text[start:end].strip()}{after}"
    return ""


def _days(paper: Paper) -> tuple[str, str]:
    first, last = days_of(paper.date)
    return (first, last) if first and last else (ALWAYS.last, ALWAYS.last)


def _when(paper: Paper) -> tuple[str, str, str, int, str]:
    first, last = _days(paper)
    seen = paper.sightings[0] if paper.sightings else None
    return last, first, seen.page if seen else "", seen.position if seen else 0, paper.paper_id
