"""JSON Lines, JSON and tables -> records with the line each one starts at."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from assistant.corpus.fields import ALIASES, from_records, keys_for
from assistant.corpus.page import Note, Reading, quoted
from assistant.errors import CorpusError

_WRAPPERS = ("papers", "data", "results", "items", "records", "documents", "articles", "entries")
_WRAPPED_LIST = re.compile(rf'"(?:{"|".join(_WRAPPERS)})"\s*:\s*(?=\[)', re.IGNORECASE)
_DELIMITERS = "\t,;|"
_BETWEEN_ITEMS = re.compile(r"[\s,]*")
_JSON = json.JSONDecoder()
# A number of 5,000 digits and a thousand open brackets are valid JSON, and no record of ours.
_BROKEN_JSON = (ValueError, RecursionError)


def read_json_lines(text: str, page: str) -> Reading:
    """One JSON object a line; a broken line is noted and the rest go on."""
    notes: list[Note] = []
    reading = from_records(_json_lines(text, notes), page)
    return Reading(reading.sightings, sorted(notes + reading.notes))


def _json_lines(text: str, notes: list[Note]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except _BROKEN_JSON as error:
            notes.append(Note(number, "unreadable", f"not JSON ({_fault(error)}): mend the line"))


def read_json(text: str, page: str) -> Reading:
    """Read a list of objects, or an object that wraps one."""
    try:
        whole = json.loads(text)
    except _BROKEN_JSON as error:
        if _is_json_lines(text):
            return read_json_lines(text, page)
        line = getattr(error, "lineno", 1)
        message = f"not JSON at line {line} ({_fault(error)}): mend it, or save one object a line"
        raise CorpusError(f"{message} as .jsonl") from None
    if isinstance(whole, dict) and keys_for("title", whole) and keys_for("abstract", whole):
        return from_records([(1, whole)], page)
    return from_records(_numbered_items(text, whole), page)


def _fault(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error).split(":")[0]


def _is_json_lines(text: str) -> bool:
    """Whether the first line with something on it is a whole JSON object."""
    first = text.lstrip().partition("\n")[0]
    try:
        return isinstance(json.loads(first), dict)
    except _BROKEN_JSON:
        return False


def _numbered_items(text: str, whole: Any) -> Iterator[tuple[int, Any]]:
    start = _start_of_list(text, whole)
    if start is None:
        allowed = ", ".join(f'{{"{name}": [...]}}' for name in _WRAPPERS[:3])
        raise CorpusError(f"holds no list of papers: give a list of objects, or {allowed}")
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


def read_table(text: str, page: str) -> Reading:
    """Read a table whose first row names its columns, parted by whatever parts the header."""
    notes: list[Note] = []
    rows = _rows(text)
    _, header = next(rows, (1, []))
    for field in ("title", "abstract"):
        if not keys_for(field, header):
            known = ", ".join(ALIASES[field])
            raise CorpusError(f"has no column for the {field}: name one of its columns {known}")
    reading = from_records(_table_records(header, rows, notes), page)
    return Reading(reading.sightings, sorted(notes + reading.notes))


def _table_records(
    header: list[str], rows: Iterator[tuple[int, list[str]]], notes: list[Note]
) -> Iterator[tuple[int, Any]]:
    for line, row in rows:
        if len(row) > len(header):
            text = f"{len(row)} cells under {len(header)} columns: put texts with a comma in quotes"
            notes.append(Note(line, "unreadable", f"{text}: {quoted(row[0])}"))
        elif row:
            yield line, dict(zip(header, row, strict=False))


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text.lstrip("\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in rows:
            if row or line > 1:
                yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise CorpusError(f"not a table at line {line} ({error}): mend its quotes") from None


def is_table(text: str) -> bool:
    """Whether the first line names a column for the title and one for the abstract."""
    head = text.lstrip().partition("\n")[0]
    names = re.split(f"[{_DELIMITERS}]", head.replace('"', ""))
    return bool(keys_for("title", names)) and bool(keys_for("abstract", names)) and len(names) > 1
