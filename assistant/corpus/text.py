"""A file's bytes -> its text: unpacked, decoded, whole or a line at a time, and within bounds."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from assistant.corpus.page import Note
from assistant.errors import CorpusError

MAX_BYTES = 50 * 1024 * 1024
"""What is read as a whole, unpacked."""
MAX_LINE = 16 * 1024 * 1024
HEAD = 64 * 1024
_MB = 1024**2
# Abstracts pack to a fifth or so; what packs to a hundredth is made to fill a disk.
_MOST_TIMES, _ANYWAY = 100, 100 * _MB
# What `zstd --ultra` asks for at most, without `--long`.
_MOST_WINDOW = 2**27
_PIECE = 256 * 1024
# Four packed bytes may be 128 KB: what is unpacked at once must be little.
_PACKED_PIECE = 1024

_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"", "utf-8"),
)
_BINARY = (b"%PDF-", b"PK\x03\x04", b"\x89PNG")


class _Packing(NamedTuple):
    magic: bytes
    suffixes: tuple[str, ...]
    open: Callable[[IO[bytes]], Any]


class _Zstandard:
    """Reads packed frames; unlike the library's own reader it tells where the last one is cut."""

    def __init__(self, file: IO[bytes]) -> None:
        # Few files are packed so; who has none should not wait for it.
        from zstandard import ZstdDecompressor

        self._file = file
        self._make = ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj
        self._frame = self._make()
        self._is_begun = False
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        while len(self._ready) < size:
            packed = self._file.read(_PACKED_PIECE)
            if not packed:
                if self._is_begun:
                    raise EOFError("the packed data ends too soon")
                break
            self._unpack(packed)
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def _unpack(self, packed: bytes) -> None:
        while packed:
            self._ready += self._frame.decompress(packed)
            self._is_begun = not self._frame.eof
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = self._make()


def _gzip(file: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=file, mode="rb")


_PACKINGS = (
    _Packing(b"\x1f\x8b", (".gz", ".gzip"), _gzip),
    _Packing(b"\x28\xb5\x2f\xfd", (".zst", ".zstd"), _Zstandard),
)
PACKED = tuple(suffix for packing in _PACKINGS for suffix in packing.suffixes)


