"""Files and folders -> pages read: found, decoded, and given to the reader of their format."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from assistant.corpus.formats import SUFFIXES, format_of, is_known
from assistant.corpus.merging import merge_notes
from assistant.corpus.page import Note, PageReport, ParsedCorpus, Variant
from assistant.corpus.sources import LINK, Source, shown, sources
from assistant.corpus.text import Text
from assistant.errors import CorpusError
from assistant.schema import Sighting

# A file of millions of records may have something to note on each.
MOST_NOTES = 10_000
_TELL_EVERY = 1_000


class PageReader:
    """A page that gives its sightings one by one; when it has given all, its report is whole.

    What cannot be read is an error where the file was named itself or `strict`, else a note;
    a record that cannot be read is an error only if `strict`.
    """

    def __init__(self, source: Source, *, strict: bool = False, max_bytes: int | None = None):
        self.page = source.page
        self.path = source.path
        self.named = source.named
        self._source = source
        self._strict = strict
        self._max_bytes = max_bytes
        self.sha256 = ""
        self.on_progress: Callable[[int], object] = bool
        """Told, now and then, how many bytes of the file were read."""
        self._start()

    def _start(self) -> None:
        self._notes: list[Note] = []
        self._unsaid = 0
        self._found = 0
        self.format = ""

    @property
    def is_known(self) -> bool:
        """Whether it is read at all: named itself, or called as files of ours are."""
        return self.named or self.is_closed or is_known(self.path)

    @property
    def is_closed(self) -> bool:
        """Whether it is a folder that was not looked into."""
        return bool(self._source.fault)

    @property
    def size(self) -> int:
        """The bytes of the file; 0 where that is not known."""
        try:
            return 0 if self._source.spooled else self.path.stat().st_size
        except OSError:
            return 0

    def hash(self) -> str:
        """The file's sha256; nothing where it cannot be read, which reading it will tell."""
        try:
            self.sha256 = self._source.sha256() if self.is_known else ""
        except CorpusError:
            self.sha256 = ""
        return self.sha256

    def is_sound(self) -> bool:
        """Whether the file can be unpacked to its end; one that is not packed can be."""
        file = self._source.open()
        try:
            return Text(file, self._max_bytes).is_sound()
        finally:
            self._source.close(file)

    def pass_over(self, why: str, found: int) -> PageReport:
        """The report of a page that is not read, because of which so many listings stay."""
        if self._strict:
            raise CorpusError(f"{shown(self.path)}: {why}")
        self._start()
        self._notes.append(Note(0, "unreadable", why))
        return self.report()._replace(found=found)

    def sightings(self) -> Iterator[Sighting]:
        """Every listing of the page, from its beginning."""
        self._start()
        if why := self._why_skipped():
            self._note(Note(0, "skipped", why))
            return
        try:
            self.sha256 = self.sha256 or self.hash()
            yield from self._read()
            if not self._found:
                raise CorpusError(self._why_empty())
        except CorpusError as error:
            # What was found before is as good as ever.
            if self._strict or (self.named and not self._found):
                raise CorpusError(f"{shown(self.path)}: {error}") from None
            self._notes.append(Note(0, "unreadable", str(error)))

    def _why_skipped(self) -> str:
        if self._source.fault == LINK:
            return LINK
        if self.is_known:
            return ""
        return f"no format of ours ends in {shown(self.path.suffix) or 'nothing'}"

    def _read(self) -> Iterator[Sighting]:
        file = self._source.open()
        try:
            text = Text(file, self._max_bytes)
            row = format_of(self.path, text.head)
            self.format = row.name
            for one in row.read(text, self.page):
                if isinstance(one, Sighting):
                    self._found += 1
                    if self._found % _TELL_EVERY == 0:
                        self.on_progress(text.taken)
                    yield one
                elif isinstance(one, Variant):
                    self.format = f"{row.name}, {one.name}"
                else:
                    self._note(one)
            for fault in text.faults:
                self._note(fault)
        finally:
            self._source.close(file)

    def _note(self, note: Note) -> None:
        if self._strict and note.kind == "unreadable":
            raise CorpusError(f"line {note.line}: {note.text}" if note.line else note.text)
        if len(self._notes) < MOST_NOTES:
            self._notes.append(note)
        else:
            self._unsaid += 1

    def _why_empty(self) -> str:
        telling = (note for note in self._notes if note.kind in ("unreadable", "skipped"))
        first = next(telling, Note(0, "skipped", "no line reads like a title above an abstract"))
        where = f"line {first.line}: " if first.line else ""
        self._notes = [note for note in self._notes if note.line]
        return f"no paper found ({where}{first.text}): give titles with their abstracts"

    def report(self) -> PageReport:
        """What came of it."""
        unsaid = Note(0, "skipped", f"{self._unsaid:,} more notes on this page")
        notes = (*sorted(self._notes), *([unsaid] if self._unsaid else []))
        return PageReport(self.page, self.path, self.sha256, self.format, self._found, notes)


def page_readers(
    paths: Sequence[Path | str], *, strict: bool = False, max_bytes: int | None = None
) -> list[PageReader]:
    """A reader for each file that the paths stand for; nothing is read yet."""
    return [PageReader(one, strict=strict, max_bytes=max_bytes) for one in sources(paths)]


def read_paths(
    paths: Sequence[Path | str], *, strict: bool = False, max_bytes: int | None = None
) -> ParsedCorpus:
    """All papers in the files and folders, and a report a page; all of it is held in memory."""
    pages: list[PageReport] = []
    sightings: list[Sighting] = []
    for reader in page_readers(paths, strict=strict, max_bytes=max_bytes):
        sightings += reader.sightings()
        pages.append(reader.report())
    if not sightings:
        raise CorpusError(nothing_found(paths, pages))
    return ParsedCorpus(tuple(_with_merge_notes(pages, sightings)), tuple(sightings))


def read_reports(paths: Sequence[Path | str]) -> tuple[PageReport, ...]:
    """The reports alone, without what merging hides; no listing is held in memory."""
    reports = []
    for reader in page_readers(paths):
        for _ in reader.sightings():
            pass
        reports.append(reader.report())
    if not any(report.found for report in reports):
        raise CorpusError(nothing_found(paths, reports))
    return tuple(reports)


def nothing_found(paths: Sequence[Path | str], pages: Iterable[PageReport]) -> str:
    """The message for files that hold no paper at all."""
    where = ", ".join(shown(path) for path in paths)
    causes = (f"{page.page}: {note.text}" for page in pages for note in page.notes)
    first = next(causes, "")
    suffixes = " ".join(SUFFIXES)
    return f"no paper in {where}{f' ({first})' if first else ''}: give files of papers ({suffixes})"


def _with_merge_notes(
    pages: list[PageReport], sightings: Iterable[Sighting]
) -> Iterable[PageReport]:
    notes: dict[str, list[Note]] = {}
    for page, note in merge_notes(sightings):
        notes.setdefault(page, []).append(note)
    for report in pages:
        yield report._replace(notes=tuple(sorted([*report.notes, *notes.get(report.page, [])])))
