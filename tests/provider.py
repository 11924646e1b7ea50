"""A model's server of our own, on this machine: well-behaved, or faulty as the test says.

    with Provider() as provider:
        provider.enqueue(fails(500), says("It is shown [1]."))
        OpenAILLM("m", base_url=provider.url)
        assert len(provider.requests) == 2

Behaviours stand in a queue; once it is empty, every request gets `provider.default`, which says
what `provider.responder(request)` returns.
"""

import json
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

Body = dict[str, Any]
Behaviour = Callable[["Exchange"], None]

STREAM = "text/event-stream"
JSON = "application/json"


class Seen(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Body


class Provider:
    """An OpenAI-compatible server on 127.0.0.1."""

    def __init__(self, responder: Callable[[Body], str] | None = None) -> None:
        self.responder = responder or (lambda body: "It is so [1].")
        self.models = ["test-model"]
        self.default: Behaviour = says()
        self.models_default: Behaviour = lists_models
        self.requests: list[Seen] = []
        self.closed = threading.Event()
        self._queue: deque[Behaviour] = deque()
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/v1"

    @property
    def questions(self) -> list[Seen]:
        """The requests for a completion."""
        return [seen for seen in self.requests if seen.path.endswith("/chat/completions")]

    def enqueue(self, *behaviours: Behaviour) -> None:
        self._queue.extend(behaviours)

    def behaviour(self, path: str) -> Behaviour:
        if path.partition("?")[0].endswith("/models"):
            return self.models_default
        with suppress(IndexError):
            return self._queue.popleft()
        return self.default

    def __enter__(self) -> "Provider":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class Exchange:
    """One request being answered, by whatever bytes a behaviour likes to send."""

    def __init__(self, provider: Provider, handler: BaseHTTPRequestHandler, body: Body) -> None:
        self.provider, self.handler, self.body = provider, handler, body

    def head(self, status: int = 200, kind: str = JSON, **headers: str) -> None:
        """The status and the headers; without a length, the end of the connection ends the body."""
        self.handler.send_response(status)
        fields = {"Content-Type": kind, "Connection": "close", **headers}
        for name, value in fields.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def send(self, data: bytes | str) -> None:
        self.handler.wfile.write(data.encode() if isinstance(data, str) else data)
        self.handler.wfile.flush()

    def event(self, data: object) -> None:
        self.send(f"data: {json.dumps(data)}\n\n")

    def chunk(self, data: object) -> None:
        """An event in HTTP's chunked encoding, by which a client can tell a cut from an end."""
        event = f"data: {json.dumps(data)}\n\n".encode()
        self.send(b"%x\r\n%s\r\n" % (len(event), event))

    def reset(self) -> None:
        """Hang up so that the other side sees a reset rather than an end."""
        linger = struct.pack("ii", 1, 0)
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.handler.connection.detach())

    def wait(self, seconds: float) -> bool:
        """Whether to go on after a pause."""
        return not self.provider.closed.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `provider.requests` instead."""

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer(json.loads(self.rfile.read(length)))

        def _answer(self, body: Body) -> None:
            self.close_connection = True
            headers = {name.lower(): value for name, value in self.headers.items()}
            provider.requests.append(Seen(self.command, self.path, headers, body))
            with suppress(OSError, ValueError):
                provider.behaviour(self.path)(Exchange(provider, self, body))

    return Handler


def delta(text: str | None = None, finish: str | None = None, **fields: object) -> Body:
    """One event of a streamed reply."""
    content = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": {**content, **fields}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def completion(text: object, finish: str | None = "stop", **fields: object) -> Body:
    """A reply in one piece."""
    message = {"role": "assistant", "content": text, **fields}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}


def words(text: str) -> list[str]:
    """Pieces as models cut them."""
    return [text[at : at + 5] for at in range(0, len(text), 5)]


def lists_models(exchange: Exchange) -> None:
    exchange.head()
    models = [{"id": name, "object": "model"} for name in exchange.provider.models]
    exchange.send(json.dumps({"object": "list", "data": models}))


def says(
    text: str | None = None,
    *,
    pieces: Sequence[str] | None = None,
    finish: str | None = "stop",
    usage: bool = True,
    done: bool = True,
) -> Behaviour:
    """Reply, streamed if asked to, with what `provider.responder` returns unless `text` is set."""

    def behave(exchange: Exchange) -> None:
        reply = "".join(pieces) if pieces else text
        reply = exchange.provider.responder(exchange.body) if reply is None else reply
        if not exchange.body.get("stream"):
            sends_json(completion(reply, finish))(exchange)
            return
        exchange.head(kind=STREAM)
        exchange.event(delta(role="assistant"))
        for piece in pieces or words(reply):
            exchange.event(delta(piece))
        exchange.event(delta(finish=finish))
        if usage and exchange.body.get("stream_options", {}).get("include_usage"):
            counted = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
            exchange.event({"id": "c", "choices": [], "usage": counted})
        if done:
            exchange.send("data: [DONE]\n\n")

    return behave


def sends_events(events: Iterable[object], *, done: bool = True) -> Behaviour:
    """Stream these events, whatever they are."""

    def behave(exchange: Exchange) -> None:
        exchange.head(kind=STREAM)
        for event in events:
            exchange.event(event)
        if done:
            exchange.send("data: [DONE]\n\n")

    return behave


def sends(data: bytes | str, kind: str = STREAM, status: int = 200) -> Behaviour:
    """Send these bytes and hang up."""

    def behave(exchange: Exchange) -> None:
        exchange.head(status, kind)
        exchange.send(data)

    return behave


def sends_json(body: object) -> Behaviour:
    """Ignore that a stream was asked for."""
    return sends(json.dumps(body), JSON)


def fails(status: int, message: object = "it failed", **headers: str) -> Behaviour:
    """Answer with an error in OpenAI's shape, or `message` itself if it is no text."""

    def behave(exchange: Exchange) -> None:
        body = {"error": {"message": message, "type": "error", "code": None, "param": None}}
        exchange.head(status, JSON, **headers)
        exchange.send(json.dumps(body if isinstance(message, str) else message))

    return behave


