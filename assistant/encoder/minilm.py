"""Texts -> unit vectors and readings: all-MiniLM-L6-v2, which travels in the package."""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assistant.encoder.counting import Counting
from assistant.errors import ConfigError
from assistant.schema import EncoderIdentity, Reading, Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODELS = Path(__file__).parents[1] / "models"
# Enough for 256 pieces of any prose; a longer question is never tokenised whole.
_CHARACTERS_PER_PIECE = 40
_WORTH_THREADS = 8


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What `models/manifest.json` says of the model's files."""

    name: str
    dimension: int
    model: str
    tokenizer: str
    late: str
    sha256: dict[str, str]


class MiniLM:
    """all-MiniLM-L6-v2, int8 per channel, out of the package and checked by its hash."""

    max_pieces = 256

    def __init__(self, folder: Path = MODELS, threads: int = 0) -> None:
        self._folder = folder
        self._threads = threads or _cores()

    @property
    def identity(self) -> EncoderIdentity:
        """What must match for two vectors to be comparable."""
        manifest = self._manifest
        hashes = manifest.sha256[manifest.model] + manifest.sha256[manifest.tokenizer]
        digest = hashlib.sha256(hashes.encode()).hexdigest()
        return EncoderIdentity(manifest.name, manifest.dimension, digest)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, on all cores."""
        return self._counting.of([_valid(text) for text in texts])

    def count(self, text: str) -> int:
        """Word pieces of `text`, without the two special ones."""
        return len(self._tokenizer.encode(_valid(text), add_special_tokens=False).ids)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension), in the order given."""
        # Enough for the pieces that a vector is made of.
        heads = [text[: self.max_pieces * _CHARACTERS_PER_PIECE] for text in texts]
        return self.encode_and_read(heads)[0]

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order given; a long text is read window by window."""
        return self.encode_and_read(texts)[1]

    def starts(self, text: str) -> NDArray[np.int32]:
        """Where each piece of `text` begins, in code points: the `starts` of its reading."""
        return _starts(self._tokenizer.encode(_valid(text)))

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each piece tells: its inverse document frequency, shape (n,)."""
        return np.asarray(self._weights[pieces], np.float32)

    def encode_and_read(self, texts: Sequence[str]) -> tuple[Vectors, list[Reading]]:
        """Both at the price of one; the vector is that of the first `max_pieces`."""
        # One by one: int8 takes its range from a whole batch, so that a neighbour would change the
        # vector (by .01 of cosine), and a run that was interrupted would end in another index.
        vectors = np.empty((len(texts), self.identity.dimension), np.float32)
        encodings = self._encodings([_valid(text) for text in texts])
        readings = []
        for row, (vector, reading) in zip(vectors, self._all(encodings), strict=True):
            row[:] = vector
            readings.append(reading)
        return vectors, readings

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        # For a few the tokenizer's own threads take longer to wake than the work.
        if len(texts) < _WORTH_THREADS:
            return [self._tokenizer.encode(text) for text in texts]
        return list(self._tokenizer.encode_batch(list(texts)))

    def _all(self, encodings: Sequence[Any]) -> list[tuple[Vectors, Reading]]:
        """One text a core: that gives the same numbers, and twice as many, as one over all."""
        threads = min(self._threads, len(encodings))
        if threads < 2:
            return [self._one(encoding) for encoding in encodings]
        # The longest first, so that at the end no core waits long for another.
        order = sorted(range(len(encodings)), key=lambda at: -len(encodings[at].ids))
        with ThreadPoolExecutor(threads, "encoder") as pool:
            made = dict(
                zip(order, pool.map(self._one, [encodings[at] for at in order]), strict=True)
            )
        return [made[at] for at in range(len(encodings))]

    def _one(self, encoding: Any) -> tuple[Vectors, Reading]:
        runs = [self._run(window) for window in _windows(encoding.ids, self.max_pieces)]
        return runs[0][0], _reading(encoding, [states for _, states in runs])

    def _run(self, pieces: list[int]) -> tuple[Vectors, NDArray[np.float32]]:
        ids = np.array([pieces], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        vector, states = self._session.run(["embedding", "pieces"], inputs)
        return vector[0], states[0, 1:-1]

    @cached_property
    def _weights(self) -> NDArray[np.float16]:
        with np.load(io.BytesIO(self._checked(self._manifest.late)), allow_pickle=False) as late:
            return np.asarray(late["weights"])

    @cached_property
    def _manifest(self) -> _Manifest:
        try:
            text = (self._folder / "manifest.json").read_text(encoding="utf-8")
            return _Manifest(**json.loads(text))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{_damaged(self._folder / 'manifest.json')}") from error

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._checked(self._manifest.tokenizer).decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self._tokenizer)

    @cached_property
    def _session(self) -> Any:
        # onnxruntime sends usage data unless this stands before its import.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = self._checked(self._manifest.model)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def _checked(self, name: str) -> bytes:
        path = self._folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(_damaged(path)) from error
        if hashlib.sha256(data).hexdigest() != self._manifest.sha256[name]:
            raise ConfigError(_damaged(path))
        return data


def _cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _damaged(path: Path) -> str:
    return f"the model file {path} is damaged: reinstall assistant"


def _windows(ids: list[int], most: int) -> list[list[int]]:
    """The pieces in turns of at most `most`, each between the two special ones."""
    first, *inside, last = ids
    step = most - 2
    return [[first, *inside[at : at + step], last] for at in range(0, max(1, len(inside)), step)]


def _reading(encoding: Any, states: list[NDArray[np.float32]]) -> Reading:
    return Reading(
        np.array(encoding.ids[1:-1], np.int32),
        _starts(encoding),
        np.rint(np.concatenate(states) * 127).astype(np.int8),
    )


def _starts(encoding: Any) -> NDArray[np.int32]:
    return np.array([start for start, _ in encoding.offsets[1:-1]], np.int32)


def _valid(text: str) -> str:
    # The tokenizer refuses half a surrogate pair; nothing may end in a traceback.
    return text.encode("utf-8", "replace").decode("utf-8")
