"""A file's name and beginning -> the format it is in, and so who reads it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from assistant.corpus.atom import read_atom
from assistant.corpus.bibtex import read_bibtex
from assistant.corpus.dialects import is_paper
from assistant.corpus.html import read_html
from assistant.corpus.listing import read_listing
from assistant.corpus.page import Found
from assistant.corpus.records import read_json, read_json_lines
from assistant.corpus.ris import read_ris
from assistant.corpus.table import is_table, read_table
from assistant.corpus.text import PACKED, Text, inner_suffix


class Format(NamedTuple):
    """One format: how its files are called, what they look like inside, and who reads them."""

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[str], object]
    read: Callable[[Text, str], Iterator[Found]]


def _is_json_lines(head: str) -> bool:
    """Whether the first line is a whole record."""
    first, _, _ = head.lstrip().partition("\n")
    try:
        return is_paper(json.loads(first))
    except (ValueError, RecursionError):
        return False


def _json(text: Text, page: str) -> Iterator[Found]:
    return read_json(text.loose(), page).found()


def _listing(text: Text, page: str) -> Iterator[Found]:
    return read_listing(text.whole(), page).found()


_HTML = re.compile(
    r"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.DOTALL | re.IGNORECASE
)
_ATOM = re.compile(r"\s*(?:<\?xml|<feed\b|<entry\b)")
_RIS = re.compile(r"(?m)^TY  - ")
_BIBTEX = re.compile(r"(?m)^[ \t]*@\w+\s*[{(]")
# A file of another suffix is of the first format that it looks like.
FORMATS = (
    Format("html", (".html", ".htm", ".xhtml"), _HTML.match, read_html),
    Format("atom", (".atom", ".xml"), _ATOM.match, read_atom),
    Format("ris", (".ris",), _RIS.search, read_ris),
    Format("bibtex", (".bib", ".bibtex"), _BIBTEX.search, read_bibtex),
    Format("json lines", (".jsonl", ".ndjson"), _is_json_lines, read_json_lines),
    Format("json", (".json",), re.compile(r"\s*[\[{]").match, _json),
    Format("table", (".csv", ".tsv"), is_table, read_table),
    Format("listing", (".txt", ".text"), str.strip, _listing),
)
_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}
_NAMED = {row.name: row for row in FORMATS}
SUFFIXES = (*_BY_SUFFIX, *PACKED)


def is_known(path: Path) -> bool:
    """Whether files of such a name are ours to read."""
    return inner_suffix(path) in _BY_SUFFIX


def format_of(path: Path, head: str) -> Format:
    """The format by the file's name, else by what stands in it."""
    row = _BY_SUFFIX.get(inner_suffix(path))
    # Many a file of JSON Lines is called .json, arXiv's own of 5 GB among them.
    if row is _NAMED["json"] and _is_json_lines(head):
        return _NAMED["json lines"]
    return row or next((row for row in FORMATS if row.looks_like(head)), FORMATS[-1])
