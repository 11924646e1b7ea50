"""A paper listing saved as text -> sightings, whichever layout the page was saved in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from assistant.corpus.dates import Written, iso
from assistant.corpus.lines import Line, TextKind, Trailer, has_address, line_of, text_kind
from assistant.corpus.page import Note, NoteKind, Reading, cleaned, quoted
from assistant.schema import Sighting


class Layout(NamedTuple):
    """One way in which such a page is saved."""

    name: str
    spaced: bool
    """Blank lines part the texts, so that lines without one between may be one wrapped text."""
    dated: bool
    """Below an abstract stand its number of authors, a dot and a date."""


LAYOUTS = (
    Layout("alternating", spaced=False, dated=False),
    Layout("alternating, dated", spaced=False, dated=True),
    Layout("spaced", spaced=True, dated=False),
    Layout("spaced, dated", spaced=True, dated=True),
)

# A button's word runs into the first title where the page has no line between them.
_GLUED = re.compile(r"Subscribe(?!rs?\b|d\b)(?=\S)")
_WRAPPED_AT_LEAST, _WRAPPED_AT_MOST = 60, 130
_LONGEST_BYLINE = 5


class Unit(NamedTuple):
    """A text that belongs together, or one trailer of one or more lines."""

    line: int
    text: str
    kind: TextKind | None
    """What a text reads like; none for a trailer."""
    trailer: Trailer = Trailer()
    touches_trailer: bool = False
    """Whether a trailer stands on the very next line."""


@dataclass(slots=True)
class Listing:
    """A paper while its lines are still being read."""

    title: Unit
    abstract: list[Unit]
    trailer: Trailer = field(default_factory=Trailer)
    byline: str = ""
    closed: bool = False


def read_listing(text: str, page: str) -> Reading:
    """Every title with its abstract; all other lines are noted as passed over."""
    notes: list[Note] = []
    lines = _unglued(_lines(text, notes))
    layout = layout_of(lines)
    units = list(_units(lines, layout))
    walk = _Walk([], notes)
    walk.read(units)
    year = _own_year(lines, units)
    sightings = [
        _sighting(listing, page, position, year)
        for position, listing in enumerate(walk.listings, 1)
    ]
    return Reading(sightings, sorted(notes), layout.name)


def _lines(text: str, notes: list[Note]) -> list[Line]:
    lines: list[Line] = []
    above: Line | None = None
    for number, raw in enumerate(re.split("\r\n|\r|\n", text), 1):
        line = line_of(number, cleaned(raw, number, notes), above)
        above = above if line.kind == "blank" else line
        lines.append(line)
        if line.kind in ("site", "date"):
            word = "date" if line.kind == "date" else "words"
            notes.append(Note(number, "skipped", f"the page's own {word}: {quoted(line.text)}"))
    return lines


def _unglued(lines: list[Line]) -> list[Line]:
    """Take a button's word off the first title."""
    for index, line in enumerate(lines):
        if line.text == "Subscribe" or (line.kind == "text" and text_kind(line.text) == "prose"):
            break
        if _GLUED.match(line.text):
            title = line_of(line.number, _GLUED.sub("", line.text), None)
            return [*lines[:index], title, *lines[index + 1 :]]
    return lines


def layout_of(lines: list[Line]) -> Layout:
    """Choose the row of `LAYOUTS` that the page's texts and trailers show."""
    starts = [above.kind for above, line in pairwise(lines) if line.kind == "text" != above.kind]
    spaced = starts.count("blank") * 2 > len(starts)
    dated = any(line.kind == "trailer" for line in lines)
    return next(row for row in LAYOUTS if (row.spaced, row.dated) == (spaced, dated))


def _units(lines: list[Line], layout: Layout) -> Iterator[Unit]:
    trailers = {line.number for line in lines if line.kind == "trailer"}
    for block in _blocks(lines):
        if block[0].kind == "trailer":
            yield _trailer(block)
            continue
        wrapped = layout.spaced and _is_wrapped(block)
        for part in [block] if wrapped else [[line] for line in block]:
            text = " ".join(line.text for line in part)
            touches = part[-1].number + 1 in trailers
            yield Unit(part[0].number, text, text_kind(text), touches_trailer=touches)


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Texts that nothing parts; trailers, which blank lines and the site's words may part."""
    block: list[Line] = []
    for line in lines:
        if line.kind not in ("text", "trailer"):
            continue
        gap = bool(block) and line.kind == "text" and line.number != block[-1].number + 1
        if block and (gap or line.kind != block[-1].kind):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _trailer(block: list[Line]) -> Unit:
    joined = Trailer()
    for line in block:
        joined = joined.joined(line.trailer or Trailer())
    return Unit(block[0].number, "", None, joined)


