"""A sealed store, the chunks newer than it and those gone from it -> one store."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from assistant.damage import as_store_error
from assistant.errors import StoreError
from assistant.schema import Chunk, ScoredChunk, Vectors, paper_of
from assistant.store import Store

_NAMES, _VECTORS = "recent.json", "recent.npy"
# What is gone may be found in the sealed store first: so much more is asked for at once.
_SPARE = 1.25


@dataclass(frozen=True, slots=True)
class Recent:
    """What came and went since a store was sealed."""

    ids: tuple[str, ...] = ()
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    """One a chunk, shape (len(ids), dimension)."""
    gone: frozenset[str] = frozenset()
    """Chunks of the store that are there no more."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote; nothing where it wrote nothing."""
        if not (folder / _NAMES).exists():
            return cls()
        with as_store_error("index", folder):
            names = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
            vectors = np.load(folder / _VECTORS, allow_pickle=False)
            if len(vectors) != len(names["came"]):
                raise StoreError(f"the index {folder} lacks vectors")
            return cls(tuple(names["came"]), vectors, frozenset(names["gone"]))

    def save(self, folder: Path) -> None:
        """Write it into the folder of a generation."""
        names = {"came": self.ids, "gone": sorted(self.gone)}
        (folder / _NAMES).write_text(json.dumps(names), encoding="utf-8")
        np.save(folder / _VECTORS, self.vectors, allow_pickle=False)

    def __len__(self) -> int:
        return len(self.ids) + len(self.gone)

    def changed(
        self, came: Mapping[str, Vectors], gone: Iterable[str], sealed: Collection[str] = ()
    ) -> "Recent":
        """The same after chunks `came` and went; `sealed` are those of them in the store."""
        left = set(gone)
        kept = {
            id_: vector
            for id_, vector in zip(self.ids, self.vectors, strict=True)
            if id_ not in left
        }
        kept |= {id_: vector for id_, vector in came.items() if id_ not in sealed}
        vectors = np.stack(list(kept.values())) if kept else np.empty((0, 0), np.float32)
        now_gone = (self.gone | left.intersection(sealed)) - came.keys()
        return Recent(tuple(kept), np.asarray(vectors, np.float32), frozenset(now_gone))

    def nearest(self, vector: Vectors, n: int, papers: set[str] | None) -> list[ScoredChunk]:
        """The nearest of what came, by reading them all."""
        places = [i for i, id_ in enumerate(self.ids) if papers is None or paper_of(id_) in papers]
        if not places:
            return []
        scores = (self.vectors if len(places) == len(self.ids) else self.vectors[places]) @ vector
        best = np.argsort(-scores, kind="stable")[:n]
        return [
            ScoredChunk(id_, paper_of(id_), float(scores[at]))
            for at in best
            for id_ in (self.ids[places[at]],)
        ]


class Layers:
    """A store as it was sealed, with what is recent over it."""

    def __init__(self, sealed: Store, recent: Recent) -> None:
        self.sealed = sealed
        self._recent = recent

    def close(self) -> None:
        """Let go of the files."""
        self.sealed.close()

    def shared(self, folder: Path) -> Store | None:
        """The sealed store for one user more, if it is that of `folder`."""
        return self.sealed.share() if self.sealed.place == str(folder) else None

    def count(self) -> int:
        """How many chunks are in it."""
        return self.sealed.count() - len(self._recent.gone) + len(self._recent.ids)

    def ids(self) -> set[str]:
        """The ids of all chunks in it."""
        return (self.sealed.ids() - self._recent.gone) | set(self._recent.ids)

    def nearest(
        self, vector: Vectors, n: int, paper_ids: set[str] | None = None
    ) -> list[ScoredChunk]:
        """The chunks nearest to `vector` by cosine, nearest first."""
        if n < 1 or (paper_ids is not None and not paper_ids):
            return []
        hits = self._nearest_sealed(vector, n, paper_ids)
        if not self._recent.ids:
            return hits
        hits += self._recent.nearest(vector, n, paper_ids)
        return sorted(hits, key=lambda hit: -hit.score)[:n]

    def _nearest_sealed(
        self, vector: Vectors, n: int, paper_ids: set[str] | None
    ) -> list[ScoredChunk]:
        gone = self._recent.gone
        most = n + len(gone)
        wanted = min(most, int(n * _SPARE) + 10) if gone else n
        while True:
            found = self.sealed.nearest(vector, wanted, paper_ids)
            hits = [hit for hit in found if hit.chunk_id not in gone]
            if len(hits) >= n or len(found) < wanted or wanted >= most:
                return hits[:n]
            wanted = min(most, 4 * wanted)


def came(chunks: Sequence[Chunk], vectors: Mapping[str, Vectors]) -> dict[str, Vectors]:
    """The vector of each chunk by its id, given those of their texts."""
    return {chunk.chunk_id: vectors[chunk.embedded_text] for chunk in chunks}
