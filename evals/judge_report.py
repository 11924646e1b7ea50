"""Cross-validated scores -> the judge's figures, each with its n."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from evals.judge_data import Case

Scores = NDArray[np.float64]


def report(cases: Sequence[Case], scores: Scores, threshold: float) -> dict[str, object]:
    """All figures; scores are probabilities of being supported."""
    return {
        **_pairs(cases, scores, threshold),
        **_single(cases, scores),
        "controls": _controls(cases, scores, threshold),
    }


def answers(
    cases: Sequence[Case], scores: Scores, source: str
) -> dict[str, tuple[float, bool, str]]:
    """For each answer its worst claim's score, whether all are supported, and its kind."""
    found: dict[str, tuple[float, bool, str]] = {}
    for case, score in zip(cases, scores, strict=True):
        if case.source == source:
            worst, right, kind = found.get(case.answer, (1.0, True, case.kind))
            found[case.answer] = (min(worst, score), right and case.supported, kind)
    return found


def _pairs(cases: Sequence[Case], scores: Scores, threshold: float) -> dict[str, object]:
    found = answers(cases, scores, "pairs")
    ids = [one[:-1] for one in found if one.endswith("+")]
    right, wrong = (np.array([found[one + side][0] for one in ids]) for side in "+-")
    kinds = np.array([found[one + "+"][2] for one in ids])
    wins = (right > wrong) + 0.5 * (right == wrong)
    both, labels = np.r_[right, wrong], np.r_[np.ones(len(ids)), np.zeros(len(ids))]
    return {
        "n": len(ids),
        "paired": round(float(wins.mean()), 3),
        "paired_by_flaw": {
            str(kind): (round(float(wins[kinds == kind].mean()), 3), int((kinds == kind).sum()))
            for kind in np.unique(kinds)
        },
        "auroc": round(float(roc_auc_score(labels, both)), 3),
        "balanced_accuracy": round(float(((both >= threshold) == labels).mean()), 3),
        "ece": round(ece(both, labels), 3),
    }


def ece(scores: Scores, labels: Scores, bins: int = 10) -> float:
    """The mean distance of confidence and accuracy, over bins of equal width."""
    at = np.minimum((scores * bins).astype(int), bins - 1)
    return sum(
        float((at == b).mean()) * abs(float(scores[at == b].mean() - labels[at == b].mean()))
        for b in range(bins)
        if (at == b).any()
    )


def _single(cases: Sequence[Case], scores: Scores) -> dict[str, object]:
    figures: dict[str, object] = {}
    for name, source, left_out in (
        ("adversarial", "adversarial", ""),
        ("scifact_support_refute", "scifact", "NOT_ENOUGH_INFO"),
    ):
        kept = [at for at, c in enumerate(cases) if c.source == source and c.kind != left_out]
        if kept:
            truth = [cases[at].supported for at in kept]
            figures[name] = (round(float(roc_auc_score(truth, scores[kept])), 3), len(kept))
    if found := answers(cases, scores, "ragtruth"):
        worst, labels, _ = zip(*found.values(), strict=True)
        figures["ragtruth_answers"] = (round(float(roc_auc_score(labels, worst)), 3), len(found))
    return figures


def _controls(cases: Sequence[Case], scores: Scores, threshold: float) -> dict[str, object]:
    """For a fault how often it scores below the sentence itself; else how often it passes."""
    own = {c.answer: s for c, s in zip(cases, scores, strict=True) if c.kind == "verbatim"}
    true = {
        (c.answer, c.claim): s for c, s in zip(cases, scores, strict=True) if c.source == "pairs"
    }
    found: dict[str, list[bool]] = defaultdict(list)
    for case, score in zip(cases, scores, strict=True):
        if case.source == "controls" and case.supported:
            found[case.kind].append(bool(score >= threshold))
        elif case.source == "controls" and case.answer in own:
            found[case.kind].append(bool(score < own[case.answer]))
        elif case.kind == "evidence" and (case.answer, case.claim) in true:
            found["evidence_swap"].append(bool(score < true[case.answer, case.claim]))
    return {kind: (round(float(np.mean(wins)), 3), len(wins)) for kind, wins in found.items()}
