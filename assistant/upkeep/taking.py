"""The lines of an exported catalog -> the catalog, whole or not at all."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from assistant.catalog import Catalog
from assistant.clean import at_entry
from assistant.errors import CorpusError, UsageError
from assistant.readings import STATE
from assistant.upkeep.portable import (
    ENCODED,
    FORMAT,
    HEADER,
    LEFT_BEHIND,
    MARK,
    OF_THIS_MACHINE,
    REMOVED,
)
from assistant.upkeep.snapshot import Column, columns_of

IMPORTED = "imported"
"""Kept in the catalog, with the kind of run, until the indexes have been made of what came in."""
_AT_ONCE = 1_000
_LARGEST = 2**63 - 1
_JSON: Mapping[str, type] = {"authors": list, "extra": dict}
"""Columns whose text is JSON."""


class _Line(NamedTuple):
    number: int
    table: str
    row: Mapping[str, Any]


def take(
    catalog: Catalog, lines: Iterator[bytes], source: str, *, replace: bool
) -> Mapping[str, int]:
    """Put in what the lines hold; how many rows of each table that was.

    A catalog that holds papers must be one that is to be replaced.
    """
    with catalog.transaction():
        catalog.database.rows("PRAGMA defer_foreign_keys = ON")
        if catalog.count() and not replace:
            raise UsageError(
                f"the catalog holds {catalog.count():,} papers already: import into another"
                " corpus, with --corpus NAME, or add --replace"
            )
        _empty(catalog)
        counts = _Intake(catalog, source).take(lines)
        catalog.set_meta(IMPORTED, "import")
        catalog.database.change("DELETE FROM meta WHERE key IN ('fingerprint', 'contents')")
    return counts


def _empty(catalog: Catalog) -> None:
    """Take out all that an export holds, but for what was encoded: that may serve again."""
    for table in [*_tables(catalog), "chunks"]:
        catalog.database.change(f"DELETE FROM {table}")
    catalog.database.change("DELETE FROM meta WHERE key >= ? AND key < ?", (MARK, MARK[:-1] + ";"))


def _tables(catalog: Catalog) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    return sorted({name for (name,) in catalog.database.rows(sql)} - LEFT_BEHIND)


class _Intake:
    """Rows into their tables, so many at once."""

    def __init__(self, catalog: Catalog, source: str) -> None:
        self._catalog, self._source = catalog, source
        self._columns: dict[str, dict[str, Column]] = {}
        for table in (*_tables(catalog), *ENCODED):
            found = columns_of(catalog.database.rows(f"PRAGMA table_info({table})"))
            self._columns[table] = {one.name: one for one in found}
        self._counts: dict[str, int] = {}

    def take(self, lines: Iterator[bytes]) -> Mapping[str, int]:
        """How many rows of each table came; as many as the first line promised."""
        promised = self._header(next(lines, b""))
        held: list[_Line] = []
        for number, line in enumerate(lines, 2):
            one = self._read(number, line)
            if held and (one.table, one.row.keys()) != (held[0].table, held[0].row.keys()):
                self._put(held)
            held.append(one)
            if len(held) >= _AT_ONCE:
                self._put(held)
        self._put(held)
        self._check(promised)
        return self._counts

    def _header(self, line: bytes) -> dict[str, int]:
        head = self._parsed(1, line)
        version, promised = head.get(HEADER), head.get("rows")
        if not isinstance(version, int) or not isinstance(promised, dict):
            raise CorpusError(f"{self._source} is no export of ours: make one, `assistant export`")
        if version > FORMAT:
            raise CorpusError(f"{self._source} was made by a newer assistant: upgrade this one")
        return promised

    def _read(self, number: int, line: bytes) -> _Line:
        record = self._parsed(number, line)
        [(table, row)] = record.items() if len(record) == 1 else [("", None)]
        if table == REMOVED and isinstance(row, dict):
            return _Line(number, table, row)
        columns = self._columns.get(table)
        if columns is None or not isinstance(row, dict) or not row.keys() <= columns.keys():
            raise self._wrong(number, "this version knows no such row: upgrade it, or export again")
        values = {name: self._value(number, columns[name], row[name]) for name in row}
        for name in OF_THIS_MACHINE.get(table, ()):
            # A path inside a file is never there, so that a page of that name counts as moved.
            values[name] = f"{self._source}/{row.get('page')}" if columns[name].needed else None
        needed = (one.name for one in columns.values() if one.needed)
        if missing := [name for name in needed if values.get(name) is None]:
            raise self._wrong(number, f"{missing[0]} is missing: export again")
        if table in ENCODED and not _fits(values):
            raise self._wrong(number, "these numbers do not fit together: export again")
        return _Line(number, table, values)

    def _value(self, number: int, column: Column, value: Any) -> Any:
        kinds: dict[str, type] = {"TEXT": str, "INTEGER": int, "REAL": float, "BLOB": dict}
        if value is None and not column.needed:
            return None
        if not isinstance(value, kinds.get(column.type, object)):
            raise self._wrong(number, f"{column.name} is no {column.type}: export again")
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise self._wrong(number, f"{column.name} is too large: export again")
        if isinstance(value, str):
            return self._text(number, column.name, value)
        return self._bytes(number, value) if isinstance(value, dict) else value

    def _text(self, number: int, name: str, text: str) -> str:
        kind = _JSON.get(name)
        if kind is None:
            return at_entry(text, keep_lines=True).text
        value = self._parse(number, text)
        if not isinstance(value, kind):
            raise self._wrong(number, f"{name} is not what it should be: export again")
        return json.dumps(_cleaned(value))

    def _bytes(self, number: int, value: dict[str, Any]) -> bytes:
        try:
            return b64decode(value["base64"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise self._wrong(number, "these are no bytes: export again") from None

    def _put(self, held: list[_Line]) -> None:
        if not held:
            return
        table, names = held[0].table, list(held[0].row)
        if table == REMOVED:
            for one in held:
                title = at_entry(str(one.row.get("title"))).text
                self._catalog.set_meta(f"{MARK}{one.row.get('paper_id')}", title)
        else:
            columns = ", ".join(f'"{name}"' for name in names)
            places = ", ".join("?" for _ in names)
            self._catalog.database.change_many(
                f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})",
                [[one.row[name] for name in names] for one in held],
            )
        self._counts[table] = self._counts.get(table, 0) + len(held)
        held.clear()

    def _check(self, promised: Mapping[str, int]) -> None:
        """Whether all came that was promised, each once, and fits together."""
        database = self._catalog.database
        for table, number in promised.items():
            came = self._counts.get(table, 0)
            there = came
            if table in self._columns and table not in ENCODED:
                there = int(database.rows(f"SELECT count(*) FROM {table}")[0][0])
            if not number == came == there:
                raise CorpusError(
                    f"{self._source} holds {min(came, there):,} of {number} rows of {table}: it is"
                    " cut short or was changed: export again"
                )
        if database.rows("PRAGMA foreign_key_check"):
            raise CorpusError(f"{self._source} names pages that it does not hold: export again")

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = self._parse(number, line.decode("utf-8"))
        except UnicodeDecodeError:
            record = None
        if not isinstance(record, dict):
            raise self._wrong(number, "this is no line of an export of ours")
        return record

    def _parse(self, number: int, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._wrong(number, "this is no JSON: export again") from None

    def _wrong(self, number: int, why: str) -> CorpusError:
        return CorpusError(f"{self._source}:{number}: {why}; nothing was taken in")


def _cleaned(value: Any) -> Any:
    """JSON whose every text is fit to be kept."""
    if isinstance(value, dict):
        return {at_entry(key).text: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return at_entry(value, keep_lines=True).text if isinstance(value, str) else value


def _fits(row: Mapping[str, Any]) -> bool:
    """Whether what was encoded has the lengths that its reader expects."""
    if "vector" in row:
        dimension = str(row.get("encoder")).split("/")[-2:-1]
        return [str(len(row["vector"]) // 4)] == dimension and len(row["vector"]) % 4 == 0
    pieces, starts, states = (len(row.get(name) or b"") for name in ("pieces", "starts", "states"))
    count, rest = divmod(states, STATE)
    # Two or four bytes a number, as they fit.
    return not rest and {pieces, starts} <= {2 * count, 4 * count}
