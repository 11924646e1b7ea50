"""Texts -> unit vectors: the shipped MiniLM, or a server that speaks OpenAI's protocol."""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from assistant import tokens
from assistant.errors import (
    AssistantError,
    ConfigError,
    ProviderAuthError,
    ProviderError,
    ProviderInterrupted,
    ProviderRateLimit,
    ProviderTimeout,
    ProviderUnreachable,
)
from assistant.schema import EncoderIdentity, Reading, Vectors

if TYPE_CHECKING:
    import openai
    from tokenizers import Tokenizer

MODELS = Path(__file__).parent / "models"
# Enough for 256 pieces of any prose; a longer question is never tokenised whole.
_CHARACTERS_PER_PIECE = 40
_REMOTE_BATCH = 64
_ATTEMPTS = 3
# The splitter of llama-index wants at least fifty beside a title that takes half.
_FEWEST_PIECES = 128


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What `models/manifest.json` says of the model's files."""

    name: str
    dimension: int
    model: str
    tokenizer: str
    late: str
    sha256: dict[str, str]


class Secret(Protocol):
    """A key that does not print itself, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The key."""


class MiniLM:
    """all-MiniLM-L6-v2, int8 per channel, out of the package and checked by its hash."""

    max_pieces = 256

    def __init__(self, folder: Path = MODELS, threads: int = 0) -> None:
        self._folder = folder
        self._threads = threads

    @property
    def identity(self) -> EncoderIdentity:
        """What must match for two vectors to be comparable."""
        manifest = self._manifest
        hashes = manifest.sha256[manifest.model] + manifest.sha256[manifest.tokenizer]
        digest = hashlib.sha256(hashes.encode()).hexdigest()
        return EncoderIdentity(manifest.name, manifest.dimension, digest)

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

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each piece tells: its inverse document frequency, shape (n,)."""
        return np.asarray(self._weights[pieces], np.float32)

    def encode_and_read(self, texts: Sequence[str]) -> tuple[Vectors, list[Reading]]:
        """Both at the price of one; the vector is that of the first `max_pieces`."""
        # One by one: int8 takes its range from a whole batch, so that a neighbour would change the
        # vector (by .01 of cosine), and a run that was interrupted would end in another index.
        vectors = np.empty((len(texts), self.identity.dimension), np.float32)
        encodings = self._tokenizer.encode_batch([_valid(text) for text in texts])
        readings = []
        for row, encoding in zip(vectors, encodings, strict=True):
            runs = [self._run(window) for window in _windows(encoding.ids, self.max_pieces)]
            row[:] = runs[0][0]
            readings.append(_reading(encoding, [states for _, states in runs]))
        return vectors, readings

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
    def _session(self) -> Any:
        # onnxruntime sends usage data unless this stands before its import.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
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


class OpenAIEncoder:
    """A server's embeddings, through OpenAI's protocol; one deadline for each batch."""

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: Secret | str = "",
        *,
        dimension: int = 0,
        max_pieces: int = 512,
        timeout_s: float = 60.0,
    ) -> None:
        if max_pieces < _FEWEST_PIECES:
            raise ConfigError(f"max_pieces {max_pieces} is too few: set {_FEWEST_PIECES} or more")
        self.max_pieces = max_pieces
        self._model = model
        self._base_url = base_url or "https://api.openai.com/v1"
        self._key = api_key
        self._dimension = dimension
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"OpenAIEncoder({self._model!r}, {self._base_url!r})"

    @cached_property
    def identity(self) -> EncoderIdentity:
        """What must match for two vectors to be comparable; asks the server if it must."""
        dimension = self._dimension or len(self._read(["dimension"])[0])
        digest = hashlib.sha256(f"{self._base_url}\n{self._model}".encode()).hexdigest()
        return EncoderIdentity(self._model, dimension, digest)

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        return tokens.count(text, self._model)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension), in the order given."""
        if not texts:
            return np.empty((0, self.identity.dimension), np.float32)
        # Servers refuse an empty text.
        heads = [tokens.clip(_valid(text), self.max_pieces, self._model) or " " for text in texts]
        batches = range(0, len(heads), _REMOTE_BATCH)
        rows = [row for at in batches for row in self._read(heads[at : at + _REMOTE_BATCH])]
        vectors = np.array(rows, np.float32)
        if vectors.shape[1] != self.identity.dimension:
            raise ConfigError(
                f"{self._model} at {self._base_url} gives {vectors.shape[1]} numbers a text, not"
                f" {self.identity.dimension}: correct `encoder.dimension`"
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(norms) & (norms > 0)):
            raise self._garbled()
        return np.asarray(vectors / norms, np.float32)

    def _read(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of one batch; a fault that may pass is asked about twice more."""
        until = monotonic() + self._timeout_s
        attempt = 0
        while True:
            try:
                return self._ask(texts, until)
            except _PassingError as fault:
                attempt += 1
                wait = fault.wait_s if fault.wait_s is not None else 0.25 * 2**attempt
                if attempt == _ATTEMPTS or monotonic() + wait > until:
                    raise fault.shown from fault.__cause__
            sleep(wait)

    def _ask(self, texts: Sequence[str], until: float) -> list[list[float]]:
        import openai

        create = self._client.embeddings.with_streaming_response.create
        body = bytearray()
        try:
            left = max(0.01, until - monotonic())
            with create(
                model=self._model, input=list(texts), encoding_format="float", timeout=left
            ) as reply:
                # A client's own timeout starts again with every byte, so that drops outlast it.
                for part in reply.iter_bytes():
                    body += part
                    if monotonic() > until:
                        raise self._too_slow()
        except openai.OpenAIError as error:
            raise self._fault(error) from error
        except AssistantError:
            raise
        except Exception as error:
            # openai does not wrap what its transport raises in the middle of a reply.
            shown = ProviderInterrupted(f"{self._server} broke off its reply: try again")
            raise _PassingError(shown) from error
        return self._rows(bytes(body), len(texts))

    def _rows(self, body: bytes, wanted: int) -> list[list[float]]:
        try:
            data = sorted(json.loads(body)["data"], key=lambda item: item["index"])
            rows = [[float(number) for number in item["embedding"]] for item in data]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._garbled() from error
        if len(rows) != wanted or len({len(row) for row in rows}) != 1:
            raise self._garbled()
        return rows

    @cached_property
    def _client(self) -> "openai.OpenAI":
        import openai

        key = self._key if isinstance(self._key, str) else self._key.get_secret_value()
        # Local servers want no key, but the client will not be made without one.
        return openai.OpenAI(api_key=key or "none", base_url=self._base_url, max_retries=0)

    @property
    def _server(self) -> str:
        return f"the embeddings server {urlsplit(self._base_url).netloc or self._base_url}"

    def _garbled(self) -> ProviderError:
        return ProviderError(
            f"{self._server} sends something that is no embeddings: check `encoder.base_url`"
        )

    def _too_slow(self) -> ProviderTimeout:
        return ProviderTimeout(
            f"{self._server} took longer than {self._timeout_s:g} s: raise `encoder.timeout_s`"
        )

    def _fault(self, error: Exception) -> Exception:
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self._too_slow()
        if isinstance(error, openai.APIConnectionError):
            return _PassingError(
                ProviderUnreachable(f"nothing answers at {self._server}: check `encoder.base_url`")
            )
        if not isinstance(error, openai.APIStatusError):
            return self._garbled()
        return self._refusal(error.status_code, error.response.headers.get("retry-after", ""))

    def _refusal(self, status: int, after: str) -> Exception:
        if status in (401, 403):
            return ProviderAuthError(f"{self._server} refuses the key ({status}): set its key")
        if status == 404:
            return ProviderError(
                f"{self._server} has no model {self._model!r}: check `encoder.model`"
            )
        wait = float(after) if after.replace(".", "", 1).isdigit() else None
        if status == 429:
            slow = ProviderRateLimit(f"{self._server} asks us to slow down (429): try again later")
            return _PassingError(slow, wait)
        failed = ProviderError(f"{self._server} failed ({status}): try again later")
        return _PassingError(failed, wait) if status in (408, 409) or status >= 500 else failed


class _PassingError(Exception):
    """A fault that may be gone a moment later, and the error to show if it is not."""

    def __init__(self, shown: ProviderError, wait_s: float | None = None) -> None:
        super().__init__(str(shown))
        self.shown = shown
        self.wait_s = wait_s


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
        np.array([start for start, _ in encoding.offsets[1:-1]], np.int32),
        np.rint(np.concatenate(states) * 127).astype(np.int8),
    )


def _valid(text: str) -> str:
    # The tokenizer refuses half a surrogate pair; nothing may end in a traceback.
    return text.encode("utf-8", "replace").decode("utf-8")
