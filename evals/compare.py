"""Two runs over the same questions -> what changed, by how much, and whether it is chance."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from assistant.errors import AssistantError
from evals import stats
from evals.folds import grouped, papers_of
from evals.measures import MEASURES, Measure
from evals.row import Row
from evals.stats import Difference
from evals.store import Run, as_text

HEADLINE = (
    *("faithful", "r_at_1", "facts_held", "gold_cited", "supported", "contradicted"),
    *("declined_answerable", "declined_unanswerable", "canary_shown"),
)
"""The measures that a verdict is given for; Holm's correction is over these."""
_FEWER_IS_BETTER = frozenset(
    {
        *("contradicted", "unsupported", "uncited", "miscited", "canary_shown"),
        "declined_answerable",
    }
)
_BY_JUDGE = frozenset(
    {
        *("faithful", "faithful_worst", "supported", "supported_shown", "miscited"),
        *("contradicted", "unsupported", "citation_precision", "judge_agrees"),
    }
)
_JUDGED = ("control_", "judge_")
_MATTERS = 0.05
_DIGITS = 6


class Incomparable(AssistantError):
    """Two runs that asked different things: no difference of theirs means anything."""


class Change(NamedTuple):
    """One measure in both runs."""

    key: str
    label: str
    difference: Difference
    p: float
    """Raised for the number of measures that a verdict is given for."""
    verdict: str
    """Empty for a measure that is only told."""

    @property
    def is_headline(self) -> bool:
        """Whether it has a verdict."""
        return bool(self.verdict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All measures that two runs have in common."""

    changes: tuple[Change, ...]
    settings: tuple[str, ...]
    """What the runs were made with, where it differs: `answerer: embedded -> gpt`."""
    notes: tuple[str, ...]
    """What stands against reading too much into it."""
    turned: tuple[str, ...]
    """Ids of the questions that one run answered well and the other did not."""


def compare(before: Run, after: Run, *, seed: int = 0) -> Comparison:
    """`after` held against `before`, question by question."""
    refuse_other_questions(before, after)
    settings = tuple(_differing(_made_with(before), _made_with(after)))
    same_judge = not any(line.startswith(("judge.", "fitted.judge.json")) for line in settings)
    measures = [one for one in MEASURES if same_judge or not _is_judged(one.key)]
    pairs = [(row, after.by_id[row.id]) for row in before.rows]
    found = {one.key: one for measure in measures if (one := _change(measure, pairs, seed))}
    raised = stats.holm({key: found[key].p for key in HEADLINE if key in found})
    changes = [_judged(change, raised) for change in found.values()]
    notes = tuple(_notes(before, after, same_judge))
    return Comparison(tuple(changes), settings, notes, _turned(pairs))


def refuse_other_questions(before: Run, after: Run) -> None:
    """Raise where the runs did not ask the same, and name what differs."""
    if differing := list(_differing(_dataset(before), _dataset(after))):
        said = "; ".join(differing)
        raise Incomparable(f"the runs are over different questions ({said}): run both over one set")
    mine, theirs = ({row.id for row in run.rows} for run in (before, after))
    if odd := sorted(mine ^ theirs):
        shown = ", ".join(odd[:3]) + (", …" if len(odd) > 3 else "")
        raise Incomparable(f"{len(odd)} questions stand in one run alone ({shown}): run both again")


def _dataset(run: Run) -> dict[str, Any]:
    return dict(run.manifest.get("about", {}).get("dataset", {}))


def _made_with(run: Run) -> dict[str, Any]:
    about = dict(run.manifest.get("about", {}))
    about.pop("dataset", None)
    return about


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name in sorted({*one, *other}):
        left, right = one.get(name), other.get(name)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from _differing(left, right, f"{path}{name}.")
        elif left != right:
            yield f"{path}{name}: {_shown(left)} -> {_shown(right)}"


def _shown(value: object) -> str:
    return "none" if value is None else ", ".join(value) if isinstance(value, list) else str(value)


def _is_judged(key: str) -> bool:
    return key in _BY_JUDGE or key.startswith(_JUDGED)


def _change(measure: Measure, pairs: Sequence[tuple[Row, Row]], seed: int) -> Change | None:
    """The measure on the questions that it applies to in both runs, each counting the same."""
    kept = [pair for pair in pairs if all(measure.applies(row) for row in pair)]
    values = [tuple(measure.values(row) for row in pair) for pair in kept]
    told = [place for place, (one, other) in enumerate(values) if len(one) and len(other)]
    if not told:
        return None
    before, after = ([_mean(values[place][side]) for place in told] for side in (0, 1))
    papers = [papers_of(kept[place][0].sample) for place in told]
    inside = all(0 <= value <= 1 for value in (*before, *after))
    found = stats.paired(before, after, grouped(papers), is_share=inside, seed=seed)
    return Change(measure.key, measure.label.strip(), found, found.p, "")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _judged(change: Change, raised: Mapping[str, float]) -> Change:
    if change.key not in raised:
        return change
    matters = _MATTERS * max(1.0, abs(change.difference.before))
    p, up = raised[change.key], change.key not in _FEWER_IS_BETTER
    said = stats.verdict(change.difference, p, matters, more_is_better=up)
    return change._replace(p=p, verdict=said)


def _notes(before: Run, after: Run, same_judge: bool) -> Iterator[str]:
    for name, run in (("first", before), ("second", after)):
        if not run.manifest.get("is_valid", True):
            yield f"the {name} run is not valid: {'; '.join(run.manifest.get('why_not', ()))}"
    if not same_judge:
        yield "the judges differ: what a judge decides is left out"


def _turned(pairs: Sequence[tuple[Row, Row]]) -> tuple[str, ...]:
    from evals.attribution import cause_of

    return tuple(one.id for one, other in pairs if bool(cause_of(one)) != bool(cause_of(other)))


def overall(comparison: Comparison) -> str:
    """The verdict of the whole, in words."""
    said = [change.verdict for change in comparison.changes if change.is_headline]
    better, worse = said.count("better"), said.count("worse")
    if better and worse:
        return f"mixed: {better} better, {worse} worse"
    if worse or better:
        return f"worse in {worse}" if worse else f"better in {better}"
    return "too few to say" if "too few to say" in said else "no difference shown"


def lines(comparison: Comparison) -> str:
    """The comparison as plain text, a measure a line."""
    shown = sorted(comparison.changes, key=lambda change: not change.is_headline)
    head = f"{'measure':<28}{'before':>8}{'after':>8}{'change':>9}   {'95 % interval':<17}{'n':>4}"
    said = [*comparison.settings, *(f"note: {note}" for note in comparison.notes)]
    return "\n".join(
        [
            *said,
            head,
            *(_line(change) for change in shown),
            f"{len(comparison.turned)} questions turned; all in all: {overall(comparison)}",
        ]
    )


def _line(change: Change) -> str:
    found = change.difference
    digits = 1 if max(abs(found.before), abs(found.after)) > 1 else 3
    interval = f"{found.low:+.{digits}f} – {found.high:+.{digits}f}"
    verdict = f"   {change.verdict}" if change.is_headline else ""
    return (
        f"{change.label:<28}{found.before:>8.{digits}f}{found.after:>8.{digits}f}"
        f"{found.value:>+9.{digits}f}   {interval:<17}{found.n:>4}{verdict}"
    ).rstrip()


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object."""
    return {
        "overall": overall(comparison),
        "settings": list(comparison.settings),
        "notes": list(comparison.notes),
        "turned": list(comparison.turned),
        "measures": {change.key: _as_json(change) for change in comparison.changes},
    }


def _as_json(change: Change) -> dict[str, Any]:
    found = change.difference
    numbers = {**found._asdict(), "difference": found.value, "p": change.p}
    plain = {name: _number(value) for name, value in numbers.items()}
    return {**plain, "verdict": change.verdict or None}


def _number(value: float) -> float | None:
    """JSON knows no infinity."""
    return round(value, _DIGITS) if abs(value) < float("inf") else None


def add(verb: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    verb.add_argument("before", type=Path, help="folder of the first run")
    verb.add_argument("after", type=Path, help="folder of the second run")
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb.add_argument("--seed", type=int, default=0, help="of the permutations")
    verb.set_defaults(command=_compare)


def _compare(given: argparse.Namespace) -> int:
    from evals.store import load_run

    found = compare(load_run(given.before), load_run(given.after), seed=given.seed)
    print(as_text(as_json(found)).rstrip() if given.json else lines(found))
    return 0
