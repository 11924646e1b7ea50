"""A page saved from a browser -> its text, read as the same page saved as text -> sightings."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from assistant.corpus.lines import read_trailer
from assistant.corpus.listing import read_listing
from assistant.corpus.page import Found, Reading
from assistant.corpus.text import Text
from assistant.errors import CorpusError
from assistant.identifiers import arxiv_inside
from assistant.schema import Sighting

if TYPE_CHECKING:
    from justhtml import JustHTML

# Whatever a reader of the page does not see as its text.
# fmt: off
_UNSEEN = frozenset((
    "head", "script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object",
    "embed", "audio", "video", "nav", "footer", "button", "select", "option", "textarea", "input",
    "dialog", "datalist", "#comment", "!doctype",
))
_INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "em", "font",
    "i", "img", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub",
    "sup", "time", "tt", "u", "var", "wbr",
))
# fmt: on
_BASES = (
    ("base[href]", "href"),
    ('link[rel="canonical"]', "href"),
    ('meta[property="og:url"]', "content"),
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_SAVED_FROM = re.compile(r"saved from url=\(\d+\)(https?://\S+)")
_WEB = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


class _Piece(NamedTuple):
    """A run of text with the line that it stands on, the address it leads to, and what follows."""

    text: str
    line: int
    address: str = ""
    ends_line: bool = False


class _Line(NamedTuple):
    number: int
    text: str
    address: str


_END = _Line(0, "", "")


def read_html(text: Text, page: str) -> Iterator[Found]:
    """What the readers of listings find in the page's main text, with the links of the titles."""
    from justhtml import JustHTML

    document = JustHTML(_decoded(text.data()), sanitize=False, track_node_locations=True)
    lines = list(_lines(_pieces(document)))
    if not lines:
        raise CorpusError("holds no text: save the page again once its papers are shown")
    spaced = list(_spaced(lines))
    reading = read_listing("\n".join(line.text for line in spaced), page)
    base = _base(document)
    yield from Reading(
        [_placed(one, spaced[one.line - 1], base) for one in reading.sightings],
        [note._replace(line=spaced[note.line - 1].number) for note in reading.notes],
        reading.variant,
    ).found()


def _spaced(lines: list[_Line]) -> Iterator[_Line]:
    """The lines as a listing has them: blank ones between, but none above an author count."""
    for line, after in pairwise([*lines, _END]):
        yield line
        if read_trailer(after.text) is None:
            yield _END


def _decoded(data: bytes) -> str | bytes:
    """What can be UTF-8 is; else the page says, or the parser guesses, what it is."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data


def _placed(sighting: Sighting, line: _Line, base: str) -> Sighting:
    address = urljoin(base, line.address) if line.address else ""
    known = bool(_WEB.fullmatch(address)) and address.isprintable()
    arxiv = arxiv_inside(address) if known else ""
    extra = {**sighting.extra, **({"arxiv_id": arxiv} if arxiv else {})}
    return replace(sighting, line=line.number, url=address if known else None, extra=extra)


def _pieces(document: "JustHTML") -> Iterator[_Piece]:
    """The texts that are seen, in order; a block ends the line before it and its own last one."""
    root: Any = document.query_one("main") or document.query_one("body") or document.root
    # Deep pages would exhaust a stack of calls.
    waiting: list[tuple[Any, str, bool]] = [(root, "", False)]
    while waiting:
        node, address, preformatted = waiting.pop()
        if node is None:
            yield _Piece("", 0, ends_line=True)
        elif node.name == "#text":
            yield from _text(node, address, preformatted)
        elif node.name == "br":
            yield _Piece("", 0, ends_line=True)
        elif not _is_unseen(node):
            own = node.attrs.get("href") or "" if node.name == "a" else address
            inside = preformatted or node.name == "pre"
            block = node.name not in _INLINE
            if block:
                yield _Piece("", 0, ends_line=True)
                waiting.append((None, "", False))
            waiting += [(child, own, inside) for child in reversed(node.children or [])]


def _text(node: Any, address: str, preformatted: bool) -> Iterator[_Piece]:
    line = node.origin_line or 1
    parts = (node.data or "").split("\n") if preformatted else [node.data or ""]
    for number, (part, after) in enumerate(pairwise([*parts, None])):
        yield _Piece(part or "", line + number, address, ends_line=after is not None)


def _is_unseen(node: Any) -> bool:
    if node.name in _UNSEEN:
        return True
    attributes = node.attrs or {}
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    return bool(_HIDING.search(attributes.get("style") or ""))


def _lines(pieces: Iterator[_Piece]) -> Iterator[_Line]:
    """The texts of a page, a line each."""
    taken: list[_Piece] = []
    for piece in pieces:
        taken.append(piece)
        if piece.ends_line:
            yield from _joined(taken)
            taken = []
    yield from _joined(taken)


def _joined(pieces: list[_Piece]) -> Iterator[_Line]:
    text = " ".join("".join(piece.text for piece in pieces).split())
    if not text:
        return
    told = [piece for piece in pieces if piece.text.strip()]
    first = told[0]
    above = first.text[: len(first.text) - len(first.text.lstrip())].count("\n")
    address = next((piece.address for piece in told if piece.address), "")
    yield _Line(first.line + above, text, address)


def _base(document: "JustHTML") -> str:
    """Where the page was before it was saved, as far as it tells."""
    for selector, name in _BASES:
        found: Any = document.query_one(selector)
        if found is not None and _WEB.fullmatch(found.attrs.get(name) or ""):
            return str(found.attrs[name])
    for node in (document.root.children or [])[:5]:
        match = _SAVED_FROM.search(str(getattr(node, "data", "") or ""))
        if match:
            return match[1]
    return ""
