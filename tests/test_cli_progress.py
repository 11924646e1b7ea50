from types import SimpleNamespace
from typing import Any

import pytest

from assistant.cli import progress
from assistant.cli.progress import Pace, showing


class Clock:
    """Goes as far as it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("after", "done", "total", "said"),
    [
        (1.0, 50, 1_000, ""),
        (10.0, 0, 1_000, ""),
        (10.0, 500, 1_000, "50/s, 10 s left"),
        (10.0, 500, 50_000, "50/s, 16 min left"),
        (10.0, 500, 2_500_000, "50/s, 13.9 h left"),
        (10.0, 1_000, 1_000, "100/s, 0 s left"),
    ],
)
def test_the_pace_tells_the_rate_and_the_time_left(
    after: float, done: int, total: int, said: str
) -> None:
    clock = Clock()
    pace = Pace(clock)
    pace("encode", 0, total)
    clock.now += after
    assert pace("encode", done, total) == said


def test_what_was_done_before_is_no_speed() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace("encode", 900, 1_000)
    clock.now += 10
    assert pace("encode", 950, 1_000) == "5/s, 10 s left"


def test_elsewhere_a_line_now_and_then_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, said = Clock(), []
    monkeypatch.setattr(progress, "monotonic", clock)
    monkeypatch.setattr(Pace.__init__, "__defaults__", (clock,))
    session: Any = SimpleNamespace(
        quiet=False, err=SimpleNamespace(is_terminal=False), note=said.append
    )
    with showing(session, "Indexing") as step:
        for done in range(0, 1_001, 100):
            step("encode", done, 1_000)
            clock.now += 10
    assert said == [
        "Indexing …",
        "encode: 400 of 1,000, 10/s, 60 s left",
        "encode: 800 of 1,000, 10/s, 20 s left",
    ]
