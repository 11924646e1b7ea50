"""A SQLite file of ours -> rows; it is checked when opened, and changed wholly or not at all."""

import errno
import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Self
from urllib.parse import quote

from assistant.errors import CatalogError, Locked, StoreError
from assistant.tables import STEPS

_APPLICATION = 0x61737374  # "asst"
_BUSY_MS = 10_000
# Full-text tables of an SQLite without their module cannot be read; their rows stand elsewhere.
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    " ORDER BY name"
)


class Database:
    """One connection, shared by all threads; a transaction keeps the others waiting."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = RLock()
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """The database at `path`, made if it is new; read-only where nothing can be written."""
        with _guard(path):
            _make_folder(path.parent)
            database = cls(_connect(path), path)
            try:
                database._check()
                # Not before it is known to be ours.
                if _is_writable(path):
                    database._connection.execute("PRAGMA journal_mode = WAL")
            except BaseException:
                database.close()
                raise
        return database

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows that a query gives."""
        with self._lock, _guard(self.path):
            return self._connection.execute(sql, values).fetchall()

    def state(self) -> tuple[int, int] | None:
        """Another one once anybody changed anything; none inside a transaction."""
        with self._lock, _guard(self.path):
            if self._connection.in_transaction:
                # What is undone leaves no trace in these numbers.
                return None
            (others,) = self._connection.execute("PRAGMA data_version").fetchone()
            return others, self._connection.total_changes

    def change(self, sql: str, *rows: Sequence[Any]) -> None:
        """Run one statement for each of `rows`."""
        self.change_many(sql, rows or [()])

    def change_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`, all or none."""
        with self.transaction(), _guard(self.path):
            self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes made inside, or none of them; inside another one, a part of that."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            with _guard(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                with _guard(self.path):
                    self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def check(self) -> None:
        """Read every page of the file; damage is a `CatalogError`."""
        with _guard(self.path):
            found = self.rows("PRAGMA quick_check(1)")[0][0]
            if found != "ok":
                raise sqlite3.DatabaseError(str(found))

    def _check(self) -> None:
        version = self._pragma("user_version")
        if self._pragma("application_id") not in (0, _APPLICATION):
            raise self._foreign()
        if version > len(STEPS):
            raise CatalogError(
                f"the catalog {self.path} was made by a newer assistant (format {version},"
                f" this one reads {len(STEPS)}): upgrade assistant"
            )
        if version < len(STEPS) and (version == 0 or _is_writable(self.path)):
            self._make()

    def _make(self) -> None:
        """Make the tables, or bring those of an earlier version up to date."""
        with self.transaction():
            # Another process may have made them while we waited.
            if not self._pragma("user_version") and self.rows("SELECT 1 FROM sqlite_master"):
                raise self._foreign()
            for step in STEPS[self._pragma("user_version") :]:
                for statement in step:
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {len(STEPS)}")

    def _foreign(self) -> CatalogError:
        return CatalogError(
            f"{self.path} is a database of another program: set another `data.folder`"
        )

    def _pragma(self, name: str) -> int:
        return int(self.rows(f"PRAGMA {name}")[0][0])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the data folder {folder} cannot be made ({error.strerror}): set `data.folder`"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    if _is_writable(path) or not path.exists():
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    else:
        # Without its side files, which cannot be made here, SQLite opens it only as immutable.
        connection = _connect_to_read(path)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_writable(path: Path) -> bool:
    there = path if path.exists() else path.parent
    return os.access(there, os.W_OK) and os.access(path.parent, os.W_OK)


@contextmanager
def _guard(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _unusable(path, error) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise damaged(path, error) from error


def rows_sha256(path: Path, without: Collection[str] = ()) -> str:
    """The hash of all rows of a database of another program, but for the tables `without`.

    One that cannot be read is an `OSError`, as any file is.
    """
    whole = hashlib.sha256()
    try:
        with closing(_connect_to_read(path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            for (name,) in connection.execute(_TABLES).fetchall():
                if name not in without:
                    whole.update(f"{name}\n".encode())
                    for row in connection.execute(f'SELECT * FROM "{name}"'):
                        whole.update(repr(row).encode("utf-8", "replace"))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise OSError(errno.EIO, str(error), str(path)) from error
    return whole.hexdigest()


def _connect_to_read(path: Path) -> sqlite3.Connection:
    # Who only reads cannot undo what a process that was killed left half done.
    mode = "rw" if _is_writable(path) else "ro&immutable=1"
    uri = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)


def damaged(path: Path, reason: object) -> CatalogError:
    """The error for a catalog that can no longer be read."""
    return CatalogError(
        f"the catalog {path} is damaged ({reason}):"
        " move it away, then run `assistant index` on your pages to make it again"
    )


def _unusable(path: Path, error: sqlite3.OperationalError) -> StoreError:
    reason = str(error)
    if "locked" in reason:
        return Locked(f"another process is writing to {path}: try again when it is done")
    if "full" in reason:
        return StoreError(f"the disk of {path.parent} is full, nothing is lost: make room on it")
    if "disk I/O error" in reason:
        return StoreError(f"the disk of {path} fails ({reason}): check it, then try again")
    if "readonly" in reason or "unable to open" in reason:
        return StoreError(f"the folder {path.parent} cannot be written: set another `data.folder`")
    return damaged(path, reason)
