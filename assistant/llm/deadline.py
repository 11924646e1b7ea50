"""An iterator that may hang -> the same one, until a deadline."""

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Timed(Generic[T]):
    """Runs `produce` in a thread of its own and gives what it yields, until time is up.

    A client's own timeout starts again with every byte, so that keep-alive pings, dribbled headers
    or a slow name look-up outlast it.
    """

    def __init__(self, produce: Callable[["Timed[T]"], Iterable[T]], seconds: float) -> None:
        self.stopped = Event()
        """Set once nobody listens any more."""
        self.wake: Callable[[], object] | None = None
        """Set by `produce`: ends the wait that its thread is in."""
        self._produce = produce
        self._deadline = time.monotonic() + seconds
        self._box: SimpleQueue[T | Exception | None] = SimpleQueue()

    @property
    def left(self) -> float:
        """Seconds before the deadline."""
        return max(0.001, self._deadline - time.monotonic())

    def hurry(self, seconds: float) -> None:
        """Bring the deadline nearer."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def items(self) -> Generator[T, None, None]:
        """What `produce` yields; its error, or TimeoutError once time is up."""
        Thread(target=self._work, name="assistant-deadline", daemon=True).start()
        try:
            while (item := self._box.get(timeout=self.left)) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        except Empty:
            raise TimeoutError from None
        finally:
            self.stopped.set()
            if self.wake:
                with suppress(OSError):
                    self.wake()

    def _work(self) -> None:
        end: Exception | None = None
        try:
            for item in self._produce(self):
                if self.stopped.is_set():
                    break
                self._box.put(item)
        except Exception as error:
            end = error
        self._box.put(end)
