"""Files -> the catalog's sightings and papers; what is known already is not read again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from assistant.catalog import Catalog, Listing, Page
from assistant.corpus import (
    STANDARD_INPUT,
    Note,
    PageReader,
    PageReport,
    merge,
    notes_on,
    nothing_found,
    page_readers,
    paper_id,
)
from assistant.errors import CorpusError
from assistant.journal import mark_stale
from assistant.schema import Paper, Sighting
from assistant.sightings import ELSEWHERE, assign, kin, listed, words

_AT_ONCE = 200
_MOST_NOTES = 10_000
_MB = 1024 * 1024

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is: in megabytes, here."""


def _quiet(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


class Gathered(NamedTuple):
    """What was read, and what became of the papers."""

    pages: int
    pages_unchanged: int
    pages_gone: tuple[str, ...]
    listings: int
    added: int
    changed: int
    removed: int
    merged: int
    """Listings of changed pages that were one paper with another listing."""
    papers_gone: tuple[tuple[str, str], ...]
    """Id and title of every paper that was removed."""
    notes: tuple[tuple[str, Note], ...]
    """Each with the page it belongs to."""


@dataclass(slots=True)
class Tally:
    """What became of the papers, as it is told."""

    added: int = 0
    changed: int = 0
    merged: int = 0
    gone: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, Note]] = field(default_factory=list)


def gather(
    catalog: Catalog,
    paths: Sequence[Path | str],
    *,
    prune: bool = False,
    strict: bool = False,
    reread: bool = False,
    without: Collection[str] = (),
    shared: bool = False,
    progress: Progress = _quiet,
) -> Gathered:
    """Take in these files; all of it or, after an error, nothing.

    `prune` drops the pages that are not among them, `strict` makes an error of a record that cannot
    be read, and like `reread` reads unchanged files too. `without` are papers to leave out.
    Where the corpus is `shared`, every paper whose listings changed is one to tell others of.
    """
    readers = page_readers(paths, strict=strict)
    with catalog.transaction():
        known = catalog.page_files()
        for reader in readers:
            reader.hash()
            reader.page = _name(reader, known)
        fresh = [one for one in readers if not _is_unchanged(one, known)]
        gone = _gone(known, readers) if prune else ()
        touched = {id_ for page in gone for id_ in catalog.remove_page(page)}
        reports = []
        for reader in _told(fresh, progress):
            reports.append(_take(catalog, reader, touched, known))
        unchanged = [one for one in readers if _is_unchanged(one, known)]
        counts = listed(catalog.database)
        found = sum(r.found for r in reports) + sum(counts.get(one.page, 0) for one in unchanged)
        if not found:
            raise CorpusError(nothing_found(paths, reports))
        tally = merge_papers(catalog, touched, without, {one.page for one in fresh})
        if shared:
            mark_stale(catalog.database, touched)
        reports += [_reread(one) for one in unchanged] if reread or strict else []
    notes = [(one.page, note) for one in reports for note in one.notes]
    return Gathered(
        pages=len(readers),
        pages_unchanged=len(unchanged),
        pages_gone=tuple(gone),
        listings=found,
        added=tally.added,
        changed=tally.changed,
        removed=len(tally.gone),
        merged=tally.merged,
        papers_gone=tuple(tally.gone.items()),
        notes=tuple(sorted([*notes, *tally.notes])),
    )


