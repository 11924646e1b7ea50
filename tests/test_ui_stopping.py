"""Work that its reader may end at any moment."""

from collections.abc import Iterator
from copy import deepcopy
from threading import Event

import pytest

from assistant.ui.stopping import Stop, until


def test_all_parts_come_in_their_order() -> None:
    assert list(until(Stop(), iter(range(100)))) == list(range(100))


def test_a_stop_is_heard_while_the_next_part_is_awaited_and_no_part_comes_after_it() -> None:
    goes_on, closed = Event(), Event()

    def slow() -> Iterator[int]:
        try:
            yield 1
            goes_on.wait(60)
            yield 2
        finally:
            closed.set()

    stop = Stop()
    parts = until(stop, slow())
    assert next(parts) == 1
    stop.want()
    assert list(parts) == []
    assert not closed.is_set()
    goes_on.set()
    assert closed.wait(60)


def test_who_goes_away_ends_the_work() -> None:
    closed = Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    parts = until(Stop(), endless())
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert closed.wait(60)


def test_a_stop_of_what_is_over_leaves_the_next_alone() -> None:
    stop = Stop()
    assert list(until(stop, iter("ab"))) == ["a", "b"]
    stop.want()
    assert list(until(stop, iter("cd"))) == ["c", "d"]


def test_a_fault_of_the_work_is_raised_to_who_hears_it() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    parts = until(Stop(), fails())
    assert next(parts) == 1
    with pytest.raises(LookupError, match="gone"):
        next(parts)


def test_each_session_has_a_stop_of_its_own() -> None:
    first = Stop()
    other = deepcopy(first)
    first.want()
    assert not other.wanted
