"""Claims of known truth and a judge's scores -> the figures of its card."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from assistant.verify.wording import words
from evals import metrics
from evals.card_data import Result
from evals.judge_data import Case
from evals.judge_report import ece
from evals.metrics import Estimate

Floats = NDArray[np.float64]
_DRAWS = 300
_BINS = 10
_SETS = {
    "adversarial": "adversarial",
    "claims": "other words, own words",
    "scifact": "SciFact",
    "ragtruth": "RAGTruth, answers",
}


class Told(NamedTuple):
    """One answer: its worst claim's score, whether it passes, and whether it should."""

    score: float
    passes: bool
    is_right: bool
    kind: str


def measured(cases: Sequence[Case], results: Sequence[Result], seed: int = 0) -> dict[str, Any]:
    """All figures, by the names of the card's fields."""
    told = answers(cases, results, "pairs")
    pairs = [(told[f"{name}+"], told[f"{name}-"]) for name in _names(told)]
    kinds = sorted({right.kind for right, _ in pairs})
    of_kind = {kind: [pair for pair in pairs if pair[0].kind == kind] for kind in kinds}
    return {
        "figures": _figures(pairs, seed),
        "by_flaw": {kind: metrics.mean([[_win(*one)] for one in of_kind[kind]]) for kind in kinds},
        "found_by_flaw": {
            kind: metrics.proportion([not wrong.passes for _, wrong in of_kind[kind]])
            for kind in kinds
        },
        "controls": _controls(cases, results),
        "sets": _sets(cases, results, seed),
        "fools": fools(cases, results),
        "bins": _bins([one for pair in pairs for one in pair]),
    }


def answers(cases: Sequence[Case], results: Sequence[Result], source: str) -> dict[str, Told]:
    """Each answer of a source, by its id: as good as its worst claim."""
    found: dict[str, Told] = {}
    for case, result in zip(cases, results, strict=True):
        if case.source == source:
            old = found.get(case.answer, Told(1.0, True, True, case.kind))
            found[case.answer] = Told(
                min(old.score, result.score),
                old.passes and result.is_supported,
                old.is_right and case.supported,
                old.kind,
            )
    return found


def _names(told: Mapping[str, Told]) -> list[str]:
    return [name[:-1] for name in told if name.endswith("+") and f"{name[:-1]}-" in told]


def _win(right: Told, wrong: Told) -> float:
    return 0.5 if right.score == wrong.score else float(right.score > wrong.score)


def _figures(pairs: Sequence[tuple[Told, Told]], seed: int) -> dict[str, Estimate]:
    flagged = [wrong for pair in pairs for wrong in pair if not wrong.passes]
    return {
        "paired": metrics.mean([[_win(*pair)] for pair in pairs], seed),
        "auroc": _drawn(pairs, _auroc, seed),
        "balanced_accuracy": metrics.mean(
            [[float(right.passes), float(not wrong.passes)] for right, wrong in pairs], seed
        ),
        **({"precision": metrics.proportion([not one.is_right for one in flagged])}
           if flagged else {}),
        "recall": metrics.proportion([not wrong.passes for _, wrong in pairs]),
        "f1": _drawn(pairs, lambda told: _agreement(f1_score, told), seed),
        "kappa": _drawn(pairs, lambda told: _agreement(cohen_kappa_score, told), seed),
        "ece": _drawn(pairs, _ece, seed),
    }  # fmt: skip


def _auroc(told: Sequence[Told]) -> float:
    return float(roc_auc_score([one.is_right for one in told], [one.score for one in told]))


def _agreement(measure: Callable[[Any, Any], float], told: Sequence[Told]) -> float:
    return float(measure([not one.is_right for one in told], [not one.passes for one in told]))


def _ece(told: Sequence[Told]) -> float:
    scores = np.array([one.score for one in told])
    return ece(scores, np.array([float(one.is_right) for one in told]), _BINS)


def _drawn(
    groups: Sequence[Sequence[Told]], measure: Callable[[Sequence[Told]], float], seed: int
) -> Estimate:
    """A figure of all answers, its interval from drawing whole groups of them."""
    draw = np.random.default_rng(seed)
    values = []
    for _ in range(_DRAWS):
        places = draw.integers(len(groups), size=len(groups))
        told = [one for place in places for one in groups[place]]
        if len({one.is_right for one in told}) == 2:
            values.append(measure(told))
    low, high = np.quantile(values, [0.025, 0.975])
    whole = measure([one for group in groups for one in group])
    return Estimate(whole, float(low), float(high), len(groups))


def _controls(cases: Sequence[Case], results: Sequence[Result]) -> dict[str, Estimate]:
    found: dict[str, list[bool]] = defaultdict(list)
    for case, result in zip(cases, results, strict=True):
        if case.source == "controls":
            found[case.kind].append(result.is_supported == case.supported)
    return {kind: metrics.proportion(rights) for kind, rights in sorted(found.items())}


def _sets(cases: Sequence[Case], results: Sequence[Result], seed: int) -> dict[str, Estimate]:
    found = {}
    for source, label in _SETS.items():
        told = [[one] for one in answers(cases, results, source).values()]
        if len({one.is_right for (one,) in told}) == 2:
            found[label] = _drawn(told, _auroc, seed)
    return found


def fools(cases: Sequence[Case], results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """What judges reach on the pairs that read nothing; ours must be far above them."""
    kept = [(case, result) for case, result in zip(cases, results, strict=True)
            if case.source == "pairs"]  # fmt: skip
    mine = [case for case, _ in kept]
    return {
        "flag everything": _fool(mine, lambda case: 0.0),
        "the longer, the worse": _fool(mine, lambda case: -float(len(case.claim.split()))),
        "words in the abstract": _fool(mine, _overlap),
    }


def _overlap(case: Case) -> float:
    said = {word.stem for word in words(case.claim) if not word.is_stop}
    return len(said & {word.stem for word in words(case.abstract)}) / max(1, len(said))


def _fool(cases: Sequence[Case], of: Callable[[Case], float]) -> dict[str, float]:
    results = [Result(of(case), True) for case in cases]
    told = list(_worst(cases, results))
    scores = np.array([score for score, _ in told])
    rights = np.array([right for _, right in told])
    best = max(
        float(((scores > bound) == rights).mean()) for bound in (-np.inf, *np.unique(scores))
    )
    return {"auroc": float(roc_auc_score(rights, scores)), "balanced_accuracy": best}


def _worst(cases: Sequence[Case], results: Sequence[Result]) -> Iterable[tuple[float, bool]]:
    found: dict[str, tuple[float, bool]] = {}
    for case, result in zip(cases, results, strict=True):
        score, right = found.get(case.answer, (np.inf, True))
        found[case.answer] = (min(score, result.score), right and case.supported)
    return found.values()


def _bins(told: Sequence[Told]) -> tuple[tuple[float, float, int], ...]:
    scores = np.array([one.score for one in told])
    rights = np.array([one.is_right for one in told])
    at = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    return tuple(
        (float(scores[at == b].mean()), float(rights[at == b].mean()), int((at == b).sum()))
        for b in range(_BINS)
        if (at == b).any()
    )
