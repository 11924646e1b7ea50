"""A Chroma server behind a login: its key opens it, and is told to nobody else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import httpx
import pytest
from chroma_server import running
from machines import OWLS, Machine, machines  # noqa: F401

from assistant import config
from assistant.errors import ConfigError, StoreError
from assistant.schema import EncoderIdentity
from assistant.store import Store

KEY = "canary-of-chroma-7d21"
ME = EncoderIdentity("fake", 16, "a" * 64)
HEADERS = {"Authorization": "Bearer {}", "X-Chroma-Token": "{}"}
OWN = {"host", "content-length", "connection", "accept-encoding"}


class Proxy(NamedTuple):
    """A proxy before the server, and what it turned away."""

    url: str
    refused: list[str]


@contextmanager
def guarding(url: str, header: str, key: str = KEY) -> Iterator[Proxy]:
    """A proxy that hands on what carries the key in this header, and repeats what it was sent."""
    refused: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get(header) != HEADERS[header].format(key):
                refused.append(self.path)
                self._reply(401, f"not {self.headers.get(header)}".encode())
                return
            kept = {name: one for name, one in self.headers.items() if name.lower() not in OWN}
            reply = inner.request(self.command, url + self.path, content=body, headers=kept)
            self._reply(reply.status_code, reply.content, reply.headers.get("content-type", ""))

        do_GET = do_POST = do_PUT = do_DELETE = _hand_on  # noqa: N815

        def _reply(self, status: int, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("X-Your-Key", self.headers.get("X-Chroma-Token", ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with httpx.Client(timeout=60) as inner, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield Proxy(f"http://127.0.0.1:{http.server_port}", refused)
        http.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.mark.parametrize("header", HEADERS)
def test_a_machine_with_the_key_indexes_and_is_answered(
    server: str, machine: Machine, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with guarding(server, header) as proxy:
        one = machine("one", proxy.url, OWLS, key=KEY)
        one.index()
        found = one.search("How many owls does OwlEar hear?")
        one.close()
    assert found.trouble == ""
    assert found.papers[0].dense
    assert proxy.refused == []
    assert "x-your-key" in caplog.text.lower()
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("key", "told"),
    [("", "asks for a key: set"), (f"{KEY}x", "does not take the key given: mend")],
)
def test_without_the_key_it_is_said_which_variable_to_set(
    server: str, machine: Machine, key: str, told: str
) -> None:
    with guarding(server, "Authorization") as proxy:
        one = machine("one", proxy.url, OWLS, key=key)
        with pytest.raises(StoreError, match=f"{told} ASSISTANT_STORE__API_KEY$") as caught:
            one.index()
        one.close()
    assert proxy.refused
    assert KEY not in str(caught.value)


def test_a_server_that_repeats_the_key_later_tells_it_to_nobody(server: str) -> None:
    key = "known-from-no-setting-4711"
    with guarding(server, "X-Chroma-Token", key) as proxy:
        store = Store.connect(proxy.url, "repeated", ME, key)
        for client in (store._client._server, store._client._admin_client._server):  # type: ignore[attr-defined]
            client._session.headers["X-Chroma-Token"] = f"{key} and more"
        with pytest.raises(StoreError, match=r"not \*\*\* and more") as caught:
            store.count()
        store.close()
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "café-au-lait", "line\nline", "tab\tbed"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="ASSISTANT_STORE__API_KEY") as caught:
        Store.connect("http://127.0.0.1:9", "chunks", ME, key)
    assert key not in str(caught.value)


def test_the_key_comes_from_the_environment_and_is_shown_by_its_last_four() -> None:
    settings = config.load(environ={"ASSISTANT_STORE__API_KEY": KEY})
    (shown,) = [one for one in config.provenance(settings) if one.name == "keys.chroma"]
    assert (shown.value, shown.source) == ("…7d21", "environment ASSISTANT_STORE__API_KEY")
    assert KEY not in repr(settings)


def test_the_key_stands_in_no_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'[store]\napi_key = "{KEY}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="no file: set ASSISTANT_STORE__API_KEY") as caught:
        config.load(file, environ={})
    assert KEY not in str(caught.value)
