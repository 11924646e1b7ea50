"""RIS, as reference managers export it -> sightings."""

import re
from collections.abc import Iterator
from typing import Any

from assistant.corpus.fields import sightings_of
from assistant.corpus.page import Found, Note
from assistant.corpus.text import Line, Text

_START = re.compile(r"\s*TY\s{0,2}-")
_END = re.compile(r"\s*ER\s{0,2}-")
_TAG = re.compile(r"\s*([A-Z][A-Z0-9])\s{1,2}- ?")
_MOST_LINES = 10_000
# What the parser calls a field -> one of our words, or what is passed over.
_OURS = {
    "primary_title": "title", "secondary_title": "venue", "publication_year": "year",
    "first_authors": "authors", "urls": "url", "journal_name": "venue",
    "alternate_title3": "venue", "type_of_reference": "ris_type", "notes_abstract": "abstract",
}  # fmt: skip


def read_ris(text: Text, page: str) -> Iterator[Found]:
    """Every reference from its TY to its ER; one that cannot be read is noted."""
    return sightings_of(_records(text), page)


def _records(text: Text) -> Iterator[tuple[int, Any] | Note]:
    for lines in _references(text.lines()):
        try:
            yield lines[0].number, _record(lines)
        except (LookupError, AttributeError, TypeError, ValueError):
            fault = "not a reference: give one field a line, as in TI  - Its Title"
            yield Note(lines[0].number, "unreadable", fault)


def _references(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """The lines of each reference; one that is never ended ends where the next begins."""
    taken: list[Line] = []
    for line in lines:
        starts = _START.match(line.text)
        if starts and taken:
            yield taken
            taken = []
        if (starts or taken) and len(taken) < _MOST_LINES:
            taken.append(line)
        if taken and _END.match(line.text):
            yield taken
            taken = []
    if taken:
        yield taken


def _record(lines: list[Line]) -> dict[str, Any]:
    from rispy import loads

    # The parser wants its tags to the letter, and every reference ended.
    body = "".join(_TAG.sub(r"\1  - ", line.text) for line in lines if not _END.match(line.text))
    parsed = dict(loads(f"{body.rstrip()}\nER  - \n")[0])
    unknown = parsed.pop("unknown_tag", {})
    record: dict[str, Any] = {}
    for name, value in [*parsed.items(), *unknown.items()]:
        ours = _OURS.get(name, str(name))
        record[ours] = record.get(ours) or value
    return _plain(record)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    if isinstance(record.get("url"), list):
        record["url"] = record["url"][0] if record["url"] else ""
    for name in ("date", "year"):
        # 2021/03/12/ leaves out nothing but its end.
        record[name] = str(record.get(name) or "").strip("/ ").replace("/", "-")
    return {name: value for name, value in record.items() if value}
