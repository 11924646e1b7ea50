"""Keys -> bytes in one SQLite file: bounded, shared by processes, and thrown away where damaged.

Nothing that happens to it is an error: what cannot be read was never kept.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from time import time
from typing import Self, TypeVar

from assistant.config import Settings

T = TypeVar("T")

FILE = "cache.sqlite"

_FORMAT = 1
_BUSY_MS = 250
_TABLE = (
    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, used INTEGER NOT NULL,"
    " value BLOB NOT NULL) WITHOUT ROWID"
)
_BY_USE = "CREATE INDEX IF NOT EXISTS by_use ON entries (used)"
_OLDEST = (
    "DELETE FROM entries WHERE key IN (SELECT key FROM entries ORDER BY used, key"
    " LIMIT 1 + (SELECT count(*) FROM entries) / 4)"
)
_SEAL = 16
_LARGEST_SHARE = 8
# A use is noted once in so many seconds: reading should not write each time.
_NOTED_S = 60
# These pass, or cannot be helped here; all else is damage.
_PASSING = ("locked", "busy", "full", "readonly", "unable to open")


class Shelf:
    """Bytes by key, the least recently used gone first; safe to use from many threads."""

    def __init__(self, path: Path, most_bytes: int, now: Callable[[], float] = time) -> None:
        self.path = path
        self._most = most_bytes
        self._now = now
        self._lock = Lock()
        self._file: sqlite3.Connection | None = None
        self._inode = 0

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The one in the data folder; none where nothing is to be kept."""
        most = settings.cache.size_mb * 1_000_000
        return cls(settings.data.folder / FILE, most) if most else None

    def get(self, key: bytes) -> bytes | None:
        """What was kept under `key`."""
        return self._tried(lambda file: self._got(file, key))

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value`, unless it alone would push out much of what there is."""
        packed = _sealed(key, value)
        if len(packed) <= self._most // _LARGEST_SHARE:
            self._tried(lambda file: self._kept(file, key, packed))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._let_go()

    def _got(self, file: sqlite3.Connection, key: bytes) -> bytes | None:
        sql = "SELECT value, used FROM entries WHERE key = ?"
        if (found := file.execute(sql, (key,)).fetchone()) is None:
            return None
        value, now = _opened(key, found[0]), int(self._now())
        if now - found[1] > _NOTED_S:
            # Who waits for another process to note a use would wait for nothing.
            with suppress(sqlite3.OperationalError):
                file.execute("UPDATE entries SET used = ? WHERE key = ?", (now, key))
        return value

    def _kept(self, file: sqlite3.Connection, key: bytes, packed: bytes) -> None:
        row = (key, int(self._now()), packed)
        file.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", row)
        while self._size(file) > self._most and file.execute(_OLDEST).rowcount:
            file.execute("PRAGMA incremental_vacuum").fetchall()

    def _size(self, file: sqlite3.Connection) -> int:
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(file.execute(f"PRAGMA {n}").fetchone()[0]) for n in names)
        return (pages - free) * size

    def _tried(self, act: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._lock:
            try:
                return act(self._opened_file())
            except OSError:
                return None
            except (sqlite3.Error, ValueError, zlib.error) as error:
                passing = isinstance(error, sqlite3.OperationalError)
                if not passing or not any(word in str(error) for word in _PASSING):
                    self._throw_away()
                return None

    def _opened_file(self) -> sqlite3.Connection:
        """The file that stands there now; another process may have thrown the last one away."""
        if self._file and self._inode != _inode(self.path):
            self._let_go()
        if self._file is None:
            # Questions and answers are nobody else's business.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self.path.chmod(0o600)
            self._inode = _inode(self.path)
            self._file = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            try:
                _prepare(self._file)
            except BaseException:
                self._let_go()
                raise
        return self._file

    def _let_go(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _throw_away(self) -> None:
        mine = self._inode == _inode(self.path)
        self._let_go()
        if mine:
            for end in ("-wal", "-shm", ""):
                with suppress(OSError):
                    self.path.with_name(self.path.name + end).unlink(missing_ok=True)


def _prepare(file: sqlite3.Connection) -> None:
    file.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _FORMAT):
        raise ValueError("kept by another version of ours")
    if version == 0:
        file.execute("PRAGMA auto_vacuum = INCREMENTAL")
    file.execute("PRAGMA journal_mode = WAL")
    # What a power cut takes is made again.
    file.execute("PRAGMA synchronous = OFF")
    file.execute("PRAGMA journal_size_limit = 4000000")
    if version == 0:
        file.execute(_TABLE)
        file.execute(_BY_USE)
        file.execute(f"PRAGMA user_version = {_FORMAT}")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _sealed(key: bytes, value: bytes) -> bytes:
    packed = zlib.compress(value, 1)
    return blake2b(packed, key=key, digest_size=_SEAL).digest() + packed


def _opened(key: bytes, sealed: bytes) -> bytes:
    seal, packed = sealed[:_SEAL], sealed[_SEAL:]
    if blake2b(packed, key=key, digest_size=_SEAL).digest() != seal:
        raise ValueError("not what was kept")
    return zlib.decompress(packed)