def _told(readers: Sequence[PageReader], progress: Progress) -> Iterator[PageReader]:
    """The readers one after the other, each of which tells how far it has come."""
    total = max(1, sum(reader.size for reader in readers) // _MB)
    before = 0

    def tell(taken: int) -> None:
        progress("read", min(total, (before + taken) // _MB), total)

    tell(0)
    for reader in readers:
        reader.on_progress = tell
        yield reader
        before += reader.size
    progress("read", total, total)


def _is_unchanged(reader: PageReader, known: dict[str, Page]) -> bool:
    page = known.get(reader.page)
    return bool(page and reader.sha256 and page.sha256 == reader.sha256)


def _gone(known: dict[str, Page], readers: Sequence[PageReader]) -> tuple[str, ...]:
    """The pages that are not among those read; what was piped in, or read elsewhere, cannot be."""
    kept = {one.page for one in readers}
    closed = [one.path.absolute() for one in readers if one.is_closed]
    return tuple(
        name
        for name, page in sorted(known.items())
        if name not in kept
        and page.format != ELSEWHERE
        and Path(page.path).name != str(STANDARD_INPUT)
        and not any(Path(page.path).is_relative_to(folder) for folder in closed)
    )


def _take(
    catalog: Catalog, reader: PageReader, touched: set[str], known: Mapping[str, Page]
) -> PageReport:
    """Put a page in place of what it was; one in which nothing is found takes nothing out.

    Nor does one that breaks off: what it held before may stand behind the break.
    """
    if reader.page in known and not _is_sound(reader):
        why = "breaks off, so what was read before stays: fetch the file again"
        return reader.pass_over(why, listed(catalog.database)[reader.page])
    sightings = reader.sightings()
    first = next(sightings, None)
    if first is not None:
        path = str(reader.path.resolve())
        page = Page(reader.page, path, reader.sha256, reader.format)
        listings = (Listing(paper_id(seen.title), seen) for seen in chain([first], sightings))
        touched |= catalog.replace_page(page, listings)
    return reader.report()


def _is_sound(reader: PageReader) -> bool:
    try:
        return reader.is_sound()
    except CorpusError:
        # Reading it will tell why.
        return True


def _reread(reader: PageReader) -> PageReport:
    for _ in reader.sightings():
        pass
    return reader.report()


def merge_papers(
    catalog: Catalog,
    touched: Collection[str],
    without: Collection[str] = (),
    told: Collection[str] = (),
) -> Tally:
    """Make the papers of what was seen of them; what is noted on the pages `told` is kept."""
    tally = Tally()
    ids = sorted(touched)
    for start in range(0, len(ids), _AT_ONCE):
        _merge(catalog, ids[start : start + _AT_ONCE], without, tally, told)
    return tally


def _merge(
    catalog: Catalog,
    ids: list[str],
    without: Collection[str],
    tally: Tally,
    told: Collection[str],
) -> None:
    database = catalog.database
    listings = kin(database, ids)
    before = words(database, {*ids, *(one.paper_id for one in listings)})
    papers = merge((one.sighting for one in listings), _known(listings, {*before, *without}))
    now = {paper.paper_id: paper for paper in papers if paper.paper_id not in without}
    catalog.set_papers(now.values())
    assign(database, papers, listings)
    catalog.remove_papers(before.keys() - now.keys())
    _count(tally, before, now)
    _tell(tally, papers, told)


def _known(listings: Sequence[Listing], before: Collection[str]) -> dict[tuple[str, int], str]:
    return {(seen.page, seen.position): id_ for id_, seen in listings if id_ in before}


def _count(tally: Tally, before: dict[str, tuple[str, str]], now: dict[str, Paper]) -> None:
    for id_, paper in now.items():
        if id_ in before:
            tally.changed += before[id_] != (paper.title, paper.abstract)
        # One that a part of the families took away, and another gave back, was there all the time.
        elif tally.gone.pop(id_, None) is None:
            tally.added += 1
    tally.gone |= {id_: before[id_][0] for id_ in before if id_ not in now}


def _tell(tally: Tally, papers: Sequence[Paper], told: Collection[str]) -> None:
    for page, note in _notes(paper.sightings for paper in papers if len(paper.sightings) > 1):
        if page in told:
            tally.merged += note.kind == "merged"
            if len(tally.notes) < _MOST_NOTES:
                tally.notes.append((page, note))


def _notes(groups: Iterable[Sequence[Sighting]]) -> Iterator[tuple[str, Note]]:
    for group in groups:
        yield from notes_on(group)


def _name(reader: PageReader, known: dict[str, Page]) -> str:
    """A name that no other file has; a known file keeps its own."""
    path, name = reader.path.resolve(), reader.page
    if reader.path == STANDARD_INPUT:
        return name
    for page in known.values():
        if Path(page.path) == path:
            return page.page
    above = list(path.parts[1 : -len(name.split("/"))])
    while above and name in known and _is_another(known[name], reader):
        name = f"{above.pop()}/{name}"
    return name


def _is_another(page: Page, reader: PageReader) -> bool:
    # A file that is there no more has been moved here.
    return page.sha256 != reader.sha256 and Path(page.path).exists()
