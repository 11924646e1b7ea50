"""An Atom feed, as arXiv's interface gives it -> sightings; nothing in it is fetched, or grows."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from assistant.corpus.fields import sightings_of
from assistant.corpus.page import Found, Note
from assistant.corpus.text import Line, Text
from assistant.errors import CorpusError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BEGIN = re.compile(r"<(?:\w+:)?entry[\s>]")
_END = re.compile(r"</(?:\w+:)?entry\s*>")
_FEED = re.compile(r"<(?:(\w+):)?feed\b[^>]*>")
_DECLARED = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MOST_CHARACTERS = 4 * 1024 * 1024
_MOST_BEFORE = 64 * 1024
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_PLAIN = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">'


class _Entry(NamedTuple):
    line: int
    feed: str
    """The feed's own tag, which says what the prefixes of the entry mean."""
    text: str


def read_atom(text: Text, page: str) -> Iterator[Found]:
    """Every entry; one that is not well-formed is noted and the next ones are read."""
    return sightings_of(_records(text), page)


def _records(text: Text) -> Iterator[tuple[int, Any] | Note]:
    for entry in _entries(text.lines()):
        try:
            yield entry.line, _record(_parsed(entry))
        # What is not well-formed is a SyntaxError; what is forbidden, a ValueError.
        except (SyntaxError, ValueError) as error:
            fault = str(error).split(":")[0].split("\n")[0]
            yield Note(entry.line, "unreadable", f"not an entry of a feed ({fault}): mend it")


def _entries(lines: Iterator[Line]) -> Iterator[_Entry]:
    """The text of each entry; one that is never ended ends where the next begins."""
    feed, before, taken, start = _PLAIN, "", "", 0
    for number, part in _parts(lines):
        begins = _BEGIN.match(part)
        if begins and taken:
            yield _Entry(start, feed, taken)
        if begins:
            feed = _feed_tag(before) or feed
            taken, start, before = part, number, ""
        elif taken and len(taken) < _MOST_CHARACTERS:
            taken += part
        elif not taken:
            before = (before + part)[-_MOST_BEFORE:]
        if taken and _END.search(part):
            yield _Entry(start, feed, taken)
            taken = ""
    if taken:
        yield _Entry(start, feed, taken)


def _feed_tag(before: str) -> str:
    """What stands before the first entry and says what its prefixes mean."""
    if _DECLARED.search(before):
        raise CorpusError("declares entities of its own, which are not read: save the feed alone")
    match = _FEED.search(before)
    return match[0] if match else ""


def _parts(lines: Iterator[Line]) -> Iterator[tuple[int, str]]:
    """Lines, cut where an entry begins and after it ends."""
    for number, line in lines:
        cuts = {match.start() for match in _BEGIN.finditer(line)}
        cuts |= {match.end() for match in _END.finditer(line)}
        for start, end in pairwise(sorted({0, len(line), *cuts})):
            yield number, line[start:end]


def _parsed(entry: _Entry) -> "Element":
    from defusedxml.ElementTree import fromstring

    name = entry.feed[1:].split()[0].rstrip(">")
    whole = f"{entry.feed}{entry.text}</{name}>"
    feed = fromstring(whole, forbid_dtd=True)
    return cast("Element", feed[0])


def _record(entry: "Element") -> dict[str, Any]:
    links = {one.get("title") or one.get("rel"): one.get("href") for one in _all(entry, "link")}
    address = _of(entry, "id")
    authors = [_of(one, "name") for one in _all(entry, "author")]
    return {
        "title": _of(entry, "title"),
        "abstract": _of(entry, "summary") or _of(entry, "content"),
        "date": _of(entry, "published") or _of(entry, "updated"),
        "updated_on": _of(entry, "updated"),
        "authors": [name for name in authors if name],
        "url": links.get("alternate") or address,
        "pdf": links.get("pdf"),
        "arxiv_id": address if "arxiv.org" in address else "",
        "doi": _of(entry, "doi", _ARXIV),
        "journal_ref": _of(entry, "journal_ref", _ARXIV),
        "comments": _of(entry, "comment", _ARXIV),
        "categories": [one.get("term") or "" for one in _all(entry, "category")],
    }


def _all(element: "Element", name: str, space: str = _ATOM) -> list["Element"]:
    return element.findall(f"{space}{name}") or element.findall(name)


def _of(element: "Element", name: str, space: str = _ATOM) -> str:
    found = _all(element, name, space)
    return " ".join("".join(found[0].itertext()).split()) if found else ""
