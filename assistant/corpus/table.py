"""A table -> records with the line each row starts at -> sightings."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from assistant.corpus.fields import ALIASES, keys_for, sightings_of
from assistant.corpus.page import Found, Note, quoted
from assistant.corpus.text import Line, Text
from assistant.errors import CorpusError

_DELIMITERS = "\t,;|"
# An abstract of a hundred lines is a row whose quote was never closed.
_MOST_LINES = 200


class Row(NamedTuple):
    """The cells of a row, and the line it begins at."""

    line: int
    cells: list[str]


def read_table(text: Text, page: str) -> Iterator[Found]:
    """Read a table whose first row names its columns, parted by whatever parts the header."""
    rows = _rows(text.lines())
    first = next(rows, None)
    header = first.cells if isinstance(first, Row) else []
    for field in ("title", "abstract"):
        if not keys_for(field, header):
            known = ", ".join(ALIASES[field])
            raise CorpusError(f"has no column for the {field}: name one of its columns {known}")
    yield from sightings_of(_records(header, rows), page)


def _records(header: list[str], rows: Iterator[Row | Note]) -> Iterator[tuple[int, Any] | Note]:
    for one in rows:
        if isinstance(one, Note):
            yield one
            continue
        line, row = one
        if len(row) > len(header):
            text = f"{len(row)} cells under {len(header)} columns: put texts with a comma in quotes"
            yield Note(line, "unreadable", f"{text}: {quoted(row[0])}")
        elif row:
            yield line, dict(zip(header, row, strict=False))


def _rows(lines: Iterator[Line]) -> Iterator[Row | Note]:
    """Every row, or a note where one cannot be read; the next line begins a row again."""
    waiting = _Lines(lines)
    first = next((line for line in waiting if line.text.strip()), None)
    if first is None:
        return
    waiting.back([first])
    delimiter = max(_DELIMITERS, key=first.text.count)
    while (line := next(waiting, None)) is not None:
        waiting.back([line])
        yield from _until_broken(waiting, delimiter)


def _until_broken(lines: "_Lines", delimiter: str) -> Iterator[Row | Note]:
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            if len(taken) > _MOST_LINES:
                raise csv.Error("a quote that is not closed")
            yield line.text

    try:
        for row in csv.reader(feed(), delimiter=delimiter, strict=True):
            number = taken[0].number
            taken.clear()
            if row:
                yield Row(number, row)
    except csv.Error as error:
        fault = f"not a row of the table ({error}): mend its quotes"
        yield Note(taken[0].number, "unreadable", fault)
        lines.back(taken[1:])


class _Lines:
    """Lines, of which some may be given back to be read again."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> Line:
        return self._back.popleft() if self._back else next(self._lines)

    def back(self, lines: list[Line]) -> None:
        """Give these again before all others."""
        self._back.extendleft(reversed(lines))


def is_table(head: str) -> bool:
    """Whether the first line names a column for the title and one for the abstract."""
    first = head.lstrip().partition("\n")[0]
    names = re.split(f"[{_DELIMITERS}]", first.replace('"', ""))
    return bool(keys_for("title", names)) and bool(keys_for("abstract", names)) and len(names) > 1
