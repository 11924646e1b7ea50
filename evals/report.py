"""Rows -> measures with intervals, as JSON that repeats byte for byte and as a plain table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evals import metrics
from evals.measures import MEASURES, Measure, ran
from evals.metrics import Estimate
from evals.row import Row
from evals.rows import states
from evals.store import SCHEMA, as_text, timings

__all__ = ["MEASURES", "Measure", "dumps", "estimates", "report", "table", "timings"]

_DIGITS = 6
_FAILED_JUDGES = 0.01
dumps = as_text


def estimates(rows: Sequence[Row], seed: int = 0) -> dict[str, Estimate]:
    """Every measure that applies to one of `rows`, by key."""
    found = {}
    for measure in MEASURES:
        clusters = [measure.values(row) for row in rows if measure.applies(row)]
        if any(clusters):
            found[measure.key] = _estimate(measure, clusters, seed)
    return found


def _estimate(measure: Measure, clusters: Sequence[Sequence[float]], seed: int) -> Estimate:
    if measure.is_share:
        return metrics.proportion([value == 1 for (value,) in clusters])
    values = [value for cluster in clusters for value in cluster]
    if measure.key.startswith("control_") and set(values) <= {0.0, 1.0}:
        # A bootstrap of what always holds would claim to be certain, however few there are.
        return metrics.proportion([value == 1 for value in values])
    return metrics.mean(clusters, seed)


def manifest(
    rows: Sequence[Row], about: Mapping[str, Any], cost: Mapping[str, Any]
) -> dict[str, Any]:
    """What was asked of whom, how many rows are in each state, and whether that is enough."""
    faults = why_invalid(rows)
    return {
        "schema": SCHEMA,
        "about": dict(about),
        "n": len(rows),
        "states": states(rows),
        "is_valid": not faults,
        "why_not": faults,
        "cost": dict(cost),
    }


def why_invalid(rows: Sequence[Row]) -> list[str]:
    """What keeps the figures of these rows from being a result; nothing of a good run."""
    counts = states(rows)
    lines = []
    if counts["judge_failed"] > _FAILED_JUDGES * len(rows):
        lines.append(f"{counts['judge_failed']} of {len(rows)} answers have no clear verdict")
    if counts["skipped"]:
        lines.append(f"{counts['skipped']} of {len(rows)} questions were not asked")
    return lines


def report(rows: Sequence[Row], about: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """All figures of a run, without what differs from one run to the next."""
    pairs = [
        (row.sample.is_answerable, row.refused)
        for row in rows
        if ran(row) and row.sample.kind != "injected"
    ]
    return {
        "schema": SCHEMA,
        "about": {**about, "seed": seed},
        "n": len(rows),
        "states": states(rows),
        "refusals": metrics.refusals(pairs)._asdict(),
        "measures": _numbers(rows, seed),
        "slices": {name: _numbers(mine, seed) for name, mine in slices(rows).items()},
    }


def slices(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by set, kind, length of the answer, papers cited, and whether a title shows."""
    found: dict[str, list[Row]] = {}
    for name, of in _SLICES.items():
        for value in sorted({of(row) for row in rows} - {""}):
            found[f"{name}={value}"] = [row for row in rows if of(row) == value]
    return found


def _length(row: Row) -> str:
    if not row.answered:
        return ""
    words = metrics.words(row.text)
    return "to 40 words" if words <= 40 else "to 80 words" if words <= 80 else "over 80 words"


def _sources(row: Row) -> str:
    return (
        str(min(3, len(row.cited))) + ("+" if len(row.cited) >= 3 else "") if row.answered else ""
    )


_SLICES: Mapping[str, Callable[[Row], str]] = {
    "set": lambda row: row.sample.set,
    "kind": lambda row: row.sample.kind,
    "length": _length,
    "cited": _sources,
    "title_hidden": lambda row: "yes" if row.sample.title_hidden else "",
}


def _numbers(rows: Sequence[Row], seed: int) -> dict[str, dict[str, float]]:
    return {
        key: {name: round(number, _DIGITS) for name, number in estimate._asdict().items()}
        for key, estimate in estimates(rows, seed).items()
    }


def table(rows: Sequence[Row], seed: int = 0) -> str:
    """The measures as plain text, a line each."""
    found, labels = estimates(rows, seed), {one.key: one.label for one in MEASURES}
    lines = [f"{'measure':<28}{'value':>8}   {'95 % interval':<16}{'n':>5}"]
    lines += [f"{labels[key]:<28}{_shown(estimate)}" for key, estimate in found.items()]
    lines += list(_timed(rows))
    counts = ", ".join(f"{count} {state}" for state, count in states(rows).items())
    lines.append(f"n = {len(rows)}: {counts}")
    return "\n".join([*lines, *(f"not valid: {line}" for line in why_invalid(rows))])


def _timed(rows: Iterable[Row]) -> Iterable[str]:
    for name, took in timings(rows)["steps"].items():
        if name in ("retrieve", "total"):
            yield f"{name + ' ms, p50 / p95':<28}{took['p50']:>8.0f}   {took['p95']:.0f}"


def _shown(estimate: Estimate) -> str:
    digits = 1 if estimate.value > 1 else 3
    interval = f"{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
    return f"{estimate.value:>8.{digits}f}   {interval:<16}{estimate.n:>5}"
