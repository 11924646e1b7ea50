"""The indexer's progress as a bar on a terminal, as one line elsewhere, as nothing if quiet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.cli.session import Session

Step = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


@contextmanager
def showing(session: "Session", label: str) -> Iterator[Step]:
    """Gives the function to call with each step; it shows nothing until the first."""
    if session.quiet or not session.err.is_terminal:
        yield _one_line(session, label)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=session.err.console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def step(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"{label}: {stage}")
            bars.update(tasks[stage], completed=done, total=total)

        yield step


def _one_line(session: "Session", label: str) -> Step:
    said: list[str] = []

    def step(_stage: str, _done: int, _total: int) -> None:
        if not said:
            session.note(f"{label} …")
            said.append(label)

    return step
