"""Dropped files -> pages of the corpus: named, kept beside the data, indexed, and reported."""

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from assistant.clean import at_entry
from assistant.config import UPLOADS
from assistant.corpus import Note, page_readers, paper_id, read_paths
from assistant.errors import AssistantError
from assistant.indexer import IndexReport, Progress

if TYPE_CHECKING:
    from assistant.build import Assistant

_LONGEST_NAME = 80
_MEGABYTE = 1024 * 1024
_UNFIT = re.compile(r"[^\w.+-]+")
# Windows gives these to devices, whatever follows the stop.
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
_DISK_FULL = 28


class Taken(NamedTuple):
    """A file that was taken in: the page's name, and what was found there."""

    page: str
    listings: int
    papers: int
    replaces: bool
    notes: tuple[Note, ...]


class Refused(NamedTuple):
    """A file that was not, and why, with the cure."""

    page: str
    reason: str


class Outcome(NamedTuple):
    """What came of the files that were dropped together."""

    taken: tuple[Taken, ...]
    refused: tuple[Refused, ...]
    report: IndexReport | None = None
    """None where nothing was indexed."""
    fault: str = ""
    """Why nothing was indexed, although there were papers."""


class _Staged(NamedTuple):
    file: Path
    taken: Taken


class Intake:
    """Takes files in, one lot at a time."""

    def __init__(self, assistant: "Assistant") -> None:
        self._assistant = assistant
        self._lock = Lock()

    @property
    def folder(self) -> Path:
        """Where the files are kept, so that they are there at the next start."""
        return self._assistant.settings.data.folder / UPLOADS

    def take(self, files: Sequence[Path], progress: Progress) -> Outcome:
        """Keep and index those of `files` in which papers are found."""
        with self._lock:
            staged: list[_Staged] = []
            refused: list[Refused] = []
            with self._undone_unless_indexed() as kept:
                for file in files:
                    one = self._stage(file, kept)
                    staged += [one] if isinstance(one, _Staged) else []
                    refused += [one] if isinstance(one, Refused) else []
                return self._index(staged, refused, kept, progress)

    def _index(
        self,
        staged: Sequence[_Staged],
        refused: Sequence[Refused],
        kept: "_Kept",
        progress: Progress,
    ) -> Outcome:
        if not staged:
            return Outcome((), tuple(refused))
        try:
            report = self._assistant.index([one.file for one in staged], progress=progress)
        except (AssistantError, OSError) as error:
            return Outcome((), tuple(refused), fault=self._in_words(error))
        kept.stay = True
        return Outcome(tuple(one.taken for one in staged), tuple(refused), report)

    def _stage(self, file: Path, kept: "_Kept") -> _Staged | Refused:
        """The file under its own name in our folder, if there are papers in it."""
        name = safe_name(file.name)
        most = self._assistant.settings.server.upload_mb
        try:
            if file.stat().st_size > most * _MEGABYTE:
                return Refused(name, f"it is larger than {most} MB: split it into smaller files")
            if known := self._known_as(file):
                return Refused(name, f"it is in the corpus already, as the page {known}")
            target = self._target(name)
            kept.put(file, target)
            # What is packed may be larger than the file, and only its end shows that.
            for reader in page_readers([target], max_bytes=most * _MEGABYTE):
                reader.is_sound()
            parsed = read_paths([target])
        except (AssistantError, OSError) as error:
            kept.restore_last()
            return Refused(name, self._in_words(error))
        found = {paper_id(seen.title) for seen in parsed.sightings}
        [page] = parsed.pages
        taken = Taken(
            target.name, len(parsed.sightings), len(found), kept.replaced(target), page.notes
        )
        return _Staged(target, taken)

    def _known_as(self, file: Path) -> str | None:
        """The page that has the very same content."""
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        pages = self._assistant.catalog.pages()
        return next((page for page, known in pages.items() if known == sha256), None)

    def _target(self, name: str) -> Path:
        """A name that no page from elsewhere has; a page dropped before keeps its own."""
        known = self._assistant.catalog.page_files()
        stem, suffix = Path(name).stem, Path(name).suffix
        number = 1
        while True:
            target = self.folder / (name if number == 1 else f"{stem}-{number}{suffix}")
            page = known.get(target.name)
            if page is None or Path(page.path) == target.resolve():
                return target
            number += 1

    def _in_words(self, error: Exception) -> str:
        """One line without the machine's folders."""
        if isinstance(error, OSError):
            if error.errno == _DISK_FULL:
                return "the disk is full: free some space and drop the file again"
            return f"it cannot be kept ({error.strerror}): check the data folder's permissions"
        words = str(error)
        for folder in (self.folder.resolve(), self.folder):
            words = words.replace(f"{folder}/", "")
        for folder in (self.folder.parent.resolve(), self.folder.parent):
            words = words.replace(str(folder), "…")
        return words

    @contextmanager
    def _undone_unless_indexed(self) -> Iterator["_Kept"]:
        kept = _Kept()
        try:
            yield kept
        finally:
            kept.settle()


class _Kept:
    """Files put in place, and what stood there before; all is undone unless it may stay."""

    def __init__(self) -> None:
        self.stay = False
        self._before: list[tuple[Path, Path | None]] = []

    def put(self, file: Path, target: Path) -> None:
        """Copy a file into place; what stood there is set aside."""
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = None
        if target.exists():
            aside = target.with_name(f".{target.name}.before-{len(self._before)}")
            target.replace(aside)
        self._before.append((target, aside))
        shutil.copyfile(file, target)

    def replaced(self, target: Path) -> bool:
        """Whether another file stood there."""
        return any(where == target and aside for where, aside in self._before)

    def restore_last(self) -> None:
        """Undo the last step."""
        if self._before:
            _restore(*self._before.pop())

    def settle(self) -> None:
        """Undo everything, or let go of what was set aside."""
        while self._before:
            target, aside = self._before.pop()
            if not self.stay:
                _restore(target, aside)
            elif aside:
                aside.unlink(missing_ok=True)


def _restore(target: Path, aside: Path | None) -> None:
    with suppress(OSError):
        target.unlink(missing_ok=True)
        if aside:
            aside.replace(target)


def safe_name(name: str) -> str:
    """A file name of letters, digits, stops and hyphens that is not too long and not hidden.

    >>> safe_name("../../etc/My papers (2).txt")
    'My_papers_2_.txt'
    """
    cleaned = _UNFIT.sub("_", at_entry(re.split(r"[/\\]", name)[-1]).text).strip("._ ")
    stem, suffix = Path(cleaned).stem, Path(cleaned).suffix[:10]
    if not stem or _DEVICE.match(stem):
        stem = f"page_{stem}".rstrip("_")
    while len(f"{stem}{suffix}".encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    return f"{stem}{suffix}"
