"""Requests -> those within their share: so many a minute from one address, and in one session."""

import json
import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.api.frame import UNENDING, replayed, whole_body
from assistant.api.guard import client_of, is_for_programs, refuse
from assistant.api.wrong import Wrong

_MINUTE_S = 60.0
_MOST = 10_000
_SAFE = {"GET", "HEAD", "OPTIONS"}
_JOIN = "/queue/join"
_BUSY = 75


class Rate:
    """So many a minute for each name: unused ones are saved up, for a minute at most.

    >>> rate = Rate(2, now=lambda: 0.0)
    >>> [rate.wait("a"), rate.wait("a"), rate.wait("a"), rate.wait("b")]
    [0, 0, 30, 0]
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = float(per_minute), now
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> int:
        """0, and this one is counted; or the seconds until the next one will be let in."""
        if not self._most:
            return 0
        now = self._now()
        left = self._saved(name, now)
        if left < 1:
            return max(1, math.ceil((1 - left) * _MINUTE_S / self._most))
        if len(self._left) >= _MOST:
            kept = [one for one in self._left.items() if self._saved(one[0], now) < self._most]
            # Where all are used, the oldest go, many at once: looking through them takes a while.
            self._left = dict(kept[-_MOST // 2 :])
        self._left.pop(name, None)
        self._left[name] = left - 1, now
        return 0

    def _saved(self, name: str, now: float) -> float:
        left, then = self._left.get(name, (self._most, now))
        return min(self._most, left + (now - then) * self._most / _MINUTE_S)


class Paces:
    """Turns away an address, or one session of the page, that asks faster than is allowed."""

    def __init__(self, app: ASGIApp, per_minute: int, per_session: int, page_limit: int) -> None:
        self._app, self._page_limit = app, page_limit
        self._addresses, self._sessions = Rate(per_minute), Rate(per_session)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        address = client_of(scope)
        what, pause = "this address", self._addresses.wait(address)
        if not pause and scope["path"].endswith(_JOIN) and not is_for_programs(scope["path"]):
            # The page tells its session in the body, and its framework reads all of that anyway.
            try:
                body = await whole_body(receive, self._page_limit)
            except TimeoutError:
                await refuse(UNENDING, scope, receive, send, Connection="close")
                return
            receive = replayed(body, receive)
            what = "this page"
            pause = self._sessions.wait(f"{address} {_session(body.get('body', b''))}")
        if pause:
            message = f"{what} asks too fast: try again in {pause} s"
            await refuse(Wrong(429, message, _BUSY, "Busy", pause), scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _session(body: bytes) -> str:
    try:
        return str(json.loads(body).get("session_hash"))[:64]
    except (ValueError, AttributeError, RecursionError):
        return ""
