"""Work on the page that its reader may end at any moment."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

T = TypeVar("T")
# So soon a reader's stop is heard while the next part is still awaited.
_HEARD_WITHIN_S = 0.1


class Stop:
    """Whether the reader of a session has had enough.

    Gradio's own way, to cancel the event, races with what the event still sends: it is awaited
    neither by the page nor by the server. Here the work itself hears of the stop, so that what it
    shows last is the last.
    """

    def __init__(self) -> None:
        self.wanted = False

    def want(self) -> None:
        """Ends what goes on; what begins later is not touched."""
        self.wanted = True


class _Part(NamedTuple):
    """What the work's thread hands over."""

    value: object = None
    error: BaseException | None = None
    end: bool = False


def until(stop: Stop, parts: Iterator[T]) -> Iterator[T]:
    """The parts as they come, to the end or to a stop, even while the next is long in coming.

    Raises what `parts` raises. They are made in a thread of their own; one that was stopped is
    closed once its part has come.
    """
    stop.wanted = False
    made: SimpleQueue[_Part] = SimpleQueue()
    left = Stop()
    Thread(target=_make, args=(parts, made, left), daemon=True).start()
    try:
        while True:
            part = _next(made)
            if stop.wanted or (part and part.end):
                return
            if part and part.error:
                raise part.error
            if part:
                yield part.value  # type: ignore[misc]
    finally:
        left.wanted = True


def _make(parts: Iterator[T], made: "SimpleQueue[_Part]", left: Stop) -> None:
    try:
        for part in parts:
            made.put(_Part(part))
            if left.wanted:
                break
    except BaseException as error:
        made.put(_Part(error=error))
    finally:
        if close := getattr(parts, "close", None):
            close()
        made.put(_Part(end=True))


def _next(made: "SimpleQueue[_Part]") -> _Part | None:
    try:
        return made.get(timeout=_HEARD_WITHIN_S)
    except Empty:
        return None
