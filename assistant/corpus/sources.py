"""Paths, patterns and standard input -> the files to read, each once and under a key of its own."""

import glob
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from assistant.clean import at_entry
from assistant.errors import CorpusError, UsageError

STANDARD_INPUT = Path("-")
_IN_MEMORY = 8 * 1024 * 1024
_PIECE = 1024 * 1024
_PATTERN = set("*?[")
_PERMISSIONS = "check its permissions"
LINK = "a link to a folder is not followed: name that folder too"


class Source(NamedTuple):
    """A file to read, the key of its page, and whether the caller named the file itself."""

    page: str
    path: Path
    named: bool
    spooled: IO[bytes] | None = None
    """Standard input as it was read; its place in the file system is nowhere."""
    fault: str = ""
    """Why a folder was not looked into; a file has none."""

    def open(self) -> IO[bytes]:
        """The file from its beginning."""
        if self.spooled is not None:
            self.spooled.seek(0)
            return self.spooled
        if self.fault:
            raise CorpusError(self.fault)
        try:
            return self.path.open("rb")
        except OSError as error:
            raise CorpusError(f"cannot be opened ({error.strerror}): {_PERMISSIONS}") from None

    def close(self, file: IO[bytes]) -> None:
        """Let go of what `open` gave; standard input stays to be read again."""
        if self.spooled is None:
            file.close()

    def sha256(self) -> str:
        """The hash of the file as it stands, packed if it is."""
        digest = hashlib.sha256()
        file = self.open()
        try:
            while piece := file.read(_PIECE):
                digest.update(piece)
        except OSError as error:
            raise CorpusError(f"cannot be read ({error.strerror}): check the disk") from None
        finally:
            self.close(file)
        return digest.hexdigest()


def sources(paths: Sequence[Path | str]) -> list[Source]:
    """Each file once, under a key that no other page has; "-" is standard input."""
    if not paths:
        raise UsageError("no file is given: name a file or a folder of papers")
    found: list[Source] = []
    seen: set[Path] = set()
    keys: set[str] = set()
    for path in map(Path, paths):
        if path == STANDARD_INPUT:
            if path not in seen:
                found.append(_standard_input())
            seen.add(path)
            continue
        for key, member, named, fault in _members(path):
            # The place of a link that was not followed is its own.
            real = member.absolute() if fault else member.resolve()
            if real in seen:
                continue
            seen.add(real)
            page = _free_key(key, real, keys)
            keys.add(page)
            found.append(Source(page, member, named, fault=fault))
    return found


def _standard_input() -> Source:
    """What is piped in, kept for as long as it is read: twice, for its hash and for its papers."""
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # it outlives this function
    shutil.copyfileobj(sys.stdin.buffer, spool, _PIECE)
    source = Source("standard input", STANDARD_INPUT, True, spool)
    # Other papers piped in later are another page, and take nothing out.
    return source._replace(page=f"standard input {source.sha256()[:8]}")


def is_given(path: Path) -> bool:
    """Whether there is something to read: a file, a folder, a match of a pattern, or "-"."""
    try:
        return path == STANDARD_INPUT or path.exists() or bool(_matches(path))
    except OSError:
        # A name longer than the system allows.
        return False


class _Member(NamedTuple):
    """A file, the key of its page, whether it was named itself, and why it cannot be read."""

    key: str
    path: Path
    named: bool
    fault: str = ""


def _members(path: Path) -> Iterator[_Member]:
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"{shown(path)[:200]}: {error.strerror}: {_cure(path)}") from None
    if is_there and not is_folder:
        yield _Member(path.name, path, True)
    elif is_folder:
        yield from _inside(path)
    else:
        matches = _matches(path)
        if not matches:
            raise UsageError(f"{shown(path)} is not there: {_cure(path)}")
        for match in matches:
            if match.is_dir():
                yield from _inside(match)
            else:
                yield _Member(match.name, match, False)


def _matches(path: Path) -> list[Path]:
    if not _PATTERN & set(str(path)):
        return []
    # Path.glob takes no pattern that begins at the root.
    return [Path(one) for one in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207


def _inside(folder: Path) -> Iterator[_Member]:
    """The files of a folder by name, and each folder in it that is not looked into."""
    yield from sorted(one for one in _walked(folder) if not _is_hidden(one.key))


def _walked(folder: Path) -> Iterator[_Member]:
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=closed.append):
        for path in (Path(place, name) for name in folders):
            if path.is_symlink():
                # It may lead back to where it stands.
                yield _Member(_key(folder, path), path, False, LINK)
        for path in (Path(place, name) for name in names):
            if _is_file(path):
                yield _Member(_key(folder, path), path, False)
    for error in closed:
        path, why = Path(error.filename), f"cannot be opened ({error.strerror}): {_PERMISSIONS}"
        yield _Member(_key(folder, path), path, False, why)


def _key(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path != folder else path.name


def _is_file(path: Path) -> bool:
    """Whether there is something to open; a link that leads nowhere is told of by opening it."""
    try:
        return path.is_file() or path.is_symlink()
    except OSError:
        return True


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _cure(path: Path) -> str:
    if _PATTERN & set(str(path)):
        return "no file matches this pattern; name a file or a folder"
    return "check the spelling, or name a folder of papers"


def shown(path: Path | str) -> str:
    """Write a path as one harmless line."""
    return at_entry(str(path)).text


def _free_key(key: str, path: Path, taken: set[str]) -> str:
    """Put as many of the folders above before the key as tell it from the pages that have it."""
    key = shown(key)
    above = list(path.parts[: -len(key.split("/"))])
    while key in taken and above:
        key = f"{shown(above.pop()).strip('/')}/{key}"
    return key
