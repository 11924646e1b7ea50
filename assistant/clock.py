"""What each step took, in milliseconds."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar, cast

T = TypeVar("T")
Step = TypeVar("Step")


class Clock:
    """What each step took, in milliseconds."""

    def __init__(self) -> None:
        self._start = self._last = perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """A step ends here, and the next one begins."""
        now = perf_counter()
        self._laps[name] = (now - self._last) * 1000
        self._last = now

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """What is done within counts under that name, not under the lap around it."""
        start = perf_counter()
        yield
        took = perf_counter() - start
        self._laps[name] = self._laps.get(name, 0.0) + took * 1000
        self._last += took

    def timed(self, steps: Generator[Step, None, T]) -> Generator[Step, None, T]:
        """The same steps; when the first one came is noted."""
        try:
            first = next(steps)
        except StopIteration as end:
            return cast(T, end.value)
        self._laps["first_token"] = (perf_counter() - self._start) * 1000
        yield first
        return (yield from steps)

    def laps(self) -> dict[str, float]:
        """What each step took, and all of them."""
        return {**self._laps, "total": (perf_counter() - self._start) * 1000}
