"""The catalog's chunks and papers -> a sealed pair of indexes in a folder of their own.

A generation is built beside the one in use, checked, and put in its place by one pointer in the
catalog. It never changes afterwards, so that whoever reads it is never disturbed. After a small
change the new generation shares the old one's files, and keeps only what is new (recent.py).
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from assistant import journal
from assistant.catalog import Catalog
from assistant.damage import REBUILD, as_store_error
from assistant.errors import StoreError
from assistant.generation import recent, seal
from assistant.generation.index import FORMAT, Server, opened
from assistant.generation.recent import Layers, Recent
from assistant.generation.seal import Seal
from assistant.lexical import Lexical
from assistant.schema import Chunk, EncoderIdentity, Paper, Vectors
from assistant.store import Store

# A change of more than this share of the vectors is built anew, one of few chunks never.
_SMALL = 0.1
_FEW = 500
_BATCH = 5_000
# A store of more chunks than this is written out so many times while it is filled.
_FEW_WRITES = 40_000
_WRITES = 8
_PROBES = 5
_SAME = 0.99

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""


class Generations:
    """All generations of one data folder; only who holds the lock may call `renew`."""

    def __init__(
        self,
        catalog: Catalog,
        folder: Path,
        identity: EncoderIdentity,
        server: Server | None = None,
    ) -> None:
        self._catalog = catalog
        self._folder = folder / "index"
        self._identity = identity
        self._server = server

    def renew(self, progress: Progress, *, afresh: bool = False) -> str:
        """Make the generation in use hold what the catalog holds; the same one if it does."""
        current = None if afresh else self._current()
        if current and not journal.has_stale(self._catalog.database):
            if self._usable(current):
                return current
            current = None
        self._sweep()
        name = f"g{int((self._catalog.meta('generation') or 'g0')[1:]) + 1:04}"
        self._extend_or_build(name, current, progress)
        with self._catalog.transaction():
            journal.settle(self._catalog.database)
            self._catalog.keep_fingerprint()
            self._catalog.set_meta("generation", name)
            self._catalog.set_meta("contents", self._contents())
            self._catalog.set_meta("encoder", str(self._identity))
            self._catalog.set_meta("index_format", str(FORMAT))
        return name

    def _current(self) -> str | None:
        if self._catalog.meta("encoder") != str(self._identity):
            return None
        return self._catalog.meta("generation")

    def _contents(self) -> str:
        """Stands for the words of all papers, as this encoder reads them."""
        return f"{self._identity}:{self._catalog.fingerprint()}"

    def _usable(self, name: str) -> bool:
        try:
            with opened(self._folder / name, self._identity, self._server) as index:
                return index.contents in ("", self._contents())
        except StoreError:
            return False

    def _sweep(self) -> None:
        """Drop what an interrupted run left, and all generations but the one in use."""
        needed = self._needed(self._catalog.meta("generation"))
        with as_store_error("index", self._folder, "make the folder writable"):
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                if path.name not in needed:
                    shutil.rmtree(path)

    def _needed(self, current: str | None) -> set[str]:
        if current is None:
            return set()
        try:
            return {current, seal.read(self._folder / current).vectors}
        except StoreError:
            return {current}

    def _extend_or_build(self, name: str, current: str | None, progress: Progress) -> None:
        try:
            if current and self._extend(name, current):
                return
        except StoreError:
            # Whatever is wrong with the generation in use, the catalog has everything.
            shutil.rmtree(self._folder / name, ignore_errors=True)
        self._build(self._folder / name, progress)

    # A small change

    def _extend(self, name: str, current: str) -> bool:
        """Make a generation of the one in use and what changed since; False where that is much."""
        old, folder = self._folder / current, self._folder / name
        known = seal.read(old)
        if bool(known.vectors) is bool(self._server):
            return False
        now = Recent() if self._server else self._recent(known, Recent.load(old))
        if len(now) > max(_FEW, _SMALL * known.chunks):
            return False
        lexical = Lexical.open(old / "lexical").clone(folder / "lexical")
        stale = journal.stale_papers(self._catalog.database)
        papers = self._catalog.papers(stale)
        there = {paper.paper_id for paper in papers}
        lexical.change(set(stale) - there, papers)
        if lexical.count() != self._catalog.count() or lexical.having(stale) != there:
            raise _lacking(folder)
        if known.vectors:
            now.save(folder)
        self._seal(folder, known.vectors, known.files)
        return True

    def _recent(self, known: Seal, before: Recent) -> Recent:
        ids = journal.stale_chunks(self._catalog.database)
        chunks = self._catalog.chunks(ids)
        texts = [chunk.embedded_text for chunk in chunks]
        vectors = recent.came(chunks, self._catalog.vectors(self._identity, texts))
        with Store.open(self._folder / known.vectors / "chroma", self._identity) as store:
            if Layers(store, before).count() != known.chunks:
                raise seal.damaged(self._folder / known.vectors, "chunks are missing")
            sealed = store.having(ids)
        return before.changed(vectors, set(ids) - vectors.keys(), sealed)

    # Everything

    def _build(self, folder: Path, progress: Progress) -> None:
        if not self._server:
            self._fill(folder, progress)
        lexical = Lexical.open(folder / "lexical")
        lexical.change((), self._papers())
        if lexical.count() != self._catalog.count():
            raise _lacking(folder)
        self._seal(folder, "" if self._server else folder.name, {})

    def _fill(self, folder: Path, progress: Progress) -> None:
        """Put all vectors into a store; the few that it would not write out yet are recent."""
        total = self._catalog.count_chunks()
        # Chroma writes its graph out whole: after each batch, that would cost the square of it.
        group = total // _WRITES if total > _FEW_WRITES else 1
        sealed, done = total - total % group, 0
        last = Recent()
        progress("store", 0, total)
        with Store.open(folder / "chroma", self._identity, group) as store:
            for batch in self._chunks(_sizes(sealed, total, max(group, _BATCH))):
                vectors = self._vectors(batch)
                if done < sealed:
                    store.add(batch, np.stack([vectors[c.embedded_text] for c in batch]))
                else:
                    last = last.changed(recent.came(batch, vectors), ())
                progress("store", done := done + len(batch), total)
            self._verify(folder, store, sealed)
        last.save(folder)

    def _chunks(self, sizes: Iterable[int]) -> Iterator[list[Chunk]]:
        """The chunks in the order of their ids, so many at once."""
        after = ""
        for size in sizes:
            ids = self._catalog.chunk_ids_after(after, size)
            yield self._catalog.chunks(ids)
            after = ids[-1]

    def _papers(self) -> Iterator[Paper]:
        after = ""
        while ids := self._catalog.paper_ids_after(after, _BATCH):
            yield from self._catalog.papers(ids)
            after = ids[-1]

    def _vectors(self, chunks: Sequence[Chunk]) -> dict[str, Vectors]:
        return self._catalog.vectors(self._identity, [c.embedded_text for c in chunks])

    def _verify(self, folder: Path, store: Store, expected: int) -> None:
        """Count, and look up a sample."""
        sound = store.count() == expected
        sample = self._catalog.chunks(self._catalog.chunk_ids_after("", _PROBES)) if sound else []
        vectors = self._vectors(sample)
        for chunk in sample:
            # Another chunk may have the same words, so the score tells, and not the id.
            hits = store.nearest(vectors[chunk.embedded_text], 1)
            sound = sound and bool(hits) and hits[0].score > _SAME
        if not sound:
            raise _lacking(folder)

    def _seal(self, folder: Path, vectors: str, known: Mapping[str, str]) -> None:
        """Write down what the generation holds, once all of it is on the disk."""
        seal.to_disk(folder)
        shared = {name: sha for name, sha in known.items() if name.startswith(f"{vectors}/chroma/")}
        seal.write(
            folder,
            Seal(
                self._catalog.count_chunks(),
                self._catalog.count(),
                vectors,
                self._contents(),
                shared | seal.hashes(folder, known),
            ),
        )


def _sizes(sealed: int, total: int, group: int) -> Iterator[int]:
    """Batches of the chunks, such that one ends where each group of them does."""
    for start in range(0, sealed, group):
        until = min(sealed, start + group)
        for at in range(start, until, _BATCH):
            yield min(_BATCH, until - at)
    if sealed < total:
        yield total - sealed


def _lacking(folder: Path) -> StoreError:
    return StoreError(f"the new index {folder.name} does not hold its papers: {REBUILD}")
