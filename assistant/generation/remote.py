"""A server's store that may be away -> a store that then finds nothing, and says why."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

from assistant.errors import StoreError
from assistant.schema import ScoredChunk, Vectors
from assistant.store import Store

_AGAIN_S = 5.0


class Remote:
    """The store of a server; while that is away, words alone must do."""

    def __init__(self, connect: Callable[[], Store]) -> None:
        self._connect = connect
        self._store: Store | None = None
        self._lock = Lock()
        self._not_before = 0.0
        self.trouble = ""
        """Why the server does not answer; empty while it does."""

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._store:
                self._store.close()
                self._store = None

    def connected(self) -> Store | None:
        """The store, if its server answers; who asks soon after a failure is not kept waiting."""
        # Until a first failure all wait for the connection; then who tries again does so alone.
        if not self._lock.acquire(blocking=not self.trouble):
            return None
        try:
            if self._store is None and monotonic() >= self._not_before:
                self._store = self._connect()
                self.trouble = ""
        except StoreError as error:
            self._is_away(error)
        finally:
            self._lock.release()
        return self._store

    def nearest(
        self, vector: Vectors, n: int, paper_ids: set[str] | None = None
    ) -> list[ScoredChunk]:
        """The chunks nearest to `vector`; none while the server is away."""
        store = self.connected()
        if store is None:
            return []
        try:
            return store.nearest(vector, n, paper_ids)
        except StoreError as error:
            self.close()
            self._is_away(error)
            return []

    def ids(self) -> set[str]:
        """The ids of all chunks there."""
        return self._connect_or_fail().ids()

    def count(self) -> int:
        """How many chunks are there."""
        return self._connect_or_fail().count()

    def _connect_or_fail(self) -> Store:
        store = self.connected()
        if store is None:
            raise StoreError(self.trouble)
        return store

    def _is_away(self, error: StoreError) -> None:
        self.trouble = str(error)
        self._not_before = monotonic() + _AGAIN_S
