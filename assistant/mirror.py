"""A Chroma server that several machines share <-> the catalog of each of them.

Texts and what is known of a paper, its listings too, travel with its vectors: a machine that has
nothing but the address can answer, and none drops what another lists. Each change raises the
server's revision, which tells the others to look.
"""

import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from time import time
from typing import Any, NamedTuple

import numpy as np

from assistant import journal
from assistant.catalog import Catalog
from assistant.errors import Locked, StoreError
from assistant.gathering import merge_papers
from assistant.removed import mark, removed, unmark
from assistant.schema import Chunk, EncoderIdentity, Paper, Sighting
from assistant.sightings import forget_elsewhere, machines, seen_elsewhere
from assistant.store import Store

_BATCH = 1_000
_LEASE_S = 600.0
_SEEN = "server"
_NAME = "machine"
_LONGEST = 40
_FIELDS = ("date", "year_inferred", "author_count", "url")

Told = Callable[[int, int], None]
"""Told how many chunks are sent, and how many there are to send."""


class Pulled(NamedTuple):
    """How many papers came from the server, how many anew, and which went."""

    came: int = 0
    added: int = 0
    gone: tuple[tuple[str, str], ...] = ()
    """Id and title of each."""


class _Told(NamedTuple):
    """A paper as the server tells of it."""

    paper: Paper
    chunks: Sequence[Chunk]
    seen: Sequence[tuple[str, Sighting]]
    """Where it was listed, by the name of the machine that read the page."""


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
        came = self._fetched(_papers((there - here) | changed))
        # A server that was set up anew lost what it had: that takes nothing out here.
        gone = _papers(here - there) - _papers(there) - ours if _same(seen, version) else set()
        with self._catalog.transaction():
            before = self._catalog.count()
            taken = sum(self._taken(part, ours) for part in came)
            added = self._catalog.count() - before
            went = self._drop(gone)
            self._catalog.set_meta(_SEEN, version)
        return Pulled(taken, added, went)

    def _taken(self, part: Sequence[_Told], ours: set[str]) -> int:
        """How many of these papers were taken over; of one changed here too, what others list."""
        catalog = self._catalog
        taken = [one for one in part if one.paper.paper_id not in ours]
        ids = [one.paper.paper_id for one in taken]
        catalog.set_papers(one.paper for one in taken)
        catalog.set_chunks(self._identity, ids, (c for one in taken for c in one.chunks))
        unmark(catalog, ids)
        for paper, _, seen in part:
            others = [(machine, one) for machine, one in seen if machine != self._machine]
            seen_elsewhere(catalog.database, paper.paper_id, others)
        both = [one.paper.paper_id for one in part if one.paper.paper_id in ours]
        merge_papers(catalog, both, removed(catalog))
        return len(taken)

    def _drop(self, gone: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Take out what another machine removed; what is listed here does not come back by it."""
        papers, theirs = self._catalog.papers(sorted(gone)), machines(self._catalog.database)
        mark(self._catalog, (p for p in papers if any(s.page not in theirs for s in p.sightings)))
        forget_elsewhere(self._catalog.database, gone)
        self._catalog.remove_papers(gone)
        return tuple((paper.paper_id, paper.title) for paper in papers)

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
        theirs = machines(self._catalog.database)
        told = {paper.paper_id: _record(paper, self._machine, theirs) for paper in papers}
        beside = [{"revision": revision, "paper": told[chunk.paper_id]} for chunk in chunks]
        self._store.add(chunks, np.stack([vectors[c.embedded_text] for c in chunks]), beside)

    def _fetched(self, ids: Iterable[str]) -> Iterator[list[_Told]]:
        """These papers, a part at a time."""
        papers = sorted(ids)
        for start in range(0, len(papers), _BATCH):
            yield _told_of(self._store.chunks_of(papers[start : start + _BATCH]))

    @cached_property
    def _machine(self) -> str:
        """What this data folder is called by the others, from its first word to them on."""
        name = self._catalog.meta(_NAME)
        if name is None:
            host = re.sub(r"[^a-z0-9.-]", "", socket.gethostname().lower())[:_LONGEST] or "machine"
            place = f"{host}:{self._catalog.path.resolve()}"
            # The same again where the folder was lost, so that its pages are not another's then.
            name = f"{host}-{hashlib.sha256(place.encode('utf-8', 'replace')).hexdigest()[:6]}"
            self._catalog.set_meta(_NAME, name)
        return name


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


def _record(paper: Paper, machine: str, theirs: Mapping[str, str]) -> str:
    seen = [_listing(paper, one, theirs.get(one.page), machine) for one in paper.sightings]
    # What stands between the chunks is blank, but not always one space.
    return json.dumps({**_words(paper), "length": len(paper.abstract), "seen": seen})


def _words(of: Paper | Sighting) -> dict[str, Any]:
    """What is said of a paper, but for its abstract."""
    fields = {name: getattr(of, name) for name in _FIELDS}
    return fields | {"title": of.title, "authors": list(of.authors), "extra": dict(of.extra)}


def _listing(paper: Paper, seen: Sighting, other: str | None, machine: str) -> dict[str, Any]:
    """Where a paper was seen, and what was said there in other words than the paper's."""
    words, known = {**_words(seen), "abstract": seen.abstract}, _words(paper)
    differs = {
        name: said for name, said in words.items() if said != known.get(name, paper.abstract)
    }
    page = seen.page.removeprefix(f"{other}/") if other else seen.page
    at = [other or machine, page, seen.position, seen.line]
    return {"at": at, **differs}


def _told_of(found: Iterable[tuple[Chunk, Mapping[str, Any]]]) -> list[_Told]:
    by_paper: dict[str, list[tuple[Chunk, str]]] = {}
    for chunk, beside in found:
        by_paper.setdefault(chunk.paper_id, []).append((chunk, str(beside.get("paper", "{}"))))
    return [
        _told(paper_id, [chunk for chunk, _ in parts], json.loads(parts[0][1]))
        for paper_id, parts in by_paper.items()
    ]


def _told(paper_id: str, chunks: Sequence[Chunk], told: Mapping[str, Any]) -> _Told:
    """The paper, its abstract put together from the chunks, each at its place."""
    length = int(told.get("length", max(chunk.end for chunk in chunks)))
    abstract = [" "] * length
    for chunk in chunks:
        abstract[chunk.start : chunk.end] = chunk.text
    words = {"title": chunks[0].title, **told, "abstract": "".join(abstract)}
    seen = [
        (str(one["at"][0]), Sighting(str(one["at"][1]), *one["at"][2:4], **_said({**words, **one})))
        for one in told.get("seen", ())
    ]
    return _Told(Paper(paper_id, **_said(words)), chunks, seen)


def _said(words: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a paper and a listing of it have in common."""
    return {
        "title": str(words["title"]),
        "abstract": str(words["abstract"]),
        "authors": tuple(words.get("authors", ())),
        "extra": {str(name): str(value) for name, value in words.get("extra", {}).items()},
        **{name: words[name] for name in _FIELDS if name in words},
    }
