"""A catalog -> one file of JSON Lines, always the same for the same catalog, and back.

The first line says what follows and how much of it; each further line is one row, under the name of
its table. What is made from these rows (chunks, indexes) and what belongs to this machine (where
its files are, the history of its runs) stays behind.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import IO, Any

from assistant.upkeep.snapshot import Column, Snapshot

FORMAT = 1
HEADER = "assistant_catalog"
REMOVED = "removed"
MARK = "removed:"
LEFT_BEHIND = frozenset(
    ("meta", "runs", "chunks", "vectors", "readings", "digests", "stale_papers", "stale_chunks")
)
ENCODED = ("vectors", "readings")
"""The tables that only go along where they are asked for."""
OF_THIS_MACHINE = {"pages": {"path"}, "papers": {"chunked_for"}}


def export(snapshot: Snapshot, target: IO[bytes], *, vectors: bool = False) -> dict[str, int]:
    """Write the whole catalog; how many rows of each table there were."""
    tables = [name for name in snapshot.tables() if name not in LEFT_BEHIND]
    counts = {name: snapshot.count(name) for name in tables}
    counts[REMOVED] = sum(1 for _ in _removed(snapshot))
    texts = _texts(snapshot) if vectors else set()
    counts |= {name: sum(1 for _ in _keys(snapshot, name, texts)) for name in ENCODED if vectors}
    _write(target, {HEADER: FORMAT, "rows": counts})
    for name in tables:
        for row in _rows(snapshot, name):
            _write(target, {name: row})
    for row in _removed(snapshot):
        _write(target, {REMOVED: row})
    for name in ENCODED if vectors else ():
        for row in _encoded(snapshot, name, texts):
            _write(target, {name: row})
    return counts


def _rows(snapshot: Snapshot, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, in the order of its key."""
    left = OF_THIS_MACHINE.get(table, set())
    columns = [one for one in snapshot.columns(table) if one.name not in left]
    sql = f"SELECT {_named(columns)} FROM {table} ORDER BY {_order(columns)}"
    for row in snapshot.rows(sql):
        yield {one.name: _plain(value) for one, value in zip(columns, row, strict=True)}


def _removed(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    sql = "SELECT key, value FROM meta WHERE key >= ? AND key < ? ORDER BY key"
    for key, title in snapshot.rows(sql, MARK, MARK[:-1] + ";"):
        yield {"paper_id": key.removeprefix(MARK), "title": title}


def _texts(snapshot: Snapshot) -> set[str]:
    """The keys of all texts that the catalog has; vectors of others are of no use to anyone."""
    sql = (
        'SELECT chunks.title, abstract, start, "end" FROM chunks JOIN papers USING (paper_id)'
        " ORDER BY chunk_id"
    )
    read = (f"{title}\n{text[start:end]}" for title, text, start, end in snapshot.rows(sql))
    return {hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in read}


def _keys(snapshot: Snapshot, table: str, texts: set[str]) -> Iterator[tuple[Any, ...]]:
    columns = snapshot.columns(table)
    key = _order(columns)
    for row in snapshot.rows(f"SELECT sha256, {key} FROM {table} ORDER BY {key}"):
        if row[0] in texts:
            yield row[1:]


def _encoded(snapshot: Snapshot, table: str, texts: set[str]) -> Iterator[dict[str, Any]]:
    return (row for row in _rows(snapshot, table) if row["sha256"] in texts)


def _named(columns: list[Column]) -> str:
    return ", ".join(f'"{one.name}"' for one in columns)


def _order(columns: list[Column]) -> str:
    key = sorted((one for one in columns if one.key), key=lambda one: one.key)
    return _named(key or [one for one in columns if one.type != "BLOB"])


def _plain(value: Any) -> Any:
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes) else value


def _write(target: IO[bytes], record: dict[str, Any]) -> None:
    target.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
