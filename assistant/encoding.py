"""Papers of the catalog -> their chunks, vectors and readings, kept as they come."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Event
from typing import NamedTuple

import numpy as np

from assistant.catalog import Catalog
from assistant.chunking import chunk
from assistant.readings import Readings, as_read
from assistant.schema import Encoder, Reading, ReadingEncoder, Vectors

Told = Callable[[int], None]
"""Told how many papers are done."""

_PAPERS_AT_ONCE = 256
# Of these the encoder has its first texts at once.
_PAPERS_FIRST = 32
_TEXTS_AT_ONCE = 64
_TEXTS_A_CALL = 16
# So many batches wait for the encoder while the next ones are chunked.
_AHEAD = 4


class _Made(NamedTuple):
    """What came of some texts, up to the fault that broke it off, if one did."""

    texts: list[str]
    parts: list[tuple[Vectors, list[Reading]]]
    fault: BaseException | None = None


class _Batch(NamedTuple):
    """Texts, what the encoder is given of each, and how many papers are done with them."""

    texts: list[str]
    given: list[str]
    done: int


class Encoding:
    """Keeps what the encoder makes of a catalog's papers; nothing is made twice."""

    def __init__(self, catalog: Catalog, encoder: Encoder, readings: Readings | None) -> None:
        self._catalog = catalog
        self._encoder = encoder
        self._readings = readings
        self._stopped = Event()

    def of(self, papers: Sequence[str], told: Told) -> int:
        """Chunk and encode these papers where they lack it; how many texts were encoded.

        Each batch is kept as soon as it is made: a run that was interrupted goes on there.
        """
        encoded, under_way = 0, deque[tuple[int, Future[_Made]]]()
        with self._one_thread() as thread:
            for batch in self._lacking(papers):
                under_way.append((batch.done, thread.submit(self._made, batch)))
                while len(under_way) > _AHEAD:
                    encoded += self._kept(*under_way.popleft(), told)
            while under_way:
                encoded += self._kept(*under_way.popleft(), told)
        told(len(papers))
        return encoded

    def _lacking(self, papers: Sequence[str]) -> Iterator[_Batch]:
        """What is to be encoded, the papers chunked on the way."""
        ends = range(_PAPERS_FIRST, len(papers) + _PAPERS_AT_ONCE, _PAPERS_AT_ONCE)
        for start, end in pairwise([0, *ends]):
            ids = papers[start:end]
            self._chunk(ids)
            texts = list(self._unknown(ids))
            for at in range(0, len(texts), _TEXTS_AT_ONCE):
                some = texts[at : at + _TEXTS_AT_ONCE]
                # Orders in the texts are not read to the encoder.
                given = [as_read(text) for text in some]
                yield _Batch(some, given, start + len(ids) * at // len(texts))

    def _chunk(self, papers: Sequence[str]) -> None:
        identity = self._encoder.identity
        if todo := self._catalog.unchunked(identity, papers):
            chunks = chunk(self._catalog.papers(todo), self._encoder)
            self._catalog.set_chunks(identity, todo, chunks)

    def _unknown(self, papers: Sequence[str]) -> dict[str, None]:
        texts = dict.fromkeys(one.embedded_text for one in self._catalog.chunks_of(papers))
        known = self._catalog.known_texts(self._encoder.identity, texts)
        if self._readings:
            known &= self._readings.known(known)
        return {text: None for text in texts if text not in known}

    def _made(self, batch: _Batch) -> _Made:
        """Vectors and readings of a batch, a few at once, so that one may stop soon."""
        parts: list[tuple[Vectors, list[Reading]]] = []
        for at in range(0, len(batch.texts), _TEXTS_A_CALL):
            if self._stopped.is_set():
                raise CancelledError
            try:
                parts.append(self._of(batch.given[at : at + _TEXTS_A_CALL]))
            except BaseException as fault:
                return _Made(batch.texts[:at], parts, fault)
        return _Made(batch.texts, parts)

    def _of(self, texts: list[str]) -> tuple[Vectors, list[Reading]]:
        """The shipped encoder makes both in one go."""
        if isinstance(self._encoder, ReadingEncoder):
            return self._encoder.encode_and_read(texts)
        readings = self._readings.reader.read(texts) if self._readings else []
        return self._encoder.encode(texts), readings

    def _kept(self, done: int, made: "Future[_Made]", told: Told) -> int:
        texts, parts, fault = made.result()
        if texts:
            vectors = np.concatenate([vectors for vectors, _ in parts])
            with self._catalog.transaction():
                self._catalog.add_vectors(self._encoder.identity, texts, vectors)
                if self._readings:
                    self._readings.add(texts, [one for _, part in parts for one in part])
        if fault:
            raise fault
        told(done)
        return len(texts)

    @contextmanager
    def _one_thread(self) -> Iterator[ThreadPoolExecutor]:
        """A thread beside this one; what it has not done when this one is stopped is dropped."""
        pool = ThreadPoolExecutor(1, "encoding")
        try:
            yield pool
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            self._stopped.clear()