def _is_wrapped(block: list[Line]) -> bool:
    """Whether an editor broke one text into lines of one width."""
    width = max(len(line.text) for line in block)
    full = all(len(line.text) * 5 >= width * 3 for line in block[:-1])
    return len(block) > 1 and full and _WRAPPED_AT_LEAST <= width <= _WRAPPED_AT_MOST


_END_OF_PAGE = Unit(0, "", "title")


@dataclass(slots=True)
class _Walk:
    """Reads units in order; a title waits for an abstract, and never for that of the next title."""

    listings: list[Listing]
    notes: list[Note]
    waiting: list[Unit] = field(default_factory=list)
    ahead: Trailer = field(default_factory=Trailer)

    def read(self, units: list[Unit]) -> None:
        for unit, after in pairwise([*units, _END_OF_PAGE]):
            if unit.kind is None:
                self._end_listing(unit, after)
            elif self._begins_abstract(unit, after):
                self._begin_listing(unit)
            elif self._goes_on(unit, after):
                self.listings[-1].abstract.append(unit)
                self._note(unit, "merged", "a further paragraph of the abstract above")
            elif unit.kind == "prose" or has_address(unit.text):
                self._note(unit, "skipped", "a text without a title")
            else:
                self.waiting.append(unit)
        self._pass_over()

    def _begins_abstract(self, unit: Unit, after: Unit) -> bool:
        if not self.waiting or unit.kind == "title":
            return False
        if unit.kind == "prose" or after.kind is None:
            return True
        if after.kind == "prose":
            return unit.kind == "sentence"
        # Above the first paper, a short sentence is the site's.
        return bool(self.listings)

    def _goes_on(self, unit: Unit, after: Unit) -> bool:
        if self.waiting or not self.listings or self.listings[-1].closed:
            return False
        if unit.kind == "prose" or has_address(unit.text):
            return True
        # An abstract follows: then this is its title, even one that ends in a full stop.
        return after.kind != "prose" and unit.kind in ("sentence", "loose")

    def _begin_listing(self, abstract: Unit) -> None:
        title = self.waiting.pop()
        self._pass_over()
        self.listings.append(Listing(title, [abstract], self.ahead))
        self.ahead = Trailer()

    def _end_listing(self, unit: Unit, after: Unit) -> None:
        if self.waiting and after.kind == "prose":
            self.ahead = unit.trailer
            return
        if self._is_byline(unit):
            byline = self.waiting.pop()
            self.listings[-1].byline = byline.text
            self._note(byline, "skipped", "a name in place of the number of authors")
        if self.listings and not self.waiting:
            self.listings[-1].trailer = self.listings[-1].trailer.joined(unit.trailer)
        if self.listings:
            self.listings[-1].closed = True
        self._pass_over()

    def _is_byline(self, unit: Unit) -> bool:
        """Whether the one line between abstract and trailer names its author, and is no title."""
        if len(self.waiting) != 1 or unit.trailer.author_count is not None or not self.listings:
            return False
        line = self.waiting[0]
        words = len(line.text.split())
        return not self.listings[-1].closed and line.touches_trailer and words <= _LONGEST_BYLINE

    def _pass_over(self) -> None:
        for unit in self.waiting:
            self._note(unit, "skipped", "no abstract follows")
        self.waiting.clear()

    def _note(self, unit: Unit, kind: NoteKind, why: str) -> None:
        self.notes.append(Note(unit.line, kind, f"{why}: {quoted(unit.text)}"))


def _own_year(lines: list[Line], units: list[Unit]) -> int | None:
    """Infer the year a page leaves out: its heading's own, or the one after the newest spelled."""
    heading = [_year(line.trailer) for line in lines if line.kind == "date"]
    spelled = [_year(unit.trailer) for unit in units]
    newest = max(filter(None, spelled), default=None)
    return max(filter(None, heading), default=newest + 1 if newest else None)


def _year(trailer: Trailer | None) -> int | None:
    return trailer.written.year if trailer and trailer.written else None


def _sighting(listing: Listing, page: str, position: int, own_year: int | None) -> Sighting:
    trailer = listing.trailer
    written = trailer.written or Written()
    inferred = trailer.written is not None and written.year is None
    return Sighting(
        page=page,
        position=position,
        line=listing.title.line,
        title=listing.title.text,
        abstract=" ".join(unit.text for unit in listing.abstract),
        date=iso(written._replace(year=own_year) if inferred else written),
        year_inferred=inferred and own_year is not None,
        author_count=trailer.author_count,
        authors=(listing.byline,) if listing.byline else (),
        extra={"comments": trailer.comments} if trailer.comments else {},
    )
