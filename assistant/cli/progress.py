"""The indexer's progress as a bar on a terminal, as a few lines elsewhere, as nothing if quiet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.cli.session import Session

Step = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


_A_LINE_S = 30.0
_ENOUGH_S = 2.0


@contextmanager
def showing(session: "Session", label: str) -> Iterator[Step]:
    """Gives the function to call with each step; it shows nothing until the first."""
    if session.quiet or not session.err.is_terminal:
        yield _lines(session, label)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    name, pace_ = (
        TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[pace]")
    )
    columns = (name, BarColumn(), MofNCompleteColumn(), pace_)
    with Progress(*columns, console=session.err.console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        pace = Pace()

        def step(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"{label}: {stage}", pace="")
            told = pace(stage, done, total)
            bars.update(tasks[stage], completed=done, total=total, pace=told)

        yield step


class Pace:
    """How fast a stage goes, and how long it will take at that."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began: dict[str, tuple[float, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> str:
        """In words; empty until that can be told."""
        since, first = self._began.setdefault(stage, (self._clock(), done))
        took = self._clock() - since
        if took < _ENOUGH_S or done <= first:
            return ""
        rate = (done - first) / took
        return f"{rate:,.3g}/s, {_time((total - done) / rate)} left"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3_600:.1f} h"


def _lines(session: "Session", label: str) -> Step:
    """One line at the start, and one now and then of what takes long."""
    pace, said = Pace(), [0.0]

    def step(stage: str, done: int, total: int) -> None:
        told = pace(stage, done, total)
        if not said[0]:
            session.note(f"{label} …")
            said[0] = monotonic()
        elif told and monotonic() - said[0] > _A_LINE_S:
            session.note(f"{stage}: {done:,} of {total:,}, {told}")
            said[0] = monotonic()

    return step
