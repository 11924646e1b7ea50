"""Requests -> those that may come in: our own names and pages, and whoever has signed in."""

import base64
import binascii
import hmac
import ipaddress
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api.wrong import Wrong
from assistant.config import Settings
from assistant.errors import ConfigError

PROGRAMS = ("/api", "/v1", "/mcp")
"""What programs ask; everything else is the page."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_NAME = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]/@]+)(:\d{1,5})?")
_SAFE = {"GET", "HEAD"}
_WINDOW_S = 60.0
_MOST_CLIENTS = 10_000
_TOKEN = "send it as Authorization: Bearer …"
_ASK = {
    (True, False): f"a token is needed: {_TOKEN}",
    (True, True): f"the token is not right: {_TOKEN}",
    (False, False): "this page asks for a name and a password: sign in",
    (False, True): "the name or the password is not right: sign in again",
}


def is_for_programs(path: str) -> bool:
    """Whether `path` is of the address for programs, and not of the page."""
    return any(path == start or path.startswith(f"{start}/") for start in PROGRAMS)


def check_binding(settings: Settings) -> None:
    """Refuse to be reached from other machines without a login, unless told to."""
    server, keys = settings.server, settings.keys
    if is_loopback(server.host) or server.open or (keys.token and keys.password):
        return
    raise ConfigError(
        f"server.host {server.host} can be reached from other machines: set ASSISTANT_PASSWORD and"
        " ASSISTANT_TOKEN, or server.open = true to let everyone in"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


class Names:
    """Lets in requests to our own names, and changes from our own page alone.

    A foreign page can have its own name point here, or post here unseen; it cannot hide either.
    """

    def __init__(self, app: ASGIApp, host: str, names: Iterable[str]) -> None:
        self._app = app
        own = f"[{host.strip('[]')}]" if ":" in host else host
        self._further = {name.lower() for name in names}
        self._names = {*_LOOPBACK, own.lower(), *self._further}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if scope["type"] == "lifespan" or (wrong := self._wrong(scope)) is None:
            await self._app(scope, receive, send)
        else:
            await refuse(wrong, scope, receive, send)

    def _wrong(self, scope: Scope) -> Wrong | None:
        headers = Headers(scope=scope)
        hosts, origin = headers.getlist("host"), headers.get("origin")
        asked = _NAME.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if asked is None or asked[1] not in self._names:
            return Wrong(421, "this address has another name: add that one to server.names", 2)
        if origin is None or scope.get("method") in _SAFE or self._is_ours(origin, hosts[0]):
            return None
        return Wrong(403, "another site's page may ask nothing here: open our own page", 2)

    def _is_ours(self, origin: str, host: str) -> bool:
        place = origin.lower().partition("://")[2]
        found = _NAME.fullmatch(place)
        # Another port of this machine is another program, and no page of ours.
        return place == host.lower() or (found is not None and found[1] in self._further)


class Failures:
    """Failed attempts of each client in the last minute."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = most, now
        self._times: dict[str, deque[float]] = {}

    def locked(self, client: str) -> int:
        """Seconds until the client may try again; 0: it may now."""
        times = self._times.get(client)
        if not times:
            return 0
        now = self._now()
        while times and times[0] <= now - _WINDOW_S:
            times.popleft()
        if len(times) < self._most:
            return 0
        return max(1, round(times[0] + _WINDOW_S - now))

    def add(self, client: str) -> None:
        """Note a failed attempt."""
        if len(self._times) >= _MOST_CLIENTS:
            recent = {one: times for one in self._times if (times := self._recent(one))}
            # Where all are recent, the oldest go, many at once: looking through them takes a while.
            self._times = dict(list(recent.items())[-_MOST_CLIENTS // 2 :])
        self._times.setdefault(client, deque(maxlen=self._most)).append(self._now())

    def _recent(self, client: str) -> deque[float]:
        self.locked(client)
        return self._times[client]


class Login:
    """Asks programs for the token, and a person for the name and the password.

    Both stand before everything else of their side, so that nothing of the page, its scripts and
    uploads included, is open without a login.
    """

    def __init__(
        self,
        app: ASGIApp,
        user: str,
        password: SecretStr | None,
        token: SecretStr | None,
        failures: Failures,
    ) -> None:
        self._app = app
        self._page = password and f"{user}:{password.get_secret_value()}".encode()
        self._programs = token and token.get_secret_value().encode()
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or asks for a login."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        for_programs = is_for_programs(scope["path"])
        wrong = self._wrong(scope, for_programs)
        if wrong is None:
            await self._app(scope, receive, send)
        elif wrong.status == 401:
            scheme = "Bearer" if for_programs else 'Basic realm="assistant", charset="UTF-8"'
            await refuse(wrong, scope, receive, send, **{"WWW-Authenticate": scheme})
        else:
            await refuse(wrong, scope, receive, send)

    def _wrong(self, scope: Scope, for_programs: bool) -> Wrong | None:
        wanted = self._programs if for_programs else self._page
        if not wanted:
            return None
        client = client_of(scope)
        if pause := self._failures.locked(client):
            message = f"too many failed attempts: try again in {pause} s"
            return Wrong(429, message, 4, "Unauthorized", pause)
        given = _given(Headers(scope=scope).get("authorization", ""), for_programs)
        if given is not None and hmac.compare_digest(given, wanted):
            return None
        if given is not None:
            self._failures.add(client)
        return Wrong(401, _ASK[for_programs, given is not None], 4, "Unauthorized")


async def refuse(wrong: Wrong, scope: Scope, receive: Receive, send: Send, **headers: str) -> None:
    """Answer in place of the app."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await wrong.response(scope["path"], **headers)(scope, receive, send)


def _given(authorization: str, for_programs: bool) -> bytes | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != ("bearer" if for_programs else "basic"):
        return None
    # Headers come as Latin-1, which keeps the bytes.
    raw = value.strip().encode("latin-1")
    if for_programs:
        return raw
    with suppress(binascii.Error):
        return base64.b64decode(raw, validate=True)
    return raw


def client_of(scope: Scope) -> str:
    """Whom failures are counted for; the addresses of one IPv6 network are one client's."""
    host = (scope.get("client") or ("", 0))[0]
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.version == 6:
            return str(ipaddress.ip_network((address, 64), strict=False))
    return str(host)
