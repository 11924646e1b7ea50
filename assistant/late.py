"""Readings of texts -> how well the pieces of one find their like in another (late interaction).

Each piece of a question is held against every piece of a passage, and its best cosine counts
(MaxSim, Khattab & Zaharia 2020), weighted by how much the piece tells.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant import sentences
from assistant.schema import Chunk, Reader, Reading

Floats = NDArray[np.float32]
_SHORTEST = np.float32(1e-6)
_SIDE_BY_SIDE = 8


class Passage(NamedTuple):
    """One sentence of an abstract, and its pieces as they were read in their context."""

    paper_id: str
    start: int
    end: int
    text: str
    states: Floats
    """Unit vectors of its pieces, shape (n, 64)."""


class Query(NamedTuple):
    """The pieces of a question or claim that tell something."""

    states: Floats
    """Unit vectors, shape (n, 64)."""
    weights: Floats
    """What each piece tells, shape (n,), summing to 1."""
    starts: NDArray[np.int32]
    """Where each piece begins in the text, shape (n,)."""


def unit(states: NDArray[np.int8]) -> Floats:
    """Stored states as unit vectors."""
    wide = states.astype(np.float32)
    # The squares are whole numbers, and so are their sums: the order of adding is all one.
    norms = np.sqrt(np.vecdot(wide, wide))
    wide /= np.maximum(norms, _SHORTEST, out=norms)[:, None]
    return wide


def query(reader: Reader, text: str) -> Query:
    """`text` as a query; where every piece is a stop word, all of them count."""
    (reading,) = reader.read([text])
    return query_of(reading, reader.weights(reading.pieces))


def query_of(reading: Reading, weights: Floats) -> Query:
    """What was read already as a query, given what each piece tells."""
    if not weights.any():
        weights = np.ones_like(weights)
    told = weights > 0
    weights = weights[told]
    total = weights.sum() or 1.0
    return Query(unit(reading.states[told]), weights / total, reading.starts[told])


def best_matches(query: Query, states: Floats) -> Floats:
    """The best cosine of each piece of the query, shape (n,); zeros against nothing."""
    if not len(states):
        return np.zeros(len(query.weights), np.float32)
    return _largest(states @ query.states.T)


def _largest(rows: Floats) -> Floats:
    """The largest of each column."""
    count, width = rows.shape
    even = count - count % _SIDE_BY_SIDE
    if not even or not width:
        return np.asarray(rows.max(axis=0))
    # So narrow rows are slow one by one; eight side by side are one wide row.
    wide = np.maximum.reduce(rows[:even].reshape(-1, _SIDE_BY_SIDE * width))
    best = wide.reshape(_SIDE_BY_SIDE, width)
    rest = rows[even:]
    np.maximum(best[: len(rest)], rest, out=best[: len(rest)])
    return np.asarray(np.maximum.reduce(best))


def coverage(query: Query, states: Floats) -> float:
    """The weighted mean of the best cosines: 1 where every piece stands there."""
    return float(best_matches(query, states) @ query.weights)


def passages(abstract: str, parts: Sequence["Part"]) -> list[Passage]:
    """The sentences of `abstract`, each with its pieces from a part that holds it whole."""
    paper_id = parts[0].paper_id if parts else ""
    return [
        Passage(paper_id, *span, abstract[span.start : span.end], _states(span, parts))
        for span in sentences.split(abstract)
    ]


def parts_of(read: Iterable[tuple[Chunk, Reading]]) -> list["Part"]:
    """The chunks of one abstract as they were read, in order."""
    return [_part(*pair) for pair in sorted(read, key=lambda pair: pair[0].start)]


def pieces(parts: Sequence["Part"]) -> Floats:
    """All pieces of the abstract, each once though chunks overlap, shape (n, 64)."""
    found, at = [], 0
    for part in parts:
        found.append(part.between(at, part.end))
        at = max(at, part.end)
    if len(found) == 1:
        return found[0]
    return np.concatenate(found) if found else np.zeros((0, 64), np.float32)


class Part(NamedTuple):
    """A chunk as it was read, its places those of the abstract."""

    paper_id: str
    start: int
    end: int
    starts: Sequence[int] | NDArray[np.int32]
    states: Floats

    def between(self, start: int, end: int) -> Floats:
        """The states of the pieces between two places."""
        return self.states[bisect_left(self.starts, start) : bisect_left(self.starts, end)]


def _part(chunk: Chunk, reading: Reading) -> Part:
    shift = len(chunk.embedded_text) - len(chunk.text) - chunk.start
    starts = reading.starts - shift
    return Part(chunk.paper_id, chunk.start, chunk.end, starts, unit(reading.states))


def _states(span: sentences.Span, chunks: Sequence[Part]) -> Floats:
    states: list[Floats] = []
    at = span.start
    for part in chunks:
        # A sentence longer than a chunk is read in parts.
        if part.start <= at < part.end and (part.end >= span.end or not _holds(chunks, span)):
            states.append(part.between(at, min(span.end, part.end)))
            at = min(span.end, part.end)
            if at >= span.end:
                break
    if len(states) == 1:
        return states[0]
    return np.concatenate(states) if states else np.zeros((0, 64), np.float32)


def _holds(chunks: Sequence[Part], span: sentences.Span) -> bool:
    return any(part.start <= span.start and span.end <= part.end for part in chunks)
