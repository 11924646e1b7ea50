"""The catalog's chunks and papers -> a sealed pair of indexes in a folder of their own.

A generation is built beside the one in use, checked, and put in its place by one pointer in the
catalog. It never changes afterwards, so that whoever reads it is never disturbed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from assistant.catalog import Catalog
from assistant.damage import REBUILD, as_store_error
from assistant.errors import CatalogError, EncoderMismatch, IndexMissing, StoreError
from assistant.lexical import Lexical
from assistant.schema import Chunk, EncoderIdentity
from assistant.store import Store

FORMAT = 1
_SEAL = "seal.json"
_SMALL = 0.25
_BATCH = 2_000
_PROBES = 5
_SAME = 0.99

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""


class Server(NamedTuple):
    """A Chroma server that holds the vectors in place of the data folder."""

    url: str
    collection: str = "assistant"
    api_key: str = ""


class _Counts(NamedTuple):
    chunks: int
    papers: int

    def __str__(self) -> str:
        return f"{self.chunks} chunks of {self.papers} papers"


@dataclass(frozen=True, slots=True)
class Index:
    """Both indexes of one generation, open to be searched."""

    store: Store
    lexical: Lexical
    generation: str

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_index(
    catalog: Catalog, folder: Path, identity: EncoderIdentity, server: Server | None = None
) -> Index:
    """The index in use, checked against its seal; it must have been made by this encoder."""
    refuse_mismatch(catalog, identity)
    while True:
        name = catalog.meta("generation")
        if name is None:
            raise IndexMissing("nothing is indexed yet: run `assistant index`")
        try:
            return _open(folder / "index" / name, identity, server)
        except StoreError:
            # A writer may have put a newer one in its place, and cleaned up, while we opened it.
            if catalog.meta("generation") == name:
                raise


def refuse_mismatch(catalog: Catalog, identity: EncoderIdentity) -> None:
    """Raise if the index is of a newer version, or of another encoder."""
    version = int(catalog.meta("index_format") or 0)
    if version > FORMAT:
        raise CatalogError(
            f"the index of {catalog.path} was made by a newer assistant (format {version},"
            f" this one reads {FORMAT}): upgrade assistant"
        )
    made_by = catalog.meta("encoder")
    if made_by not in (None, str(identity)):
        raise EncoderMismatch(
            f"the index was made by {made_by}, not by {identity}: run `assistant index --rebuild`"
        )


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
        current = self._catalog.meta("generation")
        contents = self._contents()
        usable = not afresh and current is not None and self._usable(current)
        if usable and current and self._catalog.meta("contents") == contents:
            return current
        self._sweep(current)
        name = f"g{int((current or 'g0')[1:]) + 1:04}"
        base = self._folder / current if usable and current else None
        self._build(self._folder / name, base, progress)
        with self._catalog.transaction():
            self._catalog.set_meta("generation", name)
            self._catalog.set_meta("contents", contents)
            self._catalog.set_meta("encoder", str(self._identity))
            self._catalog.set_meta("index_format", str(FORMAT))
        return name

    def _contents(self) -> str:
        digest = hashlib.sha256(str(self._identity).encode())
        digest.update(self._catalog.keep_fingerprint().encode())
        for chunk_id in sorted(self._catalog.chunk_ids()):
            digest.update(chunk_id.encode())
        return digest.hexdigest()

    def _usable(self, name: str) -> bool:
        if self._catalog.meta("encoder") != str(self._identity):
            return False
        try:
            _open(self._folder / name, self._identity, self._server).close()
        except StoreError:
            return False
        return True

    def _sweep(self, current: str | None) -> None:
        """Drop what an interrupted run left, and all generations but the one in use."""
        with as_store_error("index", self._folder, "make the folder writable"):
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                if path.name != current:
                    shutil.rmtree(path)

    def _build(self, folder: Path, base: Path | None, progress: Progress) -> None:
        wanted = self._catalog.chunk_ids()
        if base and self._is_small(base, wanted):
            with as_store_error("index", folder, "make room on its disk"):
                shutil.copytree(base, folder)
                (folder / _SEAL).unlink()
        with _opened(folder, self._identity, self._server) as index:
            self._fill(index, wanted, progress)
            self._verify(index, wanted)
        _seal(folder, len(wanted), self._catalog.count())

    def _is_small(self, base: Path, wanted: set[str]) -> bool:
        with _opened(base, self._identity, self._server) as index:
            return len(index.store.ids() ^ wanted) < _SMALL * len(wanted)

    def _fill(self, index: Index, wanted: set[str], progress: Progress) -> None:
        have = index.store.ids()
        papers, had = self._catalog.paper_ids(), index.lexical.ids()
        gone, new = sorted(have - wanted), sorted(wanted - have)
        index.store.remove(gone)
        progress("store", 0, len(new))
        for done, ids in _batches(new):
            self._add(index.store, self._catalog.chunks(ids))
            progress("store", done, len(new))
        changed = {chunk_id.rpartition("-")[0] for chunk_id in (*gone, *new)} | (papers - had)
        index.lexical.remove(sorted(had - papers))
        for _, ids in _batches(sorted(changed & papers)):
            index.lexical.add(self._catalog.papers(ids))

    def _add(self, store: Store, chunks: Sequence[Chunk]) -> None:
        texts = [chunk.embedded_text for chunk in chunks]
        vectors = self._catalog.vectors(self._identity, texts)
        store.add(chunks, np.stack([vectors[text] for text in texts]))

    def _verify(self, index: Index, wanted: set[str]) -> None:
        """Count, compare the ids, and look up a sample."""
        sound = index.store.ids() == wanted and index.lexical.ids() == self._catalog.paper_ids()
        sample = self._catalog.chunks(sorted(wanted)[:: max(1, len(wanted) // _PROBES)])
        vectors = self._catalog.vectors(self._identity, [c.embedded_text for c in sample])
        for chunk in sample if sound else ():
            # Another chunk may have the same words, so the score tells, and not the id.
            hits = index.store.nearest(vectors[chunk.embedded_text], 1)
            sound = sound and bool(hits) and hits[0].score > _SAME
        if not sound:
            raise StoreError(
                f"the new index {index.generation} does not hold its papers: {REBUILD}"
            )


def _open(folder: Path, identity: EncoderIdentity, server: Server | None) -> Index:
    sealed = _read_seal(folder)
    index = _opened(folder, identity, server)
    try:
        # On a server others may be adding to the same collection.
        chunks = sealed.chunks if server else index.store.count()
        if (holds := _Counts(chunks, index.lexical.count())) != sealed:
            raise _damaged(folder, f"it holds {holds}, not {sealed}")
    except BaseException:
        index.close()
        raise
    return index


def _opened(folder: Path, identity: EncoderIdentity, server: Server | None) -> Index:
    lexical = Lexical.open(folder / "lexical")
    if server is None:
        return Index(Store.open(folder / "chroma", identity), lexical, folder.name)
    # A collection for each encoder, so that a change of encoder disturbs no other machine.
    name = f"{server.collection}-{identity.sha256[:8]}-{identity.dimension}"
    return Index(Store.connect(server.url, name, identity, server.api_key), lexical, folder.name)


def _seal(folder: Path, chunks: int, papers: int) -> None:
    with as_store_error("index", folder, "make room on its disk"):
        files = {name: _sha256(folder / name) for name in _files(folder)}
        seal = {"chunks": chunks, "papers": papers, "files": files}
        (folder / _SEAL).write_text(json.dumps(seal), encoding="utf-8")


def _read_seal(folder: Path) -> _Counts:
    """The numbers of chunks and papers, once every file is found as it was written."""
    try:
        seal = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        counts = _Counts(int(seal["chunks"]), int(seal["papers"]))
        files = {name: _sha256(folder / name) for name in seal["files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, "a file is missing") from error
    if files != seal["files"]:
        raise _damaged(folder, "a file is not as it was written")
    return counts


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        # Chroma touches its database at every start; locks come and go.
        if path.is_file() and "sqlite3" not in path.name and path.suffix != ".lock":
            yield name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path, why: str) -> StoreError:
    return StoreError(f"the index {folder} is damaged ({why}): {REBUILD}")


def _batches(items: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    rest: Iterable[str] = iter(items)
    done = 0
    while batch := list(islice(rest, _BATCH)):
        done += len(batch)
        yield done, batch
