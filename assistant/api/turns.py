"""Blocking work -> its items, awaited: a few at once, the rest in line, the others turned away."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Generic, Self, TypeVar

from assistant.errors import AssistantError

THREAD = "assistant-turn"
"""The name of every thread that works on a job."""
T = TypeVar("T")
Steps = Callable[[], Generator[T, None, None]]
"""Called in a thread of its own; what it gives is closed in that thread, finished or not."""


class Busy(AssistantError):
    """As many are answered, and as many wait, as the settings allow."""

    exit_code = 75


class Stopping(AssistantError):
    """The server is being stopped."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class _End:
    """There are no further items, because of an error or because all are made."""

    error: Exception | None = None


class Job(Generic[T]):
    """Work that was handed in; whoever leaves it early stops it at its next item."""

    def __init__(self, steps: Steps[T], turns: "Turns") -> None:
        self._steps, self._turns = steps, turns
        self._loop = asyncio.get_running_loop()
        self._box: asyncio.Queue[T | _End] = asyncio.Queue()
        self._left = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._turns.forget(self)

    async def next(self, patience: float | None = None) -> T:
        """The next item; StopAsyncIteration after the last, TimeoutError after `patience`."""
        async with asyncio.timeout(patience):
            told = await self._box.get()
        if not isinstance(told, _End):
            return told
        self._box.put_nowait(told)
        raise told.error or StopAsyncIteration

    async def last(self) -> T:
        """The last item."""
        item = await self.next()
        with suppress(StopAsyncIteration):
            while True:
                item = await self.next()
        return item

    def end(self, error: Exception | None = None) -> None:
        """Tell whoever waits that nothing more comes."""
        self._box.put_nowait(_End(error))

    def start(self) -> Thread:
        """The thread that works, begun; an exit of the program does not wait for it."""
        thread = Thread(target=self._work, name=THREAD, daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        failure: Exception | None = None
        try:
            with closing(self._steps()) as steps:
                for item in steps:
                    self._tell(self._box.put_nowait, item)
                    if self._left.is_set():
                        break
        except Exception as error:
            failure = error
        self._tell(self._ended, failure)

    def _ended(self, failure: Exception | None) -> None:
        self.end(failure)
        self._turns.done(self)

    def _tell(self, function: Callable[[Any], None], value: object) -> None:
        # After the loop has closed nobody listens.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, value)


class Turns:
    """Who is answered now, and who waits; used from one event loop."""

    def __init__(self, concurrent: int, waiting: int) -> None:
        self._concurrent, self._most_waiting = concurrent, waiting
        self._line: deque[Job[Any]] = deque()
        self._running: set[Job[Any]] = set()
        self._threads: dict[Job[Any], Thread] = {}
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether no more work is taken."""
        return self._stopping

    @property
    def running(self) -> int:
        """How many are being answered."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._line)

    def submit(self, steps: Steps[T]) -> Job[T]:
        """The job, begun or in line; an error where the line is full or the server stops."""
        if self._stopping:
            raise stopping()
        job = Job(steps, self)
        self._line.append(job)
        self._admit()
        if len(self._line) > self._most_waiting:
            self._line.remove(job)
            raise Busy("too many questions are waiting already: ask again in a moment")
        return job

    def forget(self, job: Job[Any]) -> None:
        """Give the job's place to the next, though its thread may yet be at its last step."""
        with suppress(ValueError):
            self._line.remove(job)
        self._running.discard(job)
        self._admit()

    def done(self, job: Job[Any]) -> None:
        """Note that the job's thread has ended."""
        self._threads.pop(job, None)
        self.forget(job)

    def stop(self) -> None:
        """Take no more work, and tell all who wait or listen that the server is stopping."""
        self._stopping = True
        for job in (*self._line, *self._running):
            job.end(stopping())
        self._line.clear()

    def join(self, seconds: float) -> bool:
        """Whether every thread has ended, after at most so many seconds."""
        until = time.monotonic() + seconds
        threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _admit(self) -> None:
        # Those who left in the middle of a step free their places at once, and their threads later:
        # twice the threads is as far as that goes.
        while (
            self._line
            and len(self._running) < self._concurrent
            and len(self._threads) < 2 * self._concurrent
        ):
            job = self._line.popleft()
            self._running.add(job)
            self._threads[job] = job.start()


def stopping() -> Stopping:
    """The error for whoever asks too late."""
    return Stopping("the server is stopping: ask again once it has started anew")
