"""Bytes -> a file that is there whole or not at all; and a file, packed or not, -> its lines."""

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import IO, cast

from assistant.errors import CorpusError, StoreError, UsageError

STANDARD = "-"
_LONGEST_LINE = 64 * 1024 * 1024


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A path to write at; it takes the target's place once all is written, or is gone."""
    with written_in(target):
        handle, name = mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        os.close(handle)
    part = Path(name)
    try:
        yield part
        with written_in(target):
            _put_down(part)
            part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def written(target: str) -> Iterator[IO[bytes]]:
    """Where to write to: standard output for `-`; packed, always alike, where the name says .gz."""
    if target == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    path = Path(target)
    with beside(path) as part, written_in(path), part.open("wb") as file:
        if path.suffix != ".gz":
            yield file
            return
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            yield cast(IO[bytes], packed)


def lines(source: str) -> Iterator[bytes]:
    """The lines of a file, or of standard input for `-`, one after the other."""
    try:
        with _opened(source) as file:
            while line := file.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise CorpusError(f"{source}: a line is too long: it is no export of ours")
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(f"{source} is cut short or damaged ({error}): export again") from None
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}: give a file of `assistant export`") from None


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == STANDARD:
        yield sys.stdin.buffer
        return
    with Path(source).open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            yield file
            return
        with gzip.open(file) as packed:
            yield cast(IO[bytes], packed)


def _put_down(file: Path) -> None:
    """Make sure that it is on the disk before it is called by its name."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


@contextmanager
def written_in(target: Path) -> Iterator[None]:
    """Say in one line what cannot be written there."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror}), nothing was left there:"
            " choose another place, or make room"
        ) from error
