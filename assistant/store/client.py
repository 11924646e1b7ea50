"""A folder or an address -> a client of Chroma."""

import re
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from assistant.errors import ConfigError, StoreError
from assistant.redact import remember, watch_logs

# The server written in Rust (`chroma run`, the cloud) says this, whatever its release. All else is
# the one written in Python, which up to 1.5.9 runs foreign code unasked (CVE-2026-45829).
_RUST_SERVER = "1.0.0"
_LAST_UNSAFE = (1, 5, 9)
_CLOSED = (401, 403)
_TIMEOUT_S = 30.0
# What is asked first takes a server no time: one that needs longer would keep a reader waiting.
_FIRST_S = 5.0
# Chroma shares one client a folder between threads, and does not guard its list of them.
OPENING = Lock()


def settings() -> Any:
    """Chroma's own settings: nobody is told anything."""
    # Making them anew takes as long as all else in opening a small store; each client writes in its
    # own.
    return _settings().model_copy()


@cache
def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def client_of(url: str, api_key: str) -> Any:
    """A client of the Chroma server at `url`, if that is safe to use."""
    import chromadb
    import httpx

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"store.url {url!r} is no address: write it as http://host:8000")
    headers = _headers(api_key)
    _refuse_unsafe(url, headers)
    secure = parts.scheme == "https"
    client: Any = chromadb.HttpClient(
        parts.hostname,
        parts.port or (443 if secure else 8000),
        ssl=secure,
        headers=headers,
        settings=settings(),
    )
    # Chroma sets none, and would wait for ever.
    for session in _sessions(client):
        session.timeout = httpx.Timeout(_TIMEOUT_S, connect=_FIRST_S)
    return client


def _headers(api_key: str) -> dict[str, str]:
    """A key in both headers that Chroma's own clients know: a proxy before it asks for either."""
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise ConfigError(
            "ASSISTANT_STORE__API_KEY holds a blank, or what is no ASCII: give the key as it is"
        )
    remember(api_key)
    watch_logs()
    return {"Authorization": f"Bearer {api_key}", "X-Chroma-Token": api_key}


def _sessions(client: Any) -> list[Any]:
    """The HTTP clients inside a client of Chroma: two for a server, none for a folder."""
    servers = (client._server, client._admin_client._server)
    return [server._session for server in servers if hasattr(server, "_session")]


def close_client(client: Any) -> None:
    """Let go of its files or connections."""
    # Chroma leaves their connections open.
    for session in _sessions(client):
        session.close()
    with OPENING:
        client.close()


def _refuse_unsafe(url: str, headers: Mapping[str, str]) -> None:
    import httpx

    api = f"{url.rstrip('/')}/api/v2"
    with httpx.Client(headers=headers, timeout=_FIRST_S) as client:
        first = client.get(f"{api}/version")
        if first.status_code in _CLOSED:
            told = "does not take the key given: mend" if headers else "asks for a key: set"
            raise StoreError(f"the Chroma server at {url} {told} ASSISTANT_STORE__API_KEY")
        version = first.raise_for_status().json()
        limits = client.get(f"{api}/pre-flight-checks").raise_for_status().json()
    # Python's own 1.0.0 did not take base64 yet.
    rust = version == _RUST_SERVER and limits.get("supports_base64_encoding", False)
    if not rust and tuple(map(int, re.findall(r"\d+", version)[:3])) <= _LAST_UNSAFE:
        raise StoreError(
            f"the Chroma server at {url} ({version}) is one in which anybody can run code:"
            " use `chroma run` of 1.5.9 or newer"
        )
