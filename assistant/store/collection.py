"""Chunks by nearness: a Chroma collection that holds our vectors, here or on a server."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assistant.damage import REBUILD, as_store_error
from assistant.errors import EncoderMismatch
from assistant.schema import Chunk, EncoderIdentity, ScoredChunk, Vectors, paper_of
from assistant.store.client import OPENING, client_of, close_client, settings

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

_NAME = "chunks"
# Written out whole, and not only logged: that is quicker to open than Chroma's default, and
# reading then changes no file of the graph, so that a damaged one can be told by its hash.
_HNSW: Any = {"space": "cosine", "ef_search": 200}
# From this share of all chunks on it is quicker to find more and drop what may not be found.
_WIDE = 0.25


class Store:
    """Chunks, found by the nearness of their vectors."""

    def __init__(self, client: "Client", collection: "Collection", place: str) -> None:
        self._client = client
        self._collection = collection
        self._place = place
        self._users = 1
        self._local = "://" not in place
        self._cure = REBUILD if self._local else "check that the Chroma server is running"

    @classmethod
    def open(cls, folder: Path, identity: EncoderIdentity, at_once: int = 1) -> Self:
        """The store in `folder`, made there if it is new.

        A new one is written out whole each time that `at_once` more chunks are in it.
        """
        with as_store_error("vector index", folder):
            import chromadb

            folder.mkdir(parents=True, exist_ok=True)
            with OPENING:
                client: Any = chromadb.PersistentClient(folder, settings=settings())
            return cls._of(client, _NAME, identity, str(folder), at_once)

    @classmethod
    def connect(
        cls, url: str, collection: str, identity: EncoderIdentity, api_key: str = ""
    ) -> Self:
        """The store on a Chroma server; texts and titles travel with the vectors."""
        with as_store_error("Chroma server", url, "check `store.url`, and that the server runs"):
            client = client_of(url, api_key)
            return cls._of(client, collection, identity, url)

    @classmethod
    def _of(
        cls,
        client: "Client",
        name: str,
        identity: EncoderIdentity,
        place: str,
        at_once: int = 0,
    ) -> Self:
        try:
            collection = client.get_or_create_collection(
                name,
                embedding_function=None,
                metadata={
                    "encoder": identity.name,
                    "dimension": identity.dimension,
                    "sha256": identity.sha256,
                },
                configuration=_configuration(at_once),
            )
            _refuse_another(collection.metadata or {}, identity)
        except BaseException:
            close_client(client)
            raise
        return cls(client, collection, place)

    @property
    def place(self) -> str:
        """Its folder, or the address of its server."""
        return self._place

    def share(self) -> Self:
        """The same store for one user more, who closes it too."""
        with OPENING:
            self._users += 1
        return self

    def close(self) -> None:
        """Let go of the files or the connection, once the last user does."""
        with OPENING:
            self._users -= 1
        if self._users == 0:
            close_client(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        beside: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Put chunks in with their vectors; one that is there already is replaced.

        What stands `beside` each travels to a server, for `chunks_of`.
        """
        with self._guard():
            for part in self._batches(len(chunks)):
                self._collection.upsert(
                    ids=[chunk.chunk_id for chunk in chunks[part]],
                    embeddings=vectors[part],
                    **self._travelling(chunks[part], beside[part]),
                )
        self._forget()

    def remove(self, chunk_ids: Sequence[str]) -> None:
        """Take chunks out; an id that is not there is no error."""
        with self._guard():
            for part in self._batches(len(chunk_ids)):
                self._collection.delete(ids=list(chunk_ids[part]))
        self._forget()

    def ids(self) -> set[str]:
        """The ids of all chunks in it."""
        with self._guard():
            return set(self._collection.get(include=[])["ids"])

    def having(self, chunk_ids: Sequence[str]) -> set[str]:
        """Those of `chunk_ids` that are in it."""
        with self._guard():
            return {
                id_
                for part in self._batches(len(chunk_ids))
                for id_ in self._collection.get(ids=list(chunk_ids[part]), include=[])["ids"]
            }

    def count(self) -> int:
        """How many chunks are in it."""
        with self._guard():
            return self._collection.count()

    def nearest(
        self, vector: Vectors, n: int, paper_ids: set[str] | None = None
    ) -> list[ScoredChunk]:
        """The chunks nearest to `vector` by cosine, nearest first."""
        if n < 1 or (paper_ids is not None and not paper_ids):
            return []
        if paper_ids is None:
            return self._query(vector, n)
        if not self._local:
            return self._query(vector, n, where={"paper_id": {"$in": sorted(paper_ids)}})
        return self._nearest_among(vector, n, paper_ids)

    def _nearest_among(self, vector: Vectors, n: int, paper_ids: set[str]) -> list[ScoredChunk]:
        papers = self._chunks_of_papers
        ids = [id_ for paper_id in sorted(paper_ids) for id_ in papers.get(paper_id, ())]
        total = self.count()
        if not ids:
            return []
        if len(ids) < _WIDE * total:
            return self._query(vector, n, ids=ids)
        wanted = min(total, n + total - len(ids), int(2 * n * total / len(ids)))
        while True:
            hits = [hit for hit in self._query(vector, wanted) if hit.paper_id in paper_ids]
            if len(hits) >= min(n, len(ids)) or wanted >= total:
                return hits[:n]
            wanted = min(total, 4 * wanted)

    def _query(self, vector: Vectors, n: int, **among: Any) -> list[ScoredChunk]:
        with self._guard():
            found = self._collection.query(
                query_embeddings=np.asarray(vector, np.float32).reshape(1, -1),
                n_results=n,
                include=["distances"],
                **among,
            )
            distances = found["distances"] or [[]]
            return [
                ScoredChunk(chunk_id, paper_of(chunk_id), 1.0 - distance)
                for chunk_id, distance in zip(found["ids"][0], distances[0], strict=True)
            ]

    @cached_property
    def _chunks_of_papers(self) -> Mapping[str, list[str]]:
        papers: dict[str, list[str]] = {}
        for chunk_id in sorted(self.ids()):
            papers.setdefault(paper_of(chunk_id), []).append(chunk_id)
        return papers

    def _forget(self) -> None:
        self.__dict__.pop("_chunks_of_papers", None)

    def _travelling(
        self, chunks: Sequence[Chunk], beside: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """What travels with the vectors: to a server all there is, as it is alone with them."""
        if self._local:
            return {}
        metadatas = [
            {"paper_id": one.paper_id, "title": one.title, "start": one.start, "end": one.end}
            for one in chunks
        ]
        for metadata, more in zip(metadatas, beside, strict=False):
            metadata.update(more)
        return {"metadatas": metadatas, "documents": [chunk.text for chunk in chunks]}

    # Of a server alone

    def version(self) -> str:
        """Another one as soon as somebody has changed what the server holds."""
        with self._guard():
            self._collection = self._client.get_collection(
                self._collection.name, embedding_function=None
            )
            revision = (self._collection.metadata or {}).get("revision", 0)
            return f"{self._collection.id}:{revision}"

    def set_revision(self, revision: int) -> None:
        """Tell the others that there is something new."""
        with self._guard():
            metadata = {**(self._collection.metadata or {}), "revision": revision}
            self._collection.modify(metadata=metadata)

    def changed_since(self, revision: int) -> set[str]:
        """The chunks that came, or came again, after that revision."""
        with self._guard():
            newer: Any = {"revision": {"$gt": revision}}
            return set(self._collection.get(where=newer, include=[])["ids"])

    def chunks_of(self, paper_ids: Sequence[str]) -> list[tuple[Chunk, Mapping[str, Any]]]:
        """All chunks of these papers, with what stands beside each."""
        with self._guard():
            theirs: Any = {"paper_id": {"$in": list(paper_ids)}}
            found = self._collection.get(where=theirs, include=["documents", "metadatas"])
            rows = zip(
                found["ids"], found["documents"] or (), found["metadatas"] or (), strict=True
            )
            return [(_chunk(id_, text, beside), beside) for id_, text, beside in rows]

    def take_lock(self, mine: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Nothing if the lock is ours now, else what its owner said."""
        from chromadb.errors import ChromaError

        with self._guard():
            try:
                self._client.create_collection(
                    self._lock, metadata=dict(mine), embedding_function=None
                )
            except ChromaError:
                held = self._client.get_collection(self._lock, embedding_function=None)
                return held.metadata or {}
        return None

    def drop_lock(self) -> None:
        """Let the others change it."""
        with self._guard():
            self._client.delete_collection(self._lock)

    @property
    def _lock(self) -> str:
        return f"{self._collection.name}.lock"

    def _batches(self, total: int) -> Iterator[slice]:
        most = self._client.get_max_batch_size()
        return (slice(start, start + most) for start in range(0, total, most))

    def _guard(self) -> Any:
        return as_store_error("vector index", self._place, self._cure)


def _chunk(chunk_id: str, text: str | None, beside: Mapping[str, Any]) -> Chunk:
    return Chunk(
        chunk_id,
        paper_of(chunk_id),
        str(beside["title"]),
        text or "",
        int(beside["start"]),
        int(beside["end"]),
    )


def _configuration(at_once: int) -> Any:
    # When a server writes is its own affair.
    written = {"batch_size": 1, "sync_threshold": at_once} if at_once else {}
    return {"hnsw": {**_HNSW, **written}}


def _refuse_another(metadata: Mapping[str, Any], identity: EncoderIdentity) -> None:
    made_by = EncoderIdentity(
        str(metadata.get("encoder")),
        int(metadata.get("dimension") or 0),
        str(metadata.get("sha256")),
    )
    if made_by != identity:
        raise EncoderMismatch(
            f"the index was made by {made_by}, not by {identity}: run `assistant index --rebuild`"
        )
