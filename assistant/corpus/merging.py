"""Sightings -> papers: the same title is the same paper, and its newest words win."""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from assistant.corpus.page import Note
from assistant.schema import Paper, Sighting

_ID_LENGTH = 12
# C, C++ and C# are three languages, and U-Net and U-Net++ two networks.
_TELLING_SIGNS = "+#"


class PageNote(NamedTuple):
    """A note and the page it belongs to."""

    page: str
    note: Note


def paper_id(title: str) -> str:
    """Give one id to titles that differ in case, spacing, punctuation or width alone."""
    return hashlib.sha256(_identity(title).encode()).hexdigest()[:_ID_LENGTH]


def _identity(title: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())
    words = "".join(character for character in folded if _tells(character))
    return words or "".join(folded.split())


def _tells(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN" or character in _TELLING_SIGNS


def merge(sightings: Iterable[Sighting]) -> list[Paper]:
    """One paper a title, in the order of first sight."""
    return [_paper(identity, group) for identity, group in _groups(sightings).items()]


def _groups(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    groups: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        groups.setdefault(paper_id(sighting.title), []).append(sighting)
    return groups


def _paper(identity: str, group: list[Sighting]) -> Paper:
    ranked = newest_first(group)
    dated = next((sighting for sighting in ranked if sighting.date), ranked[0])
    return Paper(
        paper_id=identity,
        title=ranked[0].title,
        abstract=ranked[0].abstract,
        date=dated.date,
        year_inferred=dated.year_inferred,
        author_count=next((s.author_count for s in ranked if s.author_count is not None), None),
        authors=next((s.authors for s in ranked if s.authors), ()),
        url=next((s.url for s in ranked if s.url), None),
        extra={key: value for s in reversed(ranked) for key, value in s.extra.items()},
        sightings=tuple(sorted(group, key=_place)),
    )


def _place(sighting: Sighting) -> tuple[str, int]:
    return sighting.page, sighting.position


def newest_first(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Dates tell where there are two; else the last page in name order, and the later position.

    The newest dated and the last undated one meet by place: the order of the input is no matter.
    """
    by_place = sorted(sightings, key=_place, reverse=True)
    dated = sorted((s for s in by_place if s.date), key=lambda s: s.date or "", reverse=True)
    undated = [s for s in by_place if not s.date]
    if dated and undated and _place(undated[0]) > _place(dated[0]):
        return [undated[0], *dated, *undated[1:]]
    return dated + undated


def merge_notes(sightings: Iterable[Sighting]) -> Iterator[PageNote]:
    """Tell what merging hides: the listings that gave way to newer ones, and whose words differ."""
    for group in _groups(sightings).values():
        winner, *others = newest_first(group)
        kept = f"{winner.page}:{winner.line}"
        for sighting in others:
            yield PageNote(sighting.page, Note(sighting.line, "merged", f"same paper as {kept}"))
            if sighting.abstract.split() != winner.abstract.split():
                text = f"another abstract than the newer {kept}, which is kept"
                yield PageNote(sighting.page, Note(sighting.line, "abstract_differs", text))
