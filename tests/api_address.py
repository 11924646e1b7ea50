"""An app behind a real server on 127.0.0.1, and assistants as fast as a test lets them be."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Semaphore, Thread
from time import monotonic, sleep
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from stub_assistant import Stream, StubAssistant

from assistant import config
from assistant.api import create_app
from assistant.api.server import Running, bind
from assistant.schema import Sentence

LORA = "LoRA freezes the weights [1]."


def settings_of(environ: dict[str, str] | None = None, **flags: Any) -> config.Settings:
    """Settings of nobody's machine; `server_port=0` is server.port."""
    named = {name.replace("_", ".", 1): value for name, value in flags.items()}
    return config.load(flags={"server.port": 0, **named}, environ=environ or {})


class Address:
    """A running server, and how to ask it."""

    def __init__(self, url: str, running: Running, assistant: Any) -> None:
        self.url, self.running, self.assistant = url, running, assistant
        self.client = httpx.Client(base_url=url, timeout=20)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def events(self, path: str, body: Any) -> list[tuple[str, str]]:
        """The name and the data of every event."""
        text = self.post(path, body).text
        return [event_of(block) for block in text.split("\n\n") if block]

    def health(self) -> Any:
        return self.get("/api/health").json()

    def until(self, **wanted: int) -> None:
        """Wait until so many run, and so many wait."""
        eventually(lambda: wanted.items() <= self.health().items())


def event_of(block: str) -> tuple[str, str]:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    return fields.get("event", ""), fields.get("data", "")


def eventually(true: Any, seconds: float = 10.0) -> None:
    """Wait until it is so."""
    until = monotonic() + seconds
    while not true():
        assert monotonic() < until, "it never came to be so"
        sleep(0.01)


@contextmanager
def served(
    assistant: Any, settings: config.Settings | None = None, **flags: Any
) -> Iterator[Address]:
    """The assistant's address, without the page unless `page` is true."""
    page = flags.pop("page", False)
    if settings or not getattr(assistant, "settings", None):
        assistant.settings = settings or settings_of(**flags)
    app = asyncio.run(_app(assistant, page))
    ready = Event()
    with bind(assistant.settings) as bound:
        running = Running(app, ready.set)
        thread = Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        address = Address(f"http://127.0.0.1:{bound.getsockname()[1]}", running, assistant)
        try:
            yield address
        finally:
            running.should_exit = True
            thread.join(10)
            address.client.close()
            assert not thread.is_alive()


async def _app(assistant: Any, page: bool) -> FastAPI:
    # Outside of a loop Gradio makes one, and never closes it.
    return create_app(assistant, page=page)


class PacedStream(Stream):
    """Gives a piece each time that it is let to."""

    def __init__(self, paced: "Paced", finished: Any, pieces: Any) -> None:
        super().__init__(finished, pieces)
        self._paced = paced

    def parts(self) -> Iterator[str | Sentence]:
        for piece in super().parts():
            self._paced.go.acquire()
            yield piece

    def close(self) -> None:
        super().close()
        self._paced.closed += 1


class Paced(StubAssistant):
    """Answers piece by piece, as `go` is released."""

    def __init__(self) -> None:
        super().__init__()
        self.go = Semaphore(0)
        self.closed = 0

    def ask(self, question: str, **options: Any) -> Stream:
        plain = super().ask(question, **options)
        return PacedStream(self, plain._finished, plain._pieces)

    def let_all(self) -> None:
        self.go.release(1000)


def threads_named(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def raw(address: Address, head: str, body: bytes = b"") -> int:
    """The status of a request that no decent client would send."""
    host, port = address.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return int(client.recv(65536).split()[1])


@pytest.fixture(scope="module")
def one_address() -> Iterator[Address]:
    """The address of an assistant that tests share."""
    with served(StubAssistant(), server_names=("papers.example.org",)) as running:
        yield running


@pytest.fixture(name="address")
def one_as_new(one_address: Address) -> Address:
    """The shared address, its assistant as new."""
    stub, settings = one_address.assistant, one_address.assistant.settings
    stub.__init__()
    stub.settings = settings
    return one_address


@pytest.fixture(name="stub")
def stub_behind(address: Address) -> StubAssistant:
    """The assistant behind the shared address."""
    return cast(StubAssistant, address.assistant)


@pytest.fixture(name="paced")
def make_paced() -> Iterator[Paced]:
    """An assistant that waits for the test; at the end it waits no more."""
    made = Paced()
    yield made
    made.let_all()
