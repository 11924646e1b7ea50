"""BibTeX entries with an abstract -> sightings."""

import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from assistant.corpus.fields import from_records
from assistant.corpus.page import Note, Reading
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


def read_bibtex(text: str, page: str) -> Reading:
    """Every entry with a title and an abstract, also where its key stands twice."""
    # 0.1 s that no other format should pay.
    from bibtexparser.entrypoint import parse_string

    library = parse_string(text)
    notes: list[Note] = []
    entries: list[Any] = list(library.entries)
    for block in library.failed_blocks:
        inner = block.ignore_error_block
        if inner is None or not hasattr(inner, "fields"):
            notes.append(Note(_line(block), "unreadable", "not BibTeX: mend its braces and commas"))
        else:
            entries.append(inner)
    if not entries and not notes:
        raise CorpusError("holds no BibTeX entry: give entries like @article{key, title = {...}}")
    reading = from_records(_records(sorted(entries, key=_line)), page)
    return Reading(reading.sightings, sorted(notes + reading.notes))


def _line(block: Any) -> int:
    return (block.start_line or 0) + 1


def _records(entries: list[Any]) -> Iterator[tuple[int, dict[str, str]]]:
    for entry in entries:
        titles = (field for field in entry.fields if field.key.lower() == "title")
        yield _line(next(titles, entry)), _record(entry)


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
