"""The shipped encoder, with a file of what it made before: everything but encoding is left."""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from assistant.encoder import MiniLM
from assistant.schema import EncoderIdentity, Reading, Vectors

_TABLE = (
    "CREATE TABLE IF NOT EXISTS encoded (sha256 TEXT PRIMARY KEY, vector BLOB, pieces BLOB,"
    " starts BLOB, states BLOB) WITHOUT ROWID"
)
_Row = tuple[bytes, bytes, bytes, bytes]


class Encoded:
    """MiniLM that reads what `path` holds, and keeps there what it had to make."""

    def __init__(self, path: Path | None = None) -> None:
        self._real = MiniLM()
        self._lock = Lock()
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._file.execute(_TABLE)
        self.made = 0
        self.seconds = 0.0
        """How long `made` texts took to be encoded."""

    @property
    def identity(self) -> EncoderIdentity:
        """That of the shipped encoder: they are its numbers."""
        return self._real.identity

    @property
    def max_pieces(self) -> int:
        """Longest text read whole, in word pieces."""
        return self._real.max_pieces

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def count(self, text: str) -> int:
        """Word pieces of `text`."""
        return self._real.count(text)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text."""
        return self._real.counts(texts)

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each piece tells."""
        return self._real.weights(pieces)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors."""
        return self.encode_and_read(texts)[0]

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text."""
        return self.encode_and_read(texts)[1]

    def encode_and_read(self, texts: Sequence[str]) -> tuple[Vectors, list[Reading]]:
        """Both, out of the file where it has them."""
        with self._lock:
            keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
            known = {key: self._kept(key) for key in keys}
            new = {key: text for key, text in zip(keys, texts, strict=True) if not known[key]}
            known |= self._make(new) if new else {}
        rows = [row for key in keys if (row := known[key])]
        vectors = np.stack([np.frombuffer(row[0], "<f4") for row in rows])
        return vectors, [_reading(*row[1:]) for row in rows]

    def _kept(self, key: str) -> _Row | None:
        sql = "SELECT vector, pieces, starts, states FROM encoded WHERE sha256 = ?"
        found: _Row | None = self._file.execute(sql, (key,)).fetchone()
        return found

    def _make(self, texts: dict[str, str]) -> dict[str, _Row]:
        started = perf_counter()
        vectors, readings = self._real.encode_and_read(list(texts.values()))
        self.seconds += perf_counter() - started
        self.made += len(texts)
        rows = {
            key: (
                vector.astype("<f4").tobytes(),
                reading.pieces.astype("<i4").tobytes(),
                reading.starts.astype("<i4").tobytes(),
                reading.states.tobytes(),
            )
            for key, vector, reading in zip(texts, vectors, readings, strict=True)
        }
        with self._file:
            self._file.executemany(
                "INSERT OR REPLACE INTO encoded VALUES (?, ?, ?, ?, ?)",
                [(key, *row) for key, row in rows.items()],
            )
        return rows


def _reading(pieces: bytes, starts: bytes, states: bytes) -> Reading:
    ids = np.frombuffer(pieces, "<i4").astype(np.int32)
    rows = np.frombuffer(states, np.int8).reshape(len(ids), -1)
    return Reading(ids, np.frombuffer(starts, "<i4").astype(np.int32), rows)
