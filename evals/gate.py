"""Rows -> the figures that miss their bound; the interval's end counts, not the point."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.dataset import BadData
from evals.invariance import Stable
from evals.metrics import Estimate
from evals.report import MEASURES, estimates, why_invalid
from evals.row import Row

BOUNDS = Path(__file__).with_name("gate.toml")
_TABLES = ("floors", "ceilings", "stable")
_MEASURES = frozenset(measure.key for measure in MEASURES)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the intervals must keep: the low end above a floor, the high end below a ceiling."""

    floors: Mapping[str, float]
    ceilings: Mapping[str, float]
    stable: Mapping[str, float] = field(default_factory=dict)
    """Of answers to reworded questions: the floors of what stays, by evals/invariance.py."""

    @classmethod
    def load(cls, path: Path = BOUNDS) -> "Bounds":
        """The bounds in `path`; an unknown measure is an error."""
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        bounds = cls(*(tables.get(name, {}) for name in _TABLES))
        unknown = {*bounds.floors, *bounds.ceilings} - _MEASURES | set(tables) - {*_TABLES}
        unknown |= set(bounds.stable) - {*Stable._fields}
        if unknown:
            known = ", ".join(sorted(_MEASURES))
            raise BadData(f"{path}: unknown {', '.join(sorted(unknown))}; measures are {known}")
        return bounds


def missed(rows: Sequence[Row], bounds: Bounds, seed: int = 0) -> list[str]:
    """A line for each bound that `rows` miss; none when the gate is open."""
    found = estimates(rows, seed)
    lines = [*_broken(rows), *why_invalid(rows)]
    for key, floor in bounds.floors.items():
        lines += _missed(key, found.get(key), floor, is_floor=True)
    for key, ceiling in bounds.ceilings.items():
        lines += _missed(key, found.get(key), ceiling, is_floor=False)
    return lines


def _broken(rows: Sequence[Row]) -> list[str]:
    broken = [row for row in rows if row.state == "pipeline_failed"]
    if not broken:
        return []
    first = f", first {broken[0].id}: {broken[0].error}" if broken[0].error else ""
    return [f"{len(broken)} of {len(rows)} questions broke the pipeline{first}"]


def _missed(key: str, estimate: Estimate | None, bound: float, *, is_floor: bool) -> list[str]:
    if estimate is None:
        return [f"{key}: no question measures it"]
    end = estimate.low if is_floor else estimate.high
    if end >= bound if is_floor else end <= bound:
        return []
    side, relation = ("low", "below") if is_floor else ("high", "above")
    return [
        f"{key}: {side} end {end:.3f} is {relation} {bound:.3f}"
        f" (value {estimate.value:.3f}, n = {estimate.n})"
    ]