def inner_suffix(path: Path) -> str:
    """The suffix of what is packed inside: `.csv` of `papers.csv.gz`."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


class Line(NamedTuple):
    """A line as it stands, its end included; a byte that is no text is a lone surrogate."""

    number: int
    text: str


class Text:
    """The text of one open file, read once; `faults` says what could not be."""

    def __init__(self, file: IO[bytes], max_bytes: int | None = None) -> None:
        self.faults: list[Note] = []
        self._limit = max_bytes
        self._raw = _Counted(file)
        self._file = self._unpacked(io.BufferedReader(self._raw, _PIECE))
        self._read = 0
        self._head = self._piece(HEAD)
        self._encoding = next(name for mark, name in _ENCODINGS if self._head.startswith(mark))
        self._refuse_binary()

    def _unpacked(self, file: io.BufferedReader) -> Any:
        magic = file.peek(4)[:4]
        packing = next((one for one in _PACKINGS if magic.startswith(one.magic)), None)
        return packing.open(file) if packing else file

    @property
    def taken(self) -> int:
        """How many of the file's own bytes were read."""
        return self._raw.count

    @property
    def head(self) -> str:
        """The beginning, to tell the format by."""
        name = "utf-8" if self._encoding == "utf-8-sig" else self._encoding
        decoder = codecs.getincrementaldecoder(name)("replace")
        return decoder.decode(self._head).removeprefix("\ufeff")

    def data(self, most: int = MAX_BYTES) -> bytes:
        """All of it, as bytes."""
        most = min(most, self._limit or most)
        parts, size = [self._head], len(self._head)
        while size <= most and (piece := self._piece(_PIECE)):
            parts.append(piece)
            size += len(piece)
        if size > most:
            raise CorpusError(f"larger than {most / _MB:.3g} MB: split it into smaller files")
        return b"".join(parts)

    def is_sound(self) -> bool:
        """Whether it can be unpacked to its end; afterwards there is no more to read."""
        while self._piece(_PIECE):
            pass
        return not self.faults

    def whole(self) -> str:
        """All of it; one byte that is no text is an error."""
        return self._decoded("strict")

    def loose(self) -> str:
        """All of it; a byte that is no text becomes a lone surrogate, which tells its record."""
        return self._decoded("surrogateescape" if "utf-8" in self._encoding else "strict")

    def _decoded(self, errors: str) -> str:
        data = self.data()
        try:
            text = data.decode(self._encoding, errors)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            where = f"byte 0x{data[error.start]:02x} at offset {error.start}, line {line}"
            name = self._encoding.removesuffix("-sig").upper()
            raise CorpusError(f"not {name} ({where}): save it as UTF-8") from None
        if not text.strip():
            raise CorpusError("empty: save the page again, with its papers")
        return text

    def lines(self) -> Iterator[Line]:
        """Every line; one that is too long for a record is a fault, and the next ones follow."""
        some = False
        for number, line in enumerate(self._raw_lines(), 1):
            if line is None:
                fault = f"a line of more than {MAX_LINE / _MB:.3g} MB: give one record a line"
                self.faults.append(Note(number, "unreadable", fault))
                continue
            text = line.removeprefix("\ufeff") if number == 1 else line
            some = some or not text.isspace()
            yield Line(number, text)
        if not (some or self.faults):
            raise CorpusError("empty: save the page again, with its papers")

    def _raw_lines(self) -> Iterator[str | None]:
        """Each line with its end; None for one that is too long."""
        errors = "surrogateescape" if "utf-8" in self._encoding else "replace"
        name = "utf-8" if self._encoding == "utf-8-sig" else self._encoding
        decoder = codecs.getincrementaldecoder(name)(errors)
        rest, too_long, data = "", False, self._head
        while data:
            *lines, rest = _cut(rest + decoder.decode(data))
            for line in lines:
                yield None if too_long else line
                too_long = False
            if len(rest) > MAX_LINE:
                too_long, rest = True, ""
            data = self._piece(_PIECE)
        rest += decoder.decode(b"", final=True)
        if rest or too_long:
            yield None if too_long else rest

    def _piece(self, size: int) -> bytes:
        """The next bytes, or none at the end; where the file breaks off is an end and a fault."""
        try:
            piece = bytes(self._file.read(size))
        except (EOFError, zlib.error, OSError) as error:
            piece = self._broken(error)
        except Exception as error:
            # zstandard's own error, which is no OSError; its module may not be there to name it.
            if type(error).__name__ != "ZstdError":
                raise
            piece = self._broken(error)
        self._read += len(piece)
        self._refuse_bomb()
        return piece

    def _broken(self, error: BaseException) -> bytes:
        why = str(error).split("\n")[0] or type(error).__name__
        fault = f"breaks off after {self._read:,} bytes ({why}): fetch or save the file again"
        self.faults.append(Note(0, "unreadable", fault))
        self._file = io.BytesIO()
        return b""

    def _refuse_bomb(self) -> None:
        if self._limit is not None and self._read > self._limit:
            raise CorpusError(
                f"larger than {self._limit / _MB:.3g} MB: split it into smaller files"
            )
        if self._read > _ANYWAY and self._read > _MOST_TIMES * max(1, self._raw.count):
            raise CorpusError(
                f"unpacks to more than {_MOST_TIMES} times its size: unpack it yourself if it is"
                " to be trusted"
            )

    def _refuse_binary(self) -> None:
        if self._head.startswith(_BINARY) or ("utf-8" in self._encoding and b"\0" in self._head):
            raise CorpusError("binary, not text: give its text, or JSON, CSV or BibTeX records")


def _cut(text: str) -> list[str]:
    """Lines with their ends; the last one is not ended yet."""
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), lines[-1]]


class _Counted(io.RawIOBase):
    """A file that counts how much of it was read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._inner = file
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)