def refuses(*names: str, status: int = 400) -> Behaviour:
    """A server that does not know some parameters, and replies without them."""

    def behave(exchange: Exchange) -> None:
        for name in names:
            if name in exchange.body:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                fails(status, message)(exchange)
                return
        says()(exchange)

    return behave


def cuts(text: str = "It is ", *, chunked: bool = True) -> Behaviour:
    """Hang up in the middle of the reply."""

    def behave(exchange: Exchange) -> None:
        if chunked:
            exchange.head(kind=STREAM, Transfer_Encoding="chunked")
        else:
            exchange.head(kind=STREAM)
        for piece in words(text):
            (exchange.chunk if chunked else exchange.event)(delta(piece))

    return behave


def resets(*, after: str = "") -> Behaviour:
    """Reset the connection, before or within the reply."""

    def behave(exchange: Exchange) -> None:
        if after:
            exchange.head(kind=STREAM)
            exchange.event(delta(after))
        exchange.reset()

    return behave


def pings(seconds: float = 60.0) -> Behaviour:
    """Keep the connection alive and say nothing."""

    def behave(exchange: Exchange) -> None:
        exchange.head(kind=STREAM)
        for _ in range(int(seconds / 0.05)):
            exchange.send(": ping\n\n")
            if not exchange.wait(0.05):
                return

    return behave


def dribbles(text: str = "word " * 1000, pause: float = 0.05) -> Behaviour:
    """Reply piece by piece, for ever and a day."""

    def behave(exchange: Exchange) -> None:
        exchange.head(kind=STREAM)
        for piece in words(text):
            exchange.event(delta(piece))
            if not exchange.wait(pause):
                return

    return behave


def dribbles_headers(pause: float = 0.05) -> Behaviour:
    """Never come to the end of the headers."""

    def behave(exchange: Exchange) -> None:
        exchange.send("HTTP/1.1 200 OK\r\nX-Slow: ")
        while exchange.wait(pause):
            exchange.send("a")

    return behave


def hangs(seconds: float = 60.0) -> Behaviour:
    """Take the question and never answer."""

    def behave(exchange: Exchange) -> None:
        exchange.wait(seconds)

    return behave


@pytest.fixture(name="provider")
def serve_provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running
