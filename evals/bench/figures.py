"""Repetitions of several ways, taken in turn -> medians with their spread, and ratios of them."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

Way = Callable[[], float]


class Figure(NamedTuple):
    """What one way came to, time after time."""

    group: str
    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles."""
        return _quartiles(self.values)


class Goal(NamedTuple):
    """How large a figure may be at most, or must be at least."""

    bound: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether `value` keeps to it."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


class Ratio(NamedTuple):
    """One figure over another of the same rounds."""

    group: str
    name: str
    of: str
    to: str
    values: tuple[float, ...]
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles."""
        return _quartiles(self.values)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.percentile(values, (25, 75))
    return float(low), float(high)


class Wanted(NamedTuple):
    """A figure that is held to a bound by itself."""

    figure: Figure
    goal: Goal


class Measured(NamedTuple):
    """What a group found, and what it could not measure, with the reason."""

    figures: tuple[Figure, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    left_out: tuple[str, ...] = ()


def interleaved(ways: Mapping[str, Way], rounds: int, seed: int = 0) -> dict[str, list[float]]:
    """What each way gives, all of them in every round, each round in another order."""
    order, found = list(ways), {name: list[float]() for name in ways}
    dice = random.Random(seed)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            found[name].append(ways[name]())
    return found


def figures(group: str, unit: str, found: Mapping[str, Iterable[float]]) -> tuple[Figure, ...]:
    """One figure a way."""
    return tuple(Figure(group, name, unit, tuple(values)) for name, values in found.items())


def ratio(
    group: str,
    name: str,
    found: Mapping[str, Sequence[float]],
    of: str,
    to: str,
    goal: Goal | None = None,
) -> Ratio:
    """`of` over `to`, round by round: what slows a whole round cancels out."""
    values = tuple(a / b for a, b in zip(found[of], found[to], strict=True))
    return Ratio(group, name, of, to, values, goal)


def percentiles(
    group: str, name: str, unit: str, values: Sequence[float], shares: Sequence[int] = (50, 95)
) -> tuple[Figure, ...]:
    """Percentiles of many values, each with the spread that a third of them shows."""
    thirds = [values[at::3] for at in range(3)] if len(values) >= 9 else [values]
    return tuple(
        Figure(
            group, f"{name}, p{share}", unit, tuple(float(np.percentile(t, share)) for t in thirds)
        )
        for share in shares
    )


def seconds(act: Callable[[], Any]) -> float:
    """How long it took by the clock."""
    started = perf_counter()
    act()
    return perf_counter() - started


def worked(act: Callable[[], Any]) -> float:
    """What the processor did for it: on a machine that others use too, this tells more."""
    started = process_time()
    act()
    return process_time() - started


def as_json(found: Measured) -> dict[str, Any]:
    """All of it in JSON's own types."""
    return {
        "figures": [_figure(one) for one in found.figures],
        "ratios": [
            {
                **_figure(one),
                "of": one.of,
                "to": one.to,
                **(_goal(one.goal, one.median) if one.goal else {}),
            }
            for one in found.ratios
        ],
        "wanted": [
            {**_figure(one.figure), **_goal(one.goal, one.figure.median)} for one in found.wanted
        ],
        "left_out": list(found.left_out),
    }


def _figure(one: Figure | Ratio) -> dict[str, Any]:
    low, high = one.spread
    return {
        "group": one.group,
        "name": one.name,
        **({"unit": one.unit} if isinstance(one, Figure) else {}),
        "median": one.median,
        "low": low,
        "high": high,
        "values": list(one.values),
    }


def _goal(goal: Goal, value: float) -> dict[str, Any]:
    return {"goal": str(goal), "met": goal.met(value)}


def together(parts: Iterable[Measured]) -> Measured:
    """What several groups found."""
    return Measured(
        *(tuple(one for each in parts for one in each) for parts in zip(*parts, strict=True))
    )
