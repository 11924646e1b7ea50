"""A Chroma server that several machines share <-> the catalog of each of them.

Texts and what is known of a paper travel with its vectors, so that a machine that has nothing but
the address can answer. Each change raises the server's revision, which tells the others to look.
"""

import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import time
from typing import Any, NamedTuple

import numpy as np

from assistant import journal
from assistant.catalog import Catalog
from assistant.errors import Locked, StoreError
from assistant.schema import Chunk, EncoderIdentity, Paper
from assistant.store import Store

_BATCH = 1_000
_LEASE_S = 600.0
_SEEN = "server"
_FIELDS = ("date", "year_inferred", "author_count", "url")

Told = Callable[[int, int], None]
"""Told how many chunks are sent, and how many there are to send."""


class Pulled(NamedTuple):
    """How many papers came from the server, and how many went."""

    came: int = 0
    went: int = 0


class Mirror:
    """The catalog here and the chunks there, brought to hold the same."""

    def __init__(self, catalog: Catalog, store: Store, identity: EncoderIdentity) -> None:
        self._catalog = catalog
        self._store = store
        self._identity = identity

    def is_behind(self) -> bool:
        """Whether somebody else has changed what the server holds."""
        return self._catalog.meta(_SEEN) != self._store.version()

    def pull(self) -> Pulled:
        """Take over what others changed; what was changed here and not sent yet stays."""
        version = self._store.version()
        seen = self._catalog.meta(_SEEN) or ""
        if version == seen:
            return Pulled()
        ours = set(journal.stale_papers(self._catalog.database))
        there, here = self._store.ids(), self._catalog.chunk_ids()
        changed = self._store.changed_since(_revision(seen)) if _same(seen, version) else there
        came = self._fetched(sorted((there - here) | changed), ours)
        # A server that was set up anew lost what it had: that takes nothing out here.
        gone = _papers(here - there) - _papers(there) - ours if _same(seen, version) else set()
        with self._catalog.transaction():
            for papers, chunks in came:
                self._catalog.set_papers(papers)
                ids = [paper.paper_id for paper in papers]
                self._catalog.set_chunks(self._identity, ids, chunks)
            self._catalog.remove_papers(gone)
            self._catalog.set_meta(_SEEN, version)
        return Pulled(sum(len(papers) for papers, _ in came), len(gone))

    def push(self, told: Told = lambda *_: None) -> None:
        """Make the server hold what the catalog holds; call `pull` first, under `lock`."""
        there, here = self._store.ids(), self._catalog.chunk_ids()
        stale = journal.stale_papers(self._catalog.database)
        ids = sorted((here - there) | {c.chunk_id for c in self._catalog.chunks_of(stale)})
        gone = sorted(there - here)
        if not ids and not gone:
            return
        revision = _revision(self._store.version()) + 1
        for start in range(0, len(ids), _BATCH):
            told(start, len(ids))
            self._send(ids[start : start + _BATCH], revision)
        self._store.remove(gone)
        self._store.set_revision(revision)
        self._catalog.set_meta(_SEEN, self._store.version())
        told(len(ids), len(ids))

    def _send(self, ids: Sequence[str], revision: int) -> None:
        chunks = self._catalog.chunks(ids)
        vectors = self._catalog.vectors(self._identity, [c.embedded_text for c in chunks])
        papers = self._catalog.papers(list(dict.fromkeys(c.paper_id for c in chunks)))
        told = {paper.paper_id: _record(paper) for paper in papers}
        beside = [{"revision": revision, "paper": told[chunk.paper_id]} for chunk in chunks]
        self._store.add(chunks, np.stack([vectors[c.embedded_text] for c in chunks]), beside)

    def _fetched(self, ids: Sequence[str], ours: set[str]) -> list[tuple[list[Paper], list[Chunk]]]:
        """The papers of these chunks, a part at a time, with all their chunks."""
        papers = sorted(_papers(ids) - ours)
        return [
            _papers_of(self._store.chunks_of(papers[start : start + _BATCH]))
            for start in range(0, len(papers), _BATCH)
        ]


@contextmanager
def lock(store: Store) -> Iterator[None]:
    """Be the only machine that changes the server; who else does so is named."""
    me = {"by": f"{socket.gethostname()}, process {os.getpid()}", "until": time() + _LEASE_S}
    other = store.take_lock(me)
    if other and float(other.get("until", 0)) < time():
        # Whoever took it is gone without a word.
        store.drop_lock()
        other = store.take_lock(me)
    if other:
        raise Locked(f"another machine is indexing ({other.get('by')}): wait until it is done")
    try:
        yield
    finally:
        # A server that went away meanwhile says so elsewhere, and the lease ends by itself.
        with suppress(StoreError):
            store.drop_lock()


def _revision(version: str) -> int:
    return int(version.rpartition(":")[2] or 0)


def _same(one: str, other: str) -> bool:
    """Whether both are versions of the same collection."""
    return one.rpartition(":")[0] == other.rpartition(":")[0]


def _papers(chunk_ids: Iterable[str]) -> set[str]:
    return {id_.rpartition("-")[0] for id_ in chunk_ids}


def _record(paper: Paper) -> str:
    fields = {name: getattr(paper, name) for name in _FIELDS}
    told = fields | {"title": paper.title, "authors": paper.authors, "extra": dict(paper.extra)}
    # What stands between the chunks is blank, but not always one space.
    return json.dumps(told | {"length": len(paper.abstract)})


def _papers_of(
    found: Iterable[tuple[Chunk, Mapping[str, Any]]],
) -> tuple[list[Paper], list[Chunk]]:
    by_paper: dict[str, list[tuple[Chunk, str]]] = {}
    for chunk, beside in found:
        by_paper.setdefault(chunk.paper_id, []).append((chunk, str(beside.get("paper", "{}"))))
    papers = [
        _paper(paper_id, [chunk for chunk, _ in parts], json.loads(parts[0][1]))
        for paper_id, parts in by_paper.items()
    ]
    return papers, [chunk for parts in by_paper.values() for chunk, _ in parts]


def _paper(paper_id: str, chunks: Sequence[Chunk], told: Mapping[str, Any]) -> Paper:
    """The paper, its abstract put together from the chunks, each at its place."""
    length = int(told.get("length", max(chunk.end for chunk in chunks)))
    abstract = [" "] * length
    for chunk in chunks:
        abstract[chunk.start : chunk.end] = chunk.text
    return Paper(
        paper_id,
        str(told.get("title", chunks[0].title)),
        "".join(abstract),
        authors=tuple(told.get("authors", ())),
        extra={str(name): str(value) for name, value in told.get("extra", {}).items()},
        **{name: told[name] for name in _FIELDS if name in told},
    )
