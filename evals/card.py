"""A judge, held against claims whose truth is known -> its card: what its verdicts are worth."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from assistant.encoder import MODELS
from evals.metrics import Estimate

FILE = "card.json"
FITTED = MODELS / "judge.json"
_HASH = 16
_DIGITS = 4
# Lower ends of intervals: a judge below one of them cannot carry a verdict on anything.
BARS: Mapping[str, float] = {
    "paired": 0.9,
    "balanced_accuracy": 0.82,
    "control verbatim": 0.93,
    "control evidence": 0.6,
    "control foreign": 0.68,
    "control number": 0.8,
    "control negation": 0.8,
}
LABELS: Mapping[str, str] = {
    "paired": "the faithful answer scores higher",
    "auroc": "AUROC",
    "balanced_accuracy": "balanced accuracy at the threshold",
    "precision": "of what it flags, unfaithful",
    "recall": "of what is unfaithful, flagged",
    "f1": "F1",
    "kappa": "agreement beyond chance (kappa)",
    "ece": "calibration error (ECE)",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Card:
    """What one judge is worth, bound to that judge: its name, its hash and its threshold."""

    judge: Mapping[str, Any]
    is_whole: bool
    figures: Mapping[str, Estimate]
    """On the pairs of a faithful and an unfaithful answer."""
    by_flaw: Mapping[str, Estimate]
    """How often the faithful answer scores higher, by what is wrong with the other."""
    found_by_flaw: Mapping[str, Estimate]
    """How often the unfaithful answer is flagged at the threshold."""
    controls: Mapping[str, Estimate]
    """How often a sentence of an abstract, whole or spoilt, gets the verdict that it must."""
    sets: Mapping[str, Estimate]
    """AUROC on the other sets."""
    fools: Mapping[str, Mapping[str, float]]
    """AUROC and balanced accuracy of judges that read nothing."""
    bins: tuple[tuple[float, float, int], ...]
    """Mean score, share that is faithful, and n, of each tenth of the scores."""
    unseen: Mapping[str, Any] = field(default_factory=dict)
    """The figures that the last fit reached on papers that it had not seen."""

    @property
    def is_in_sample(self) -> bool:
        """Whether the judge was fitted on what it is measured on here."""
        return bool(self.judge.get("fitted"))


def card(
    papers: Mapping[str, str],
    judge: Any = None,
    *,
    whole: bool = False,
    public: Path | None = None,
    seed: int = 0,
    progress: Progress = lambda done, of: None,
) -> Card:
    """The card of `judge`, the shipped one if none is given, over `papers`: title to abstract.

    `whole` takes every claim; else controls and public sets are a fixed sample.
    """
    from evals.card_data import gathered, scored
    from evals.card_figures import measured

    cases = gathered(papers, whole=whole, public=public, seed=seed)
    results = scored(cases, judge, progress)
    mine = identity() if judge is None else {"name": type(judge).__name__, "fitted": ""}
    threshold = getattr(judge, "threshold", None) if judge else _shipped()["threshold"]
    unseen = _shipped().get("figures", {}) if judge is None else {}
    return Card(
        judge={**mine, "threshold": threshold},
        is_whole=whole,
        unseen=unseen,
        **measured(cases, results, seed),
    )


def identity() -> dict[str, str]:
    """The shipped judge by name and hash; a card holds for this one alone."""
    return {"name": "shipped", "fitted": sha256(FITTED.read_bytes()).hexdigest()[:_HASH]}


def _shipped() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FITTED.read_text(encoding="utf-8"))
    return found


def holds_for(one: Card, about: Mapping[str, Any]) -> bool:
    """Whether the card is that of the judge that a run was made with."""
    used, threshold = about.get("fitted", {}), about.get("judge", {}).get("threshold")
    same = threshold is None or threshold == one.judge.get("threshold")
    return bool(same and one.judge.get("fitted") == used.get(FITTED.name))


def missed(one: Card, bars: Mapping[str, float] = BARS) -> list[str]:
    """A line for each bar that the lower end of its interval is under."""
    lines = []
    for key, bar in bars.items():
        found = measure(one, key)
        if found is None:
            lines.append(f"{key}: nothing measures it")
        elif found.low < bar:
            lines.append(
                f"{key}: low end {found.low:.3f} is below {bar:.3f}"
                f" (value {found.value:.3f}, n = {found.n})"
            )
    return lines


def measure(one: Card, key: str) -> Estimate | None:
    """A figure of the card by the name that bars have for it."""
    if key.startswith("control "):
        return one.controls.get(key.removeprefix("control "))
    return one.figures.get(key)


def as_json(one: Card) -> dict[str, Any]:
    """The card as one JSON object."""
    rounded: dict[str, Any] = _rounded(asdict(one))
    for name in _ESTIMATES:
        rounded[name] = {
            key: _rounded(found._asdict()) for key, found in getattr(one, name).items()
        }
    return rounded


def from_json(record: Mapping[str, Any]) -> Card:
    """The card that `as_json` wrote."""
    estimates = {
        name: {key: Estimate(**one) for key, one in record[name].items()} for name in _ESTIMATES
    }
    bins = tuple((one[0], one[1], int(one[2])) for one in record["bins"])
    return Card(**{**record, **estimates, "bins": bins})


_ESTIMATES = ("figures", "by_flaw", "found_by_flaw", "controls", "sets")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def load(path: Path) -> Card | None:
    """The card that lies at `path`; none where there is none."""
    if not path.is_file():
        return None
    return from_json(json.loads(path.read_text(encoding="utf-8")))


def lines(one: Card) -> str:
    """The card as plain text."""
    said = [
        f"judge {one.judge['name']} {one.judge['fitted']}, threshold {one.judge['threshold']},"
        f" {'whole' if one.is_whole else 'quick'} card"
    ]
    if one.is_in_sample:
        said.append("in sample: it was fitted on these pairs; see `unseen` below")
    said += _block("pairs", {LABELS[key]: found for key, found in one.figures.items()})
    said += _block("the faithful answer scores higher, by fault", one.by_flaw)
    said += _block("flagged at the threshold, by fault", one.found_by_flaw)
    said += _block("controls: right at the threshold", one.controls)
    said += _block("AUROC on other sets", one.sets)
    said += ["", "judges that read nothing: AUROC, balanced accuracy"]
    said += [
        f"  {name:<40}{found['auroc']:.3f}   {found['balanced_accuracy']:.3f}"
        for name, found in one.fools.items()
    ]
    return "\n".join([*said, *unseen_lines(one)])


def unseen_lines(one: Card) -> Iterable[str]:
    """What the last fit reached on papers it had not seen, as plain text."""
    told = {key: value for key, value in one.unseen.items() if isinstance(value, int | float)}
    if told:
        yield "\nunseen: the last fit, cross-validated by paper"
        yield from (f"  {key.replace('_', ' '):<40}{value}" for key, value in told.items())


def _block(title: str, found: Mapping[str, Estimate]) -> Sequence[str]:
    if not found:
        return []
    return [
        "",
        title,
        *(
            f"  {key.replace('_', ' '):<40}{one.value:.3f}   {one.low:.3f} – {one.high:.3f}"
            f"{one.n:>6}"
            for key, one in found.items()
        ),
    ]


def add(verb: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    verb.add_argument("--full", action="store_true", help="every claim, not a sample of them")
    verb.add_argument("--public", type=Path, help="folder of public sets (SciFact, RAGTruth)")
    verb.add_argument("--json", action="store_true", help="as JSON")
    verb.add_argument("--out", type=Path, help="keep the card in this file too")
    verb.add_argument("--seed", type=int, default=0, help="of the samples and intervals")
    verb.set_defaults(command=_judge)


def _judge(given: argparse.Namespace) -> int:
    from evals.card_data import corpus
    from evals.store import as_text

    made = card(corpus(given.config), whole=given.full, public=given.public, seed=given.seed)
    text = as_text(as_json(made))
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    print(text.rstrip() if given.json else lines(made))
    below = missed(made)
    print("\n".join(["", *(f"under its bar  {line}" for line in below)]) if below else "")
    return 1 if below else 0
