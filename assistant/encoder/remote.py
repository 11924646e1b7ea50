"""Texts -> unit vectors: a server that speaks OpenAI's protocol."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import numpy as np

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
from assistant.schema import EncoderIdentity, Vectors

if TYPE_CHECKING:
    import openai

_REMOTE_BATCH = 64
_ATTEMPTS = 3
# The splitter of llama-index wants at least fifty beside a title that takes half.
_FEWEST_PIECES = 128


class Secret(Protocol):
    """A key that does not print itself, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """The key."""


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


def _valid(text: str) -> str:
    # No UTF-8 has half a surrogate pair; nothing may end in a traceback.
    return text.encode("utf-8", "replace").decode("utf-8")
