"""Messages to pieces of text, through any OpenAI-compatible server."""

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from random import uniform
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.clean import at_entry
from assistant.errors import ConfigError, ProviderError
from assistant.llm.deadline import Timed
from assistant.llm.faults import Fault, Server, broken_off, ending_error, error_for
from assistant.llm.reasoning import ThinkFilter
from assistant.redact import Stream, redacted, remember, watch_logs
from assistant.schema import LLM, Message, Piece, Usage
from assistant.tokens import count

if TYPE_CHECKING:
    import openai

    from assistant.llm.wire import Delta

_OPENAI = "https://api.openai.com/v1"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CONNECT_S = 10.0
# The usage comes after the finish, if at all; a finished answer does not wait longer for it.
_GRACE_S = 1.0
_MOST_REQUESTS = 3
_REFUSES = re.compile(
    r"support|permitted|unrecognized|unknown|unexpected|extra|allowed|invalid|deprecated"
)


@dataclass(slots=True)
class _Reply:
    """What has come so far for one question."""

    messages: Sequence[Message]
    max_tokens: int
    requests: int = 0
    finish: str = ""
    counted: tuple[int, int] | None = None
    said: list[str] = field(default_factory=list)

    def add(self, delta: "Delta") -> None:
        self.finish = self.finish or delta.finish
        self.counted = delta.usage or self.counted

    def usage(self, model: str) -> Usage:
        read, written = self.counted or (
            sum(count(message.content, model) for message in self.messages),
            count("".join(self.said), model),
        )
        return Usage(read, written, self.requests)


