"""What reading a page gives: its listings, and a report of what was found and passed over."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from assistant.clean import at_entry
from assistant.schema import Sighting

NoteKind = Literal["merged", "skipped", "abstract_differs", "unreadable", "cleaned"]
_QUOTED = 80


class Note(NamedTuple):
    """Something a reader of the report should know about one line; line 0 is the whole file."""

    line: int
    kind: NoteKind
    text: str


class Variant(NamedTuple):
    """Which of its format's variants a page is."""

    name: str


Found = Sighting | Note | Variant
"""What a reader gives, one after the other, as it reads."""


class PageReport(NamedTuple):
    """One file: what was found in it, and every line that is not a paper or is not only one.

    Where `found` is 0 a note says why; such a page takes nothing out of a catalog.
    """

    page: str
    path: Path
    sha256: str
    format: str
    found: int
    notes: tuple[Note, ...] = ()


class ParsedCorpus(NamedTuple):
    """All pages that were given, and all listings in them."""

    pages: tuple[PageReport, ...]
    sightings: tuple[Sighting, ...]


class Reading(NamedTuple):
    """What a reader of one format makes of a text."""

    sightings: list[Sighting]
    notes: list[Note]
    variant: str = ""
    """Which of the format's variants this page is."""

    def found(self) -> Iterator[Found]:
        """The same, one after the other."""
        if self.variant:
            yield Variant(self.variant)
        yield from self.notes
        yield from self.sightings


def collected(found: Iterable[Found]) -> Reading:
    """All that a reader gives, with its notes in the order of their lines."""
    sightings: list[Sighting] = []
    notes: list[Note] = []
    variant = ""
    for one in found:
        if isinstance(one, Sighting):
            sightings.append(one)
        elif isinstance(one, Note):
            notes.append(one)
        else:
            variant = one.name
    return Reading(sightings, sorted(notes), variant)


def quoted(text: str) -> str:
    """Quote the beginning of a text, for a note or an error."""
    return f'"{text}"' if len(text) <= _QUOTED else f'"{text[: _QUOTED - 1].rstrip()}…"'


def cleaned(text: str, line: int, notes: list[Note]) -> str:
    """Clean a text as it may be kept, with a note where something hidden was taken out."""
    clean = at_entry(text)
    if clean.removed:
        counts = ", ".join(f"{count} {category}" for category, count in clean.removed.items())
        notes.append(Note(line, "cleaned", f"hidden characters taken out: {counts}"))
    return clean.text.strip()
