"""JSON Lines and JSON -> records with the line each one starts at -> sightings."""

import json
import re
from collections.abc import Iterator
from typing import Any

from assistant.corpus.dialects import is_paper, plain_record
from assistant.corpus.fields import from_records, keys_for, sightings_of
from assistant.corpus.page import Found, Note, Reading
from assistant.corpus.text import Text
from assistant.errors import CorpusError

_WRAPPERS = ("papers", "data", "results", "items", "records", "documents", "articles", "entries")
_WRAPPED_LIST = re.compile(rf'"(?:{"|".join(_WRAPPERS)})"\s*:\s*(?=\[)', re.IGNORECASE)
_BETWEEN_ITEMS = re.compile(r"[\s,]*")
# Where a record may begin again after one that cannot be read.
_NEXT_ITEM = re.compile(r"\}\s*,\s*(?=\{)|\n\s*(?=\{)")
_JSON = json.JSONDecoder()
# A number of 5,000 digits and a thousand open brackets are valid JSON, and no record of ours.
_BROKEN_JSON = (ValueError, RecursionError)


def read_json_lines(text: Text, page: str) -> Iterator[Found]:
    """One JSON object a line; a broken line is noted and the rest go on."""
    return sightings_of(_json_lines(text), page)


def _json_lines(text: Text) -> Iterator[tuple[int, Any] | Note]:
    for number, line in text.lines():
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except _BROKEN_JSON as error:
            yield Note(number, "unreadable", f"not JSON ({_fault(error)}): mend the line")


def read_json(text: str, page: str) -> Reading:
    """Read a list of objects, or an object that wraps one; a broken one is noted."""
    try:
        whole = json.loads(text)
    except _BROKEN_JSON as error:
        return _salvaged(text, page, error)
    if is_paper(whole) and keys_for("abstract", plain_record(whole)):
        return from_records([(1, whole)], page)
    start = _start_of_list(text, whole)
    if start is None:
        allowed = ", ".join(f'{{"{name}": [...]}}' for name in _WRAPPERS[:3])
        raise CorpusError(f"holds no list of papers: give a list of objects, or {allowed}")
    return from_records(_numbered_items(text, start), page)


def _salvaged(text: str, page: str, error: Exception) -> Reading:
    """The records of a broken file that can be read."""
    line = getattr(error, "lineno", 1)
    message = f"not JSON at line {line} ({_fault(error)}): mend it, or save one object a line"
    found: list[Note] = []
    items = (one for one in _items(text, found) if is_paper(one[1]))
    reading = from_records(items, page)
    if not reading.sightings:
        raise CorpusError(f"{message} as .jsonl")
    return reading._replace(notes=sorted([*reading.notes, *found]))


def _fault(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error).split(":")[0]


def _items(text: str, faults: list[Note]) -> Iterator[tuple[int, Any]]:
    """Whatever objects stand one after the other; where one is broken, from the next on."""
    line, seen, position = 1, 0, text.find("{")
    wrapped = _WRAPPED_LIST.search(text)
    if wrapped:
        position = text.find("{", wrapped.end())
    while 0 <= position < len(text):
        line, seen = line + text.count("\n", seen, position), position
        try:
            item, end = _JSON.raw_decode(text, position)
        except _BROKEN_JSON as error:
            faults.append(Note(line, "unreadable", f"not JSON ({_fault(error)}): mend it"))
            again = _NEXT_ITEM.search(text, position + 1)
            position = again.end() if again else -1
        else:
            yield line, item
            position = text.find("{", end)


def _numbered_items(text: str, start: int) -> Iterator[tuple[int, Any]]:
    line, seen = 1, 0
    position = _next_item(text, start + 1)
    while text[position] != "]":
        line, seen = line + text.count("\n", seen, position), position
        item, end = _JSON.raw_decode(text, position)
        yield line, item
        position = _next_item(text, end)


def _next_item(text: str, position: int) -> int:
    match = _BETWEEN_ITEMS.match(text, position)
    return match.end() if match else position


def _start_of_list(text: str, whole: Any) -> int | None:
    if isinstance(whole, list):
        return text.index("[")
    for match in _WRAPPED_LIST.finditer(text) if isinstance(whole, dict) else ():
        items, _ = _JSON.raw_decode(text, match.end())
        if items and items in whole.values():
            return match.end()
    return None
