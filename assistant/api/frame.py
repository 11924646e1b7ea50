"""Requests and responses -> bounded ones: sizes, headers, and an end for every failure."""

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api.guard import is_for_programs, refuse
from assistant.api.turns import Turns, stopping
from assistant.api.wrong import Journal, Wrong

_BODY_S = 30.0
UNENDING = Wrong(408, "the body did not come to its end: send it again", 2)
# The page's framework compiles its templates with Function(): without 'unsafe-eval' the transcript
# stays empty.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
    " style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " script-src-attr 'none'; font-src 'self' data:; connect-src 'self'; frame-src 'none';"
    " object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SafeHeaders:
    """Every response tells the browser what our pages may do, and that no other may read them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _secure(scope, message)
            await send(message)

        await self._app(scope, receive, with_headers)


def _secure(scope: Scope, message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name in [name for name in headers if name.startswith("access-control-")]:
        del headers[name]
    for name, value in _HEADERS.items():
        headers[name] = value
    if is_for_programs(scope["path"]):
        headers["Cache-Control"] = "no-store"


class Ending:
    """Every request comes to an end, whatever happens behind it.

    An exception that nobody expected is logged under an id, and the client is told the id. A
    request that the stopping server cuts off is ended as one.
    """

    def __init__(self, app: ASGIApp, journal: Journal, turns: Turns) -> None:
        self._app, self._journal, self._turns = app, journal, turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: list[Message] = []

        async def noted(message: Message) -> None:
            # The last one says how far the response has come.
            told[:] = [message]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if not self._turns.stopping:
                raise
            await self._cut(scope, receive, send, told)
        except Exception as error:
            wrong = self._journal.wrong(error)
            if not told:
                await refuse(wrong, scope, receive, send)

    async def _cut(self, scope: Scope, receive: Receive, send: Send, told: list[Message]) -> None:
        if not told:
            await refuse(self._journal.wrong(stopping()), scope, receive, send)
        elif told[0]["type"] == "http.response.start" or told[0].get("more_body"):
            # A response of a length once told cannot be ended sooner.
            with suppress(RuntimeError):
                await send({"type": "http.response.body", "body": b""})


class Sizes:
    """A body too large is refused: for programs it is read first, for the page it tells its length.

    An upload is passed on as it comes; the page counts it again, file by file.
    """

    def __init__(self, app: ASGIApp, page_limit: int, body_limit: int) -> None:
        self._app, self._page_limit, self._body_limit = app, page_limit, body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for_programs = is_for_programs(scope["path"])
        limit = self._body_limit if for_programs else self._page_limit
        wrong = _unfit(Headers(scope=scope), limit, for_programs)
        if wrong is None and for_programs:
            try:
                receive = replayed(await whole_body(receive, limit), receive)
            except _TooMuch:
                wrong = _too_large(limit)
            except TimeoutError:
                wrong = UNENDING
        if wrong is None:
            await self._app(scope, receive, send)
        else:
            await refuse(wrong, scope, receive, send, Connection="close")


class _TooMuch(Exception):
    """The body is longer than it may be."""


def _unfit(headers: Headers, limit: int, for_programs: bool) -> Wrong | None:
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        return _too_large(limit)
    if "transfer-encoding" in headers and not for_programs:
        return Wrong(411, "the length of the body is not told: send Content-Length", 2)
    return None


def _too_large(limit: int) -> Wrong:
    return Wrong(413, f"the body is larger than {limit / 1_000_000:.3g} MB: send less at once", 2)


async def whole_body(receive: Receive, limit: int) -> Message:
    """The body in one message, or the client's going; too long a one is refused by `Sizes`."""
    parts, size, more = [], 0, True
    async with asyncio.timeout(_BODY_S):
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return message
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > limit:
                raise _TooMuch
    return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def replayed(first: Message, receive: Receive) -> Receive:
    """What gives `first` once more, and then goes on."""
    left = [first]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay
