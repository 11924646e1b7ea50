"""A catalog's file -> its rows, or a copy, as of one moment, whatever others write meanwhile."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from assistant.database import Database, damaged
from assistant.errors import StoreError


class Column(NamedTuple):
    """A column of a table: its declared type, and whether it must have a value."""

    name: str
    type: str
    needed: bool
    key: int
    """Its place in the primary key, from 1; 0 for a column outside of it."""


class Snapshot:
    """A catalog that stands still."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def tables(self) -> list[str]:
        """The names of all tables."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        return sorted(name for (name,) in self.rows(sql))

    def columns(self, table: str) -> list[Column]:
        """The columns of a table, by name."""
        return columns_of(self.rows(f"PRAGMA table_info({table})"))

    def count(self, table: str) -> int:
        """How many rows there are."""
        return int(next(self.rows(f"SELECT count(*) FROM {table}"))[0])

    def rows(self, sql: str, *values: Any) -> Iterator[Any]:
        """What a query gives, row by row; no more of it is in memory."""
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise damaged(self._path, error) from error


@contextmanager
def snapshot(path: Path) -> Iterator[Snapshot]:
    """The catalog at `path` as it is now."""
    # Opening it as everybody does says whether it is ours, whole, and of our version.
    Database.open(path).close()
    with closing(_reading(path)) as connection:
        connection.execute("BEGIN")
        yield Snapshot(connection, path)


def columns_of(table_info: Iterator[Any] | list[Any]) -> list[Column]:
    """What SQLite's own table of a table's columns says, by name."""
    found = (
        Column(name, kind.upper(), bool(needed), key)
        for _, name, kind, needed, _, key in table_info
    )
    return sorted(found)


def copy(source: Path, target: Path) -> None:
    """Copy a catalog over another, in one step for whoever reads or writes either."""
    try:
        with closing(_reading(source)) as read, closing(sqlite3.connect(target)) as written:
            written.execute("PRAGMA busy_timeout = 10000")
            read.backup(written)
    except sqlite3.OperationalError as error:
        raise StoreError(f"{target} cannot be written ({error}): nothing was changed") from error
    except sqlite3.DatabaseError as error:
        raise damaged(source, error) from error


def _reading(path: Path) -> sqlite3.Connection:
    # Without its side files, which cannot be made in such a folder, SQLite opens it as immutable.
    still = "" if os.access(path.parent, os.W_OK) else "&immutable=1"
    uri = f"file:{quote(str(path.resolve()))}?mode=ro{still}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)
