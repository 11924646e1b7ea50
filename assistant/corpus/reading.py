"""Files and folders -> pages read: found, decoded, and given to the reader of their format."""

import codecs
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from assistant.clean import at_entry
from assistant.corpus.bibtex import read_bibtex
from assistant.corpus.listing import read_listing
from assistant.corpus.merging import merge_notes
from assistant.corpus.page import Note, PageReport, ParsedCorpus, Reading
from assistant.corpus.records import is_table, read_json, read_json_lines, read_table
from assistant.errors import CorpusError, UsageError
from assistant.schema import Sighting

MAX_BYTES = 50 * 1024 * 1024


class Format(NamedTuple):
    """One format: how its files are called, what they look like inside, and who reads them."""

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[str], object]
    read: Callable[[str, str], Reading]


# A file of another suffix is of the first format that it looks like; JSON also tells JSON Lines.
FORMATS = (
    Format("bibtex", (".bib", ".bibtex"), re.compile(r"(?m)^[ \t]*@\w+\s*\{").search, read_bibtex),
    Format("json", (".json",), re.compile(r"\s*[\[{]").match, read_json),
    Format("json lines", (".jsonl", ".ndjson"), re.compile(r"\s*\{").match, read_json_lines),
    Format("table", (".csv", ".tsv"), is_table, read_table),
    Format("listing", (".txt", ".text"), str.strip, read_listing),
)
_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"", "utf-8"),
)
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG")


class _File(NamedTuple):
    page: str
    path: Path
    named: bool
    """Whether the caller named the file itself, and not its folder."""


def read_paths(
    paths: Sequence[Path | str], *, strict: bool = False, max_bytes: int = MAX_BYTES
) -> ParsedCorpus:
    """All papers in the files and folders, and a report a page.

    A file that cannot be read is an error where it was named itself or `strict`, else a note.
    """
    if not paths:
        raise UsageError("no file is given: name a file or a folder of papers")
    pages: list[PageReport] = []
    sightings: list[Sighting] = []
    for file in _files([Path(path) for path in paths]):
        report, found = _read(file, strict or file.named, max_bytes)
        pages.append(report)
        sightings += found
    if not sightings:
        raise CorpusError(_nothing_found(paths, pages))
    return ParsedCorpus(tuple(_with_merge_notes(pages, sightings)), tuple(sightings))


def _nothing_found(paths: Sequence[Path | str], pages: list[PageReport]) -> str:
    where = ", ".join(shown(path) for path in paths)
    causes = (f"{page.page}: {note.text}" for page in pages for note in page.notes)
    first = next(causes, "")
    suffixes = " ".join(_BY_SUFFIX)
    return f"no paper in {where}{f' ({first})' if first else ''}: give files of papers ({suffixes})"


def shown(path: Path | str) -> str:
    """Write a path as one harmless line."""
    return at_entry(str(path)).text


def _with_merge_notes(
    pages: list[PageReport], sightings: Iterable[Sighting]
) -> Iterable[PageReport]:
    notes: dict[str, list[Note]] = {}
    for page, note in merge_notes(sightings):
        notes.setdefault(page, []).append(note)
    for report in pages:
        yield report._replace(notes=tuple(sorted([*report.notes, *notes.get(report.page, [])])))


def _files(paths: list[Path]) -> list[_File]:
    """Each file once, under a key that no other page has."""
    files: list[_File] = []
    seen: set[Path] = set()
    keys: set[str] = set()
    for path in paths:
        for key, member in _members(path):
            real = member.resolve()
            if real in seen:
                continue
            seen.add(real)
            page = _free_key(key, real, keys)
            keys.add(page)
            files.append(_File(page, member, member is path))
    return files


def _members(path: Path) -> list[tuple[str, Path]]:
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"{shown(path)[:200]}: {error.strerror}: {_cure(path)}") from None
    if is_folder:
        inside = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*"))
        return [(key, file) for key, file in inside if not _is_hidden(key) and file.is_file()]
    if not is_there:
        raise UsageError(f"{shown(path)} is not there: {_cure(path)}")
    return [(path.name, path)]


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _cure(path: Path) -> str:
    if set("*?[") & set(str(path)):
        return "no file matches this pattern; name a file or a folder"
    return "check the spelling, or name a folder of papers"


def _free_key(key: str, path: Path, taken: set[str]) -> str:
    """Put as many of the folders above before the key as tell it from the pages that have it."""
    key = shown(key)
    above = list(path.parts[: -len(key.split("/"))])
    while key in taken and above:
        key = f"{shown(above.pop()).strip('/')}/{key}"
    return key


def _read(file: _File, strict: bool, max_bytes: int) -> tuple[PageReport, list[Sighting]]:
    row = _BY_SUFFIX.get(file.path.suffix.lower())
    if row is None and not file.named:
        note = Note(
            0, "skipped", f"no format of ours ends in {shown(file.path.suffix) or 'nothing'}"
        )
        return PageReport(file.page, file.path, "", "", 0, (note,)), []
    sha256, name = "", row.name if row else ""
    try:
        data = _bytes(file.path, max_bytes)
        sha256 = hashlib.sha256(data).hexdigest()
        text = _text(data)
        row = row or next(row for row in FORMATS if row.looks_like(text))
        reading = row.read(text, file.page)
        name = f"{row.name}, {reading.variant}" if reading.variant else row.name
        _refuse_empty(reading)
    except CorpusError as error:
        if strict:
            raise CorpusError(f"{shown(file.path)}: {error}") from None
        note = Note(0, "unreadable", str(error))
        return PageReport(file.page, file.path, sha256, name, 0, (note,)), []
    notes, found = tuple(reading.notes), reading.sightings
    return PageReport(file.page, file.path, sha256, name, len(found), notes), found


def _bytes(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise CorpusError(f"cannot be opened ({error.strerror}): check its permissions") from None
    if len(data) > max_bytes:
        raise CorpusError(f"larger than {max_bytes / 1024**2:.3g} MB: split it into smaller files")
    return data


def _text(data: bytes) -> str:
    encoding = next(name for mark, name in _ENCODINGS if data.startswith(mark))
    if data.startswith(_BINARY) or (encoding == "utf-8" and b"\0" in data):
        raise CorpusError("binary, not text: give its text, or JSON, CSV or BibTeX records")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte 0x{data[error.start]:02x} at offset {error.start}, line {line}"
        raise CorpusError(f"not {encoding.upper()} ({where}): save it as UTF-8") from None
    if not text.strip():
        raise CorpusError("empty: save the page again, with its papers")
    return text


def _refuse_empty(reading: Reading) -> None:
    if reading.sightings:
        return
    telling = (note for note in reading.notes if note.kind in ("unreadable", "skipped"))
    first = next(telling, Note(0, "skipped", "no line reads like a title above an abstract"))
    where = f"line {first.line}: " if first.line else ""
    raise CorpusError(f"no paper found ({where}{first.text}): give titles with their abstracts")
