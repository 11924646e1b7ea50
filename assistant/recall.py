"""Papers that were read before -> the same again, as long as nobody changed the catalog."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from assistant.database import Database
from assistant.schema import Paper

_KEPT = 2_048


class Recall:
    """The papers asked for last; safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._state: tuple[int, int] | None = None
        self._papers: OrderedDict[str, Paper] = OrderedDict()
        self._lock = Lock()

    def papers(
        self, ids: Sequence[str], read: Callable[[Sequence[str]], dict[str, Paper]]
    ) -> dict[str, Paper]:
        """What `read` gives of `ids`; what it gave before is not read again."""
        # Asked for first: what is read afterwards may be newer than that, and never older.
        state = self._database.state()
        found = self._known(ids, state)
        if missing := [id_ for id_ in ids if id_ not in found]:
            fresh = read(missing)
            self._keep(fresh, state)
            found |= fresh
        return found

    def _known(self, ids: Iterable[str], state: tuple[int, int] | None) -> dict[str, Paper]:
        if state is None:
            return {}
        with self._lock:
            if state != self._state:
                self._papers.clear()
                self._state = state
            found = {id_: self._papers[id_] for id_ in ids if id_ in self._papers}
            for id_ in found:
                self._papers.move_to_end(id_)
        return found

    def _keep(self, papers: dict[str, Paper], state: tuple[int, int] | None) -> None:
        with self._lock:
            # Another thread may have seen a change since.
            if state is not None and state == self._state:
                self._papers.update(papers)
                while len(self._papers) > _KEPT:
                    self._papers.popitem(last=False)
