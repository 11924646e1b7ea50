"""Content -> what was made of it, one JSON line each, so that nothing is paid for twice."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import IO, Any, Self

from assistant.records import dumps

Record = Mapping[str, Any]


def key_of(*parts: object) -> str:
    """The hash of everything that decides an outcome."""
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Cache:
    """Records by key, in a file that only grows; a line torn by a kill is left out.

    Without a path nothing outlives the run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.hits = 0
        self._path = path
        self._lock = Lock()
        self._file: IO[str] | None = None
        self._kept = _read(path) if path else {}

    def __len__(self) -> int:
        return len(self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None

    def get(self, key: str) -> Record | None:
        """What was kept under `key`."""
        with self._lock:
            found = self._kept.get(key)
            self.hits += found is not None
            return found

    def put(self, key: str, record: Record) -> None:
        """Keep `record`; it is on the disk when this returns."""
        with self._lock:
            self._kept[key] = record
            if self._path:
                self._file = self._file or _appending(self._path)
                self._file.write(dumps({"key": key, "record": record}) + "\n")
                self._file.flush()


def _appending(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.read_bytes() if path.exists() else b""
    file = path.open("a", encoding="utf-8", newline="\n")
    if there and not there.endswith(b"\n"):
        file.write("\n")
    return file


def _read(path: Path) -> dict[str, Record]:
    kept: dict[str, Record] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                kept[entry["key"]] = entry["record"]
            except (ValueError, KeyError, TypeError):
                continue
    return kept
