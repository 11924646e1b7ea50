"""Claims that will be judged -> read together, once, when the first of them is."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assistant.schema import EncoderIdentity, Reader, Reading, Splitter

T = TypeVar("T")
_KEPT = 256


class Hearing:
    """A reader that remembers what it read last; safe to use from many threads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = Lock()
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._expected: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    @property
    def identity(self) -> EncoderIdentity:
        """That of the reader."""
        return self._reader.identity

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each piece tells."""
        return self._reader.weights(pieces)

    def starts(self, text: str) -> NDArray[np.int32]:
        """Where each piece of `text` begins."""
        if isinstance(self._reader, Splitter):
            return self._reader.starts(text)
        return self._reader.read([text])[0].starts

    def expect(self, texts: Sequence[str]) -> None:
        """These will be read soon: the first of them brings the others along, on all cores."""
        with self._lock:
            for text in texts:
                _put(self._expected, text, tuple(texts))

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order given."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
            wanted = [
                one
                for text in dict.fromkeys(texts)
                if text not in found
                for one in self._expected.pop(text, (text,))
            ]
            new = [one for one in dict.fromkeys(wanted) if one not in self._kept]
        if new:
            fresh = dict(zip(new, self._reader.read(new), strict=True))
            with self._lock:
                for text, reading in fresh.items():
                    _put(self._kept, text, reading)
            found |= fresh
        return [found[text] for text in texts]


def _put(kept: OrderedDict[str, T], text: str, value: T) -> None:
    kept[text] = value
    kept.move_to_end(text)
    while len(kept) > _KEPT:
        kept.popitem(last=False)
