"""Papers -> their sentences as the encoder read them; kept in the catalog."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from assistant import orders
from assistant.catalog import Catalog
from assistant.late import Floats, Part, Passage, parts_of, passages, pieces, unit
from assistant.schema import Chunk, Paper, Reader, Reading

_KEPT = 512
STATE = 64
"""Numbers, of a byte each, in the state of a piece."""
_TWO_BYTES = 65_536
_IN = "IN (SELECT value FROM json_each(?))"


class ReadPaper:
    """One abstract as it was read; its sentences are sought only once they are asked for."""

    def __init__(self, abstract: str, parts: Sequence[Part], title: str = "") -> None:
        self._title = title
        self._abstract = abstract
        self._parts = parts
        self.states = pieces(parts)
        """All its pieces, unit vectors of shape (n, 64)."""

    def is_of(self, paper: Paper) -> bool:
        """Whether the paper's words are those that were read."""
        return self._abstract == paper.abstract and self._title == paper.title

    @cached_property
    def passages(self) -> list[Passage]:
        """What the abstract states; an order that was planted in it is no evidence."""
        found = passages(self._abstract, self._parts)
        planted = orders.given([passage.text for passage in found])
        return [passage for at, passage in enumerate(found) if at not in planted]


class Passages(Mapping[str, list[Passage]]):
    """The sentences of each paper, by paper id."""

    def __init__(self, read: Mapping[str, ReadPaper]) -> None:
        self._read = read

    def __getitem__(self, paper_id: str) -> list[Passage]:
        return self._read[paper_id].passages

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


class Readings:
    """What a reader made of the chunks; safe to use from many threads."""

    def __init__(self, catalog: Catalog, reader: Reader) -> None:
        self._catalog = catalog
        self._reader = reader
        self._kept: OrderedDict[str, ReadPaper] = OrderedDict()
        self._lock = Lock()

    @property
    def reader(self) -> Reader:
        """What reads."""
        return self._reader

    @property
    def catalog(self) -> Catalog:
        """Where they are kept."""
        return self._catalog

    def add(self, texts: Sequence[str], readings: Sequence[Reading]) -> None:
        """Keep what the reader made of `texts`."""
        reader = str(self._reader.identity)
        rows = [
            (
                reader,
                _key(text),
                _packed(reading.pieces),
                _packed(reading.starts),
                reading.states.tobytes(),
            )
            for text, reading in zip(texts, readings, strict=True)
        ]
        sql = "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?)"
        self._catalog.database.change_many(sql, rows)

    def known(self, texts: Iterable[str]) -> set[str]:
        """Those of `texts` that were read."""
        keys = {_key(text): text for text in texts}
        sql = f"SELECT sha256 FROM readings WHERE reader = ? AND sha256 {_IN}"
        values = (str(self._reader.identity), json.dumps(list(keys)))
        return {keys[key] for (key,) in self._catalog.database.rows(sql, values)}

    def of(self, papers: Sequence[Paper]) -> Passages:
        """The sentences of each paper, by paper id; what was never read is read now."""
        return Passages(self.read(papers))

    def read(self, papers: Sequence[Paper]) -> dict[str, ReadPaper]:
        """Each paper as it was read, by paper id; what was never read is read now."""
        found = self._known(papers)
        if missing := [paper for paper in papers if paper.paper_id not in found]:
            fresh = self._read(missing)
            self._keep(fresh)
            found |= fresh
        # In the order asked for: a sum over them does not depend on what was read before.
        return {paper.paper_id: found[paper.paper_id] for paper in papers}

    def _known(self, papers: Sequence[Paper]) -> dict[str, ReadPaper]:
        found = {}
        with self._lock:
            for paper in papers:
                kept = self._kept.get(paper.paper_id)
                if kept and kept.is_of(paper):
                    self._kept.move_to_end(paper.paper_id)
                    found[paper.paper_id] = kept
        return found

    def _keep(self, read: Mapping[str, ReadPaper]) -> None:
        with self._lock:
            for paper_id, one in read.items():
                self._kept[paper_id] = one
                self._kept.move_to_end(paper_id)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _read(self, papers: Sequence[Paper]) -> dict[str, ReadPaper]:
        chunks = self._chunks(papers)
        chunked = {chunk.paper_id for chunk in chunks}
        chunks += [whole(paper) for paper in papers if paper.paper_id not in chunked]
        texts = [chunk.embedded_text for chunk in chunks]
        read = self._stored(texts)
        if unread := [text for text in texts if text not in read]:
            fresh = self._reader.read([as_read(text) for text in unread])
            read.update(zip(unread, fresh, strict=True))
        pairs: dict[str, list[tuple[Chunk, Reading]]] = {paper.paper_id: [] for paper in papers}
        for chunk, text in zip(chunks, texts, strict=True):
            pairs[chunk.paper_id].append((chunk, read[text]))
        return {
            p.paper_id: ReadPaper(p.abstract, parts_of(pairs[p.paper_id]), p.title) for p in papers
        }

    def _chunks(self, papers: Sequence[Paper]) -> list[Chunk]:
        words = {paper.paper_id: paper.abstract for paper in papers}
        sql = f'SELECT chunk_id, paper_id, title, start, "end" FROM chunks WHERE paper_id {_IN}'
        rows = self._catalog.database.rows(sql, (json.dumps(list(words)),))
        return [
            Chunk(chunk_id, paper_id, title, words[paper_id][start:end], start, end)
            for chunk_id, paper_id, title, start, end in rows
        ]

    def _stored(self, texts: Sequence[str]) -> dict[str, Reading]:
        keys = {_key(text): text for text in texts}
        rows = self._catalog.database.rows(
            "SELECT sha256, pieces, starts, states FROM readings"
            f" WHERE reader = ? AND sha256 {_IN}",
            (str(self._reader.identity), json.dumps(list(keys))),
        )
        return {keys[key]: _reading(*blobs) for key, *blobs in rows}