class OpenAILLM:
    """A chat model behind an OpenAI-compatible address.

    An empty `model` is the first that the server lists. With an `api_version`, `base_url` is an
    Azure endpoint and `model` a deployment.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        api_version: str | None = None,
        timeout_s: float = 60.0,
        max_retries: int = 2,
        temperature: float | None = 0.0,
        http_client: Any = None,
    ) -> None:
        self.model = model
        self.api_version = api_version
        self._key_name = "AZURE_OPENAI_API_KEY" if api_version else "OPENAI_API_KEY"
        self._url = _checked_url(base_url or _OPENAI)
        self._key = _checked_key(api_key, self._key_name, bool(api_version) or not base_url)
        remember(self._key)
        self._http_client = http_client
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._temperature = temperature
        # What the server turned out to refuse, so that each later question asks once.
        self._left_out: frozenset[str] = frozenset()
        host = urlsplit(self._url).hostname or ""
        newer = host == "api.openai.com" or host.endswith(".azure.com") or api_version
        self._limit_name = "max_completion_tokens" if newer else "max_tokens"

    def __repr__(self) -> str:
        return f"OpenAILLM(model={self.model!r}, host={self.server.host!r})"

    @property
    def server(self) -> Server:
        """What an error may say of the server."""
        parts = urlsplit(self._url)
        return Server(
            host=parts.netloc,
            model=self.model,
            local=parts.hostname in _LOOPBACK,
            has_key=bool(self._key),
            key_name=self._key_name,
            timeout_s=self._timeout_s,
        )

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The reply as it comes, without its thinking; the last piece carries the usage.

        A reply that stops at `max_tokens` is given, and then ends in ProviderInterrupted: a reader
        may show what came, but never as a whole answer.
        """
        # Importing openai takes a second or two, which are not the server's.
        _ = self._client
        self.model = self.model or self._first_model()
        reply, filtered, hidden = _Reply(messages, max_tokens), ThinkFilter(), Stream(self._key)
        timed: Timed[Delta] = Timed(lambda timed: self._deltas(reply, timed), self._timeout_s)
        with closing(timed.items()) as deltas:
            for delta in self._until_the_end(deltas, reply):
                if delta.finish:
                    timed.hurry(_GRACE_S)
                if text := _cleaned(hidden.feed(filtered.feed(delta.text))):
                    reply.said.append(text)
                    yield Piece(text)
        if rest := _cleaned(hidden.feed(filtered.finish()) + hidden.finish()):
            reply.said.append(rest)
            yield Piece(rest)
        yield Piece("", reply.usage(self.model))
        if error := ending_error(reply.finish, "".join(reply.said), self.server):
            raise error

    def list_models(self) -> list[str]:
        """The models that the server offers."""
        _ = self._client
        timed = Timed[list[str]](self._listed, min(self._timeout_s, _CONNECT_S))
        try:
            with closing(timed.items()) as lists:
                return next(lists)
        except TimeoutError:
            raise error_for(Fault("timeout"), self.server) from None

    def _first_model(self) -> str:
        for name in self.list_models():
            if "embed" not in name.lower():
                return name
        host = self.server.host
        raise ProviderError(f"the server at {host} offers no model: load one, or set answer.model")

    def close(self) -> None:
        """Let the client go; the next question makes another."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    @cached_property
    def _client(self) -> "openai.OpenAI":
        import openai

        # At DEBUG the client and its transport tell what a server sent, our key included.
        watch_logs()
        # A redirect would carry the sources to an address that nobody configured, and no proxy
        # reaches a server on this machine.
        http_client = self._http_client or openai.DefaultHttpxClient(
            follow_redirects=False, trust_env=not self.server.local
        )
        options: dict[str, Any] = {
            "api_key": self._key or "none",
            "max_retries": 0,
            "http_client": http_client,
            # A kept connection goes stale between two questions.
            "default_headers": {"Connection": "close"},
        }
        if self.api_version:
            return openai.AzureOpenAI(
                azure_endpoint=self._url, api_version=self.api_version, **options
            )
        return openai.OpenAI(base_url=self._url, **options)

    def _until_the_end(self, deltas: Iterator["Delta"], reply: _Reply) -> Iterator["Delta"]:
        """The deltas; once the reply has finished, nothing that follows can fail it."""
        try:
            for delta in deltas:
                reply.add(delta)
                yield delta
        except (TimeoutError, ProviderError) as error:
            if reply.finish:
                return
            if isinstance(error, ProviderError):
                raise
            raise error_for(Fault("timeout"), self.server) from None

    def _deltas(self, reply: _Reply, timed: "Timed[Delta]") -> Iterator["Delta"]:
        """What the server sends, asked again where that may help and nothing has come yet."""
        from assistant.llm.wire import FAULTS, fault_of

        while True:
            started = False
            try:
                for delta in self._request(reply, timed):
                    started = True
                    yield delta
                return
            except FAULTS as error:
                fault = fault_of(error, self._key)
            # Raised here, outside the handler, the error drags no request along.
            if started:
                raise broken_off(fault, self.server)
            pause = self._pause(fault, reply.requests, timed.left)
            if pause is None:
                raise error_for(fault, self.server, reply.requests)
            if timed.stopped.wait(pause):
                return

    def _request(self, reply: _Reply, timed: "Timed[Delta]") -> Iterator["Delta"]:
        from assistant.llm.wire import deltas

        reply.requests += 1
        create: Any = self._client.chat.completions.with_raw_response.create
        raw = create(timeout=_timeout(timed.left), **self._parameters(reply))
        response = raw.http_response
        timed.wake = partial(_hang_up, response)
        try:
            if timed.stopped.is_set():
                return
            yield from deltas(raw, self._key)
        finally:
            response.close()

    def _parameters(self, reply: _Reply) -> dict[str, Any]:
        optional = {
            "stream_options": {"include_usage": True},
            "temperature": self._temperature,
            self._limit_name: reply.max_tokens,
        }
        return {
            "model": self.model,
            "messages": [message._asdict() for message in reply.messages],
            "stream": True,
        } | {
            name: value
            for name, value in optional.items()
            if value is not None and name not in self._left_out
        }

    def _pause(self, fault: Fault, requests: int, left: float) -> float | None:
        """Seconds before another request is worth making; None: it is not."""
        if requests < _MOST_REQUESTS and self._adapt(fault):
            return 0.0
        if not fault.passing or requests > self._max_retries:
            return None
        pause = fault.retry_after
        if pause is None:
            pause = min(8.0, 0.5 * 2 ** (requests - 1)) * uniform(0.75, 1.0)
        return pause if pause < left else None

    def _adapt(self, fault: Fault) -> bool:
        """Leave out, or rename, the parameters that the server says it does not know."""
        if fault.status not in {400, 422} or fault.context_too_long:
            return False
        if not _REFUSES.search(fault.text):
            return False
        named = {name for name in ("stream_options", "temperature") if name in fault.text}
        refused = named - self._left_out
        self._left_out |= refused
        if re.search(rf"\b{self._limit_name}\b", fault.text):
            refused.add(self._limit_name)
            names = {"max_tokens", "max_completion_tokens"} - {self._limit_name}
            self._limit_name = names.pop()
        return bool(refused)

    def _listed(self, timed: Timed[list[str]]) -> Iterator[list[str]]:
        from assistant.llm.wire import FAULTS, fault_of

        try:
            raw = self._client.models.with_raw_response.list(timeout=_timeout(timed.left))
            listed = json.loads(raw.http_response.content)
            yield [redacted(str(entry["id"])) for entry in listed["data"]]
            return
        except (*FAULTS, TypeError, KeyError) as error:
            fault = fault_of(error, self._key)
        raise error_for(fault, self.server)


def complete(llm: LLM, messages: Sequence[Message], max_tokens: int) -> tuple[str, Usage]:
    """The whole reply, and what it took."""
    texts, usage = [], Usage()
    for piece in llm.stream(messages, max_tokens=max_tokens):
        texts.append(piece.text)
        usage = piece.usage or usage
    return "".join(texts), usage


def _cleaned(piece: str) -> str:
    return at_entry(piece, keep_lines=True).text


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError(
            "answer.base_url is no address: write it as http://host:port/v1 or https://host/v1"
        )
    # A password in an address is written to logs by the client below us.
    if parts.username or parts.password:
        raise ConfigError("answer.base_url holds a password: set OPENAI_API_KEY instead")
    return url


def _checked_key(key: str | None, name: str, needed: bool) -> str:
    key = (key or "").strip()
    if needed and not key:
        raise ConfigError(f"no key is set: set {name}, or answer.base_url to a local server")
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{name} holds characters that no key has: set it again")
    return key


def _timeout(left: float) -> "openai.Timeout":
    import openai

    return openai.Timeout(left, connect=min(left, _CONNECT_S))


def _hang_up(response: Any) -> None:
    """Wake the thread that reads `response`; it closes the connection itself."""
    stream = response.extensions.get("network_stream")
    if stream and (connection := stream.get_extra_info("socket")):
        # Closing it here could hand the reading thread another connection's number.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
