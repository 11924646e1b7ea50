"""Every reader, on files cut short, damaged or random: no traceback, and no good record is lost."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.corpus import text
from assistant.corpus.formats import FORMATS, Format
from assistant.corpus.page import Reading, collected
from assistant.corpus.text import Text
from assistant.errors import CorpusError

ABSTRACT = (
    "We study how saved pages can be read back. Our reader looks at the form of each line and never"
    " at its words. Experiments on thirty thousand real abstracts show that it loses none of them."
)
BY_NAME = {row.name: row for row in FORMATS}


class Shape(NamedTuple):
    """How a file of several records is written."""

    format: str
    one: Callable[[int], str]
    head: str = ""
    foot: str = ""
    between: str = "\n"

    def file(self, *records: str) -> bytes:
        return (self.head + self.between.join(records) + self.foot).encode()


def _json(number: int) -> str:
    return json.dumps({"title": f"Paper {number}", "abstract": ABSTRACT})


SHAPES = (
    Shape("json lines", _json),
    Shape("json", _json, "[\n", "\n]", ",\n"),
    Shape("table", lambda n: f'Paper {n},"{ABSTRACT}"', "title,abstract\n", "\n"),
    Shape("ris", lambda n: f"TY  - JOUR\nTI  - Paper {n}\nAB  - {ABSTRACT}\nER  - \n"),
    Shape("bibtex", lambda n: f"@misc{{k{n},\ntitle={{Paper {n}}},\nabstract={{{ABSTRACT}}}\n}}\n"),
    Shape(
        "atom",
        lambda n: f"<entry><title>Paper {n}</title><summary>{ABSTRACT}</summary></entry>",
        '<feed xmlns="http://www.w3.org/2005/Atom">\n',
        "\n</feed>",
    ),
    Shape("html", lambda n: f"<h3>Paper {n}</h3><p>{ABSTRACT}</p>", "<html><body>"),
    Shape("listing", lambda n: f"Paper {n}\n\n{ABSTRACT}\n"),
)  # fmt: skip
every_format = pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.format)
# What stands in a bad record: whatever may follow, the signs that mean something among it.
BAD_SIGNS = (
    b'"', b"{", b"}", b"[", b"]", b",", b"\n", b"@misc{", b"<entry>", b"</entry", b"<!--", b"&x;",
    b"TY  - X\n", b"ER  - \n", b"\\", b"\xff", b"\xed\xa0\x80", b"=", b"\x1b", b"<p", b"AB  - ",
)  # fmt: skip
BAD = st.lists(st.sampled_from(BAD_SIGNS) | st.binary(max_size=4), max_size=8).map(b"".join)


def read(row: Format, data: bytes) -> Reading:
    try:
        source = Text(io.BytesIO(data))
        return collected(row.read(source, "page"))
    except CorpusError:
        return Reading([], [])


def titles(shape: Shape, data: bytes) -> list[str]:
    return [one.title for one in read(BY_NAME[shape.format], data).sightings]


@every_format
@settings(max_examples=60, deadline=None)
@given(
    data=BAD | st.binary(max_size=300),
    magic=st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xff\xfe"]),
)
def test_no_bytes_are_too_odd_to_read(row: Format, data: bytes, magic: bytes) -> None:
    read(row, magic + data)


@every_shape
@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1))
def test_of_a_file_cut_short_every_whole_record_is_read(shape: Shape, share: float) -> None:
    parts = [shape.one(number) for number in range(6)]
    data = shape.file(*parts)
    cut = int(len(data) * share)
    whole = sum(len(shape.file(*parts[: n + 1])) - len(shape.foot) <= cut for n in range(6))
    assert titles(shape, data[:cut])[:whole] == [f"Paper {number}" for number in range(whole)]


@every_shape
@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1))
def test_of_a_record_cut_short_in_the_middle_the_others_are_read(
    shape: Shape, share: float
) -> None:
    parts = [shape.one(number) for number in range(6)]
    parts[2] = parts[2][: int(len(parts[2]) * share)]
    found = titles(shape, shape.file(*parts))
    assert {f"Paper {number}" for number in (0, 1, 4, 5)} <= set(found)
    # In a format whose records are not told apart by lines, the cut one may run into the next.
    assert shape.format in ("html", "listing", "json", "table") or "Paper 3" in found


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize("pack", [gzip.compress, zst], ids=["gz", "zst"])
@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_no_damage_to_a_packed_file_is_too_odd(
    pack: Callable[[bytes], bytes], place: int, byte: int, cut: int
) -> None:
    data = bytearray(pack(SHAPES[0].file(*map(_json, range(6)))))
    data[place % len(data)] = byte
    found = titles(SHAPES[0], bytes(data[: len(data) - cut % len(data)]))
    assert set(found) <= {f"Paper {number}" for number in range(6)}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_however_a_file_comes_in_pieces_its_lines_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(text, "HEAD", size)
    monkeypatch.setattr(text, "_PIECE", size)
    content = "one\r\n\ntw\u00f6\n\U0001f4c4 three"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        lines = Text(io.BytesIO(content.encode(encoding))).lines()
        found = "".join(line.text for line in lines)
        # Marks of the order of bytes are told by the first four of them.
        assert found == content or size == 1
