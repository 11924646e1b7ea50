"""BibTeX entries with an abstract -> sightings."""

import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from assistant.corpus.fields import sightings_of
from assistant.corpus.page import Found, Note
from assistant.corpus.text import Text
from assistant.errors import CorpusError

# The parser logs each broken block; we put it into the report instead.
_LOG = logging.getLogger("bibtexparser")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False

_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328", "b": "\u0331",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å",
    "AA": "Å", "l": "ł", "L": "Ł", "i": "\u0131", "j": "ȷ",
    "textendash": "\u2013", "textemdash": "\u2014",
    "ldots": "…", "dots": "…", "textquoteright": "\u2019", "textquoteleft": "\u2018",
}  # fmt: skip
_ACCENT = re.compile(r"""\\(?:([`'^~="."])\s*|([uvHrdckb])(?:\s+|(?=\{)))\{?\\?([^\W\d_])\}?""")
_LETTER = re.compile(
    rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z])(?:\{{\}}|\s)?"
)
_STYLE = re.compile(
    r"\\(?:emph|text(?:bf|it|tt|rm|sc|sf|sl|up|md)?|underline|mbox|url|uppercase)\s*(?=\{)"
    r"|\\(?:em|bf|it|tt|rm|sc|sf)\b\s*"
)
_UNKNOWN = re.compile(r"(\\[A-Za-z]+\{[^{}]*\})")
_SIGN = re.compile(r"\\([&%$#_{}])")
_MATH = re.compile(r"(?<!\\)(\$\$?[^$]+\$\$?)")
_ENCLOSED = re.compile(r'\s*(?:\{(.*)\}|"(.*)")\s*', re.DOTALL)
# Addresses are not typeset: a tilde in one is a tilde.
_VERBATIM = frozenset({"url", "doi", "eprint", "link", "file", "pdf"})
_ENTRY = re.compile(r"[ \t]*@\w+\s*[{(]")
_STRING = re.compile(r"(?i)[ \t]*@string\s*\{.*\}\s*$")
# The parser holds all that it is given, several times over.
_PART = 512 * 1024


def plain(tex: str) -> str:
    """TeX as text: accents composed, braces and styles gone, formulas and unknown macros kept."""
    parts = _MATH.split(tex)
    parts[::2] = map(_plain_prose, parts[::2])
    return " ".join("".join(parts).split())


def _plain_prose(tex: str) -> str:
    tex = _ACCENT.sub(_accented, tex)
    tex = _LETTER.sub(lambda match: _LETTERS[match[1]], tex)
    tex = _STYLE.sub("", tex)
    tex = re.sub(r"(?<!\\)~|\\\\", " ", tex)
    parts = _UNKNOWN.split(tex)
    parts[::2] = (re.sub(r"(?<!\\)[{}]", "", part) for part in parts[::2])
    tex = "".join(parts)
    return _SIGN.sub(r"\1", tex)


def _accented(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match[3] + _ACCENTS[match[1] or match[2]])


def read_bibtex(text: Text, page: str) -> Iterator[Found]:
    """Every entry with a title and an abstract, also where its key stands twice."""
    return sightings_of(_all_records(text), page)


def _all_records(text: Text) -> Iterator[tuple[int, Any] | Note]:
    some = False
    for above, part in _parts(text):
        for one in _records_of(part, above):
            some = True
            yield one
    if not some:
        raise CorpusError("holds no BibTeX entry: give entries like @article{key, title = {...}}")


def _parts(text: Text) -> Iterator[tuple[int, str]]:
    """The file in parts that begin with an entry, each with the number of lines above it."""
    strings: list[str] = []
    part: list[str] = []
    size, above = 0, 0
    for number, line in text.lines():
        starts = _ENTRY.match(line)
        if starts and size > _PART:
            yield above, "".join(part)
            # What an abbreviation stands for is told once, for the whole file.
            part, size, above = ["".join(strings)], 0, number - 1 - len(strings)
        if _STRING.match(line):
            strings.append(line)
        part.append(line)
        size += len(line)
    yield above, "".join(part)


def _records_of(part: str, above: int) -> Iterator[tuple[int, Any] | Note]:
    # 0.1 s that no other format should pay.
    from bibtexparser.entrypoint import parse_string

    library = parse_string(part)
    found: list[tuple[int, Any]] = [(_line(entry), entry) for entry in library.entries]
    for block in library.failed_blocks:
        inner = block.ignore_error_block
        failed = inner is None or not hasattr(inner, "fields")
        found.append((_line(block), None if failed else inner))
    for line, entry in sorted(found, key=lambda one: one[0]):
        if entry is None:
            fault = "not BibTeX: mend its braces and commas"
            yield Note(above + line, "unreadable", fault)
        else:
            titles = (field for field in entry.fields if field.key.lower() == "title")
            yield above + _line(next(titles, entry)), _record(entry)


def _line(block: Any) -> int:
    return (block.start_line or 0) + 1


def _record(entry: Any) -> dict[str, str]:
    record = {"bibtex_key": entry.key, "bibtex_type": entry.entry_type}
    for field in entry.fields:
        name = field.key.lower()
        value = _without_enclosing(str(field.value))
        record.setdefault(name, " ".join(value.split()) if name in _VERBATIM else plain(value))
    return record


def _without_enclosing(value: str) -> str:
    """Blocks that the parser sets aside keep their quotes."""
    match = _ENCLOSED.fullmatch(value)
    return (match[1] or match[2] or "") if match else value
