"""Rows -> measures with intervals, as JSON that repeats byte for byte and as a plain table."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evals import metrics
from evals.metrics import Estimate
from evals.rows import DEPTH, Row, states

SCHEMA = 1
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Measure:
    """A number about an answer or a ranking, over the rows it applies to."""

    key: str
    label: str
    applies: Callable[[Row], bool]
    values: Callable[[Row], Sequence[float]]
    """What one row gives: one value, or one a sentence."""
    is_share: bool = True
    """Yes or no for each row, so that Wilson's interval fits; else the bootstrap's."""


def _ran(row: Row) -> bool:
    return row.state != "pipeline_failed"


def _single(row: Row) -> bool:
    return _ran(row) and row.sample.is_single


def _of_kind(kind: str) -> Callable[[Row], bool]:
    return lambda row: _ran(row) and row.sample.kind == kind


def _of_subkind(subkind: str) -> Callable[[Row], bool]:
    return lambda row: _ran(row) and row.sample.subkind == subkind


def _answerable(row: Row) -> bool:
    return _ran(row) and row.sample.is_answerable


def _unanswerable(row: Row) -> bool:
    return _ran(row) and not row.sample.is_answerable


def _answered(row: Row) -> bool:
    return row.state == "scored" and row.sample.is_answerable


def _recall(k: int) -> Callable[[Row], Sequence[float]]:
    return lambda row: [metrics.recall_at(row.ranked, row.sample.relevant, k)]


def _supported(row: Row) -> Sequence[float]:
    return [float(label == "supported") for label in row.verdicts]


def _declined(row: Row) -> Sequence[float]:
    return [float(row.refused)]


def _held(row: Row) -> Sequence[float]:
    return [float(row.facts_held)]


def _cited(row: Row) -> Sequence[float]:
    return [row.gold_cited]


MEASURES = (
    Measure("r_at_1", "retrieval R@1", _single, _recall(1)),
    Measure("r_at_5", "retrieval R@5", _single, _recall(5)),
    Measure(
        "ndcg_at_10",
        "retrieval nDCG@10",
        _single,
        lambda row: [metrics.ndcg_at(row.ranked, row.sample.relevant, DEPTH)],
        is_share=False,
    ),
    Measure(
        "rr",
        "retrieval RR",
        _single,
        lambda row: [metrics.reciprocal_rank(row.ranked, row.sample.relevant)],
        is_share=False,
    ),
    Measure("facts_held", "required facts held", _single, _held),
    Measure(
        "words",
        "words in an answer",
        lambda row: _answered(row) and row.sample.is_single,
        lambda row: [float(metrics.words(row.text))],
        is_share=False,
    ),
    Measure("gold_cited", "gold paper cited", _single, _cited),
    Measure("followup_cited", "follow-ups: paper cited", _of_kind("followup"), _cited),
    Measure("followup_facts", "follow-ups: facts held", _of_kind("followup"), _held),
    Measure("compare_cited", "compare: papers cited", _of_kind("compare"), _cited, is_share=False),
    Measure("compare_facts", "compare: facts held", _of_kind("compare"), _held),
    Measure("supported", "sentences supported", _answered, _supported, is_share=False),
    Measure("declined_answerable", "declined, answerable", _answerable, _declined),
    Measure("declined_unanswerable", "declined, unanswerable", _unanswerable, _declined),
    *(
        Measure(f"declined_{name}", f"  {name.replace('_', ' ')}", _of_subkind(name), _declined)
        for name in ("not_stated", "false_premise", "near_miss", "out_of_corpus")
    ),
)


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
    return metrics.mean(clusters, seed)


def report(rows: Sequence[Row], about: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """The whole run, without what differs from one run to the next."""
    ran = [row for row in rows if _ran(row)]
    pairs = [(row.sample.is_answerable, row.refused) for row in ran]
    return {
        "schema": SCHEMA,
        "about": {**about, "seed": seed},
        "n": len(rows),
        "states": states(rows),
        "refusals": metrics.refusals(pairs)._asdict(),
        "measures": _numbers(rows, seed),
        "slices": {
            f"{name}={value}": _numbers([r for r in rows if getattr(r.sample, name) == value], seed)
            for name in ("set", "kind")
            for value in dict.fromkeys(getattr(row.sample, name) for row in rows)
        },
        "rows": [_as_json(row) for row in rows],
    }


def _numbers(rows: Sequence[Row], seed: int) -> dict[str, dict[str, float]]:
    return {
        key: {name: round(number, _DIGITS) for name, number in estimate._asdict().items()}
        for key, estimate in estimates(rows, seed).items()
    }


def _as_json(row: Row) -> dict[str, Any]:
    fields = asdict(row)
    del fields["timings_ms"], fields["sample"]
    about = {"id": row.sample.id, "set": row.sample.set, "kind": row.sample.kind}
    if _answerable(row):
        fields |= {"facts_held": row.facts_held, "gold_cited": round(row.gold_cited, _DIGITS)}
    return {**about, **fields}


def timings(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """The median and the 95th percentile of each step, in milliseconds."""
    laps: dict[str, list[float]] = {}
    for row in rows:
        for name, took in row.timings_ms.items():
            laps.setdefault(name, []).append(took)
    return {
        name: {"p50": float(np.median(took)), "p95": float(np.quantile(took, 0.95))}
        for name, took in laps.items()
    }


def dumps(value: Mapping[str, Any]) -> str:
    """`value` as JSON, the same bytes for the same value."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def table(rows: Sequence[Row], seed: int = 0) -> str:
    """The measures as plain text, a line each."""
    found, labels = estimates(rows, seed), {one.key: one.label for one in MEASURES}
    lines = [f"{'measure':<26}{'value':>8}   {'95 % interval':<16}{'n':>5}"]
    lines += [f"{labels[key]:<26}{_shown(estimate)}" for key, estimate in found.items()]
    for name, took in timings(rows).items():
        if name in ("retrieve", "total"):
            lines.append(f"{name + ' ms, p50 / p95':<26}{took['p50']:>8.0f}   {took['p95']:.0f}")
    counts = ", ".join(f"{count} {state}" for state, count in states(rows).items())
    return "\n".join([*lines, f"n = {len(rows)}: {counts}"])


def _shown(estimate: Estimate) -> str:
    digits = 1 if estimate.value > 1 else 3
    interval = f"{estimate.low:.{digits}f} – {estimate.high:.{digits}f}"
    return f"{estimate.value:>8.{digits}f}   {interval:<16}{estimate.n:>5}"
