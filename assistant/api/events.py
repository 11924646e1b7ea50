"""Work in line -> a response: as a stream of events, or awaited while the client is there."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from assistant.api.turns import Job, Steps, Turns
from assistant.api.wrong import Journal, Wrong

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
PATIENCE_S = 15.0
"""Seconds of silence before a comment says that the connection lives."""


class Gone(Exception):
    """The client has hung up."""


class Telling(Protocol[T_contra]):
    """How one protocol words a stream."""

    def opening(self) -> str:
        """What comes first."""

    def item(self, item: T_contra) -> str:
        """The events of one item; the last item is the end of a whole answer."""

    def failure(self, wrong: Wrong) -> str:
        """The events that end a stream which began and cannot go on."""


class Streamed(Response, Generic[T]):
    """Server-sent events of a job.

    Until the first item, an error is answered with its own status; once the response has begun (at
    the first item, or after a long silence), an error is an event, and the last one.
    """

    def __init__(
        self, turns: Turns, steps: Steps[T], telling: Telling[T], journal: Journal
    ) -> None:
        # A proxy that collects what it passes on would hold the words back.
        super().__init__(media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._turns, self._steps, self._telling = turns, steps, telling
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events; a client that hangs up ends the job."""
        with suppress(Gone), self._turns.submit(self._steps) as job:
            await while_there(receive, self._tell(job, _Out(send, self)))

    async def _tell(self, job: Job[T], out: "_Out") -> None:
        try:
            while True:
                await out.write(await self._next(job, out))
        except StopAsyncIteration:
            pass
        except Exception as error:
            if not out.started:
                raise
            await out.write(self._telling.failure(self._journal.wrong(error)))
        await out.end()

    async def _next(self, job: Job[T], out: "_Out") -> str:
        try:
            item = await job.next(PATIENCE_S)
        except TimeoutError:
            return self._opened(out, ": still at work\n\n")
        return self._opened(out, self._telling.item(item))

    def _opened(self, out: "_Out", text: str) -> str:
        return text if out.started else self._telling.opening() + text


class _Out:
    """The way to the client."""

    def __init__(self, send: Send, response: Response) -> None:
        self._send, self._response = send, response
        self.started = False

    async def write(self, text: str) -> None:
        if not self.started:
            self.started = True
            head = {"status": 200, "headers": self._response.raw_headers}
            await self._send({"type": "http.response.start", **head})
        body = {"body": text.encode(), "more_body": True}
        await self._send({"type": "http.response.body", **body})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


async def finished(request: Request, turns: Turns, steps: Steps[T]) -> T:
    """The last item of the work; `Gone` where the client does not wait for it."""
    with turns.submit(steps) as job:
        return await while_there(request.receive, job.last())


async def while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; once the client hangs up it is cancelled, and this is `Gone`."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Gone
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