def whole(paper: Paper) -> Chunk:
    """A paper's whole abstract as one chunk, for papers that are not in the catalog."""
    text = paper.abstract
    return Chunk(paper.paper_id, paper.paper_id, paper.title, text, 0, len(text))


def read_paper(reader: Reader, paper: Paper) -> list[Passage]:
    """The sentences of a paper that is not in the catalog."""
    chunk = whole(paper)
    (reading,) = reader.read([as_read(chunk.embedded_text)])
    return ReadPaper(paper.abstract, parts_of([(chunk, reading)])).passages


def as_read(text: str) -> str:
    """What an encoder reads of a chunk: a planted order would colour what stands beside it."""
    title, line, abstract = text.partition("\n")
    stated = orders.blanked(title)
    # A title that is nothing else stays: a chunk needs a subject.
    return f"{stated if stated.strip() else title}{line}{orders.blanked(abstract)}"


def states_of(found: Sequence[Passage]) -> Floats:
    """All pieces of all these sentences, shape (n, 64)."""
    return np.concatenate([p.states for p in found]) if found else unit(np.zeros((0, 64), np.int8))


def _packed(numbers: NDArray[np.int32]) -> bytes:
    """Two bytes a number where they fit, as they nearly always do, else four."""
    return numbers.astype("<u2" if numbers.max(initial=0) < _TWO_BYTES else "<i4").tobytes()


def _unpacked(blob: bytes, count: int) -> NDArray[np.int32]:
    return np.frombuffer(blob, "<u2" if len(blob) == 2 * count else "<i4").astype(np.int32)


def _reading(pieces: bytes, starts: bytes, states: bytes) -> Reading:
    count = len(states) // STATE
    rows = np.frombuffer(states, np.int8).reshape(count, STATE)
    return Reading(_unpacked(pieces, count), _unpacked(starts, count), rows)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
