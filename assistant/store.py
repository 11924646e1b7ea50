"""Chunks by nearness: a Chroma collection that holds our vectors, here or on a server."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import numpy as np

from assistant.damage import REBUILD, as_store_error
from assistant.errors import ConfigError, EncoderMismatch, StoreError
from assistant.schema import Chunk, EncoderIdentity, ScoredChunk, Vectors, paper_of

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

_NAME = "chunks"
# Written out whole, and not only logged: that is quicker to open than Chroma's default, and
# reading then changes no file of the graph, so that a damaged one can be told by its hash.
_HNSW: Any = {"space": "cosine", "ef_search": 200, "batch_size": 1}
# From this share of all chunks on it is quicker to find more and drop what may not be found.
_WIDE = 0.25
# The server written in Rust (`chroma run`, the cloud) says this, whatever its release. All else is
# the one written in Python, which up to 1.5.9 runs foreign code unasked (CVE-2026-45829).
_RUST_SERVER = "1.0.0"
_LAST_UNSAFE = (1, 5, 9)
_TIMEOUT_S = 30.0
# Chroma shares one client a folder between threads, and does not guard its list of them.
_OPENING = Lock()


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
            with _OPENING:
                client: Any = chromadb.PersistentClient(folder, settings=_settings())
            return cls._of(client, _NAME, identity, str(folder), at_once)

    @classmethod
    def connect(
        cls, url: str, collection: str, identity: EncoderIdentity, api_key: str = ""
    ) -> Self:
        """The store on a Chroma server; texts and titles travel with the vectors."""
        with as_store_error("Chroma server", url, "check `store.url`, and that the server runs"):
            client = _client(url, api_key)
            return cls._of(client, collection, identity, url)

    @classmethod
    def _of(
        cls,
        client: "Client",
        name: str,
        identity: EncoderIdentity,
        place: str,
        at_once: int = 1,
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
            _close(client)
            raise
        return cls(client, collection, place)

    @property
    def place(self) -> str:
        """Its folder, or the address of its server."""
        return self._place

    def share(self) -> Self:
        """The same store for one user more, who closes it too."""
        with _OPENING:
            self._users += 1
        return self

    def close(self) -> None:
        """Let go of the files or the connection, once the last user does."""
        with _OPENING:
            self._users -= 1
        if self._users == 0:
            _close(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Put chunks in with their vectors; one that is there already is replaced."""
        with self._guard():
            for part in self._batches(len(chunks)):
                self._collection.upsert(
                    ids=[chunk.chunk_id for chunk in chunks[part]],
                    embeddings=vectors[part],
                    **self._beside(chunks[part]),
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

    def _beside(self, chunks: Sequence[Chunk]) -> dict[str, Any]:
        """What travels with the vectors: to a server all there is, as it is alone with them."""
        if self._local:
            return {}
        metadatas = [
            {"paper_id": one.paper_id, "title": one.title, "start": one.start, "end": one.end}
            for one in chunks
        ]
        return {"metadatas": metadatas, "documents": [chunk.text for chunk in chunks]}

    def _batches(self, total: int) -> Iterator[slice]:
        most = self._client.get_max_batch_size()
        return (slice(start, start + most) for start in range(0, total, most))

    def _guard(self) -> Any:
        return as_store_error("vector index", self._place, self._cure)


def _configuration(at_once: int) -> Any:
    return {"hnsw": {**_HNSW, "sync_threshold": at_once}}


def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def _client(url: str, api_key: str) -> Any:
    import chromadb

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"store.url {url!r} is no address: write it as http://host:8000")
    headers = {"x-chroma-token": api_key} if api_key else {}
    _refuse_unsafe(url, headers)
    secure = parts.scheme == "https"
    client: Any = chromadb.HttpClient(
        parts.hostname,
        parts.port or (443 if secure else 8000),
        ssl=secure,
        headers=headers,
        settings=_settings(),
    )
    # Chroma sets none, and would wait for ever.
    for session in _sessions(client):
        session.timeout = _TIMEOUT_S
    return client


def _sessions(client: Any) -> list[Any]:
    """The HTTP clients inside a client of Chroma: two for a server, none for a folder."""
    servers = (client._server, client._admin_client._server)
    return [server._session for server in servers if hasattr(server, "_session")]


def _close(client: Any) -> None:
    # Chroma leaves their connections open.
    for session in _sessions(client):
        session.close()
    with _OPENING:
        client.close()


def _refuse_unsafe(url: str, headers: Mapping[str, str]) -> None:
    import httpx

    api = f"{url.rstrip('/')}/api/v2"
    with httpx.Client(headers=headers, timeout=_TIMEOUT_S) as client:
        version = client.get(f"{api}/version").raise_for_status().json()
        limits = client.get(f"{api}/pre-flight-checks").raise_for_status().json()
    # Python's own 1.0.0 did not take base64 yet.
    rust = version == _RUST_SERVER and limits.get("supports_base64_encoding", False)
    if not rust and tuple(map(int, re.findall(r"\d+", version)[:3])) <= _LAST_UNSAFE:
        raise StoreError(
            f"the Chroma server at {url} ({version}) is one in which anybody can run code:"
            " use `chroma run` of 1.5.9 or newer"
        )


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
