"""Fit the judge and write `assistant/models/judge.json`.

    python -m evals.fit_judge --papers papers.jsonl --pairs dev.jsonl single.jsonl
        --adversarial adversarial.jsonl --public ../shared/judge --out assistant/models/judge.json

`--papers` are rows of title and abstract. Figures are cross-validated by paper (public sets: by
abstract or question): the judge that scores a claim never saw another one of the same paper.
What was tried, and what it brought, stands in `experiments.md`.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier as Boosted
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant.encoder import MiniLM
from assistant.late import Passage
from assistant.schema import Reading
from assistant.verify.alignment import Aligned, align
from assistant.verify.measures import WORD_FEATURES, measure
from assistant.verify.scoring import DOUBTS, FEATURES, summary
from evals import judge_data
from evals.judge_data import Case
from evals.judge_report import answers, report
from evals.trees import exported

Rows = NDArray[np.float64]
FOLDS, QUESTIONS = 5, 330
# Of a hundred faults and controls made by machine, so many are enough.
FAULTY, CONTROLS = 60, 45
DATA = Path(__file__).parent / "data"
# What a claim of each source counts; the pairs are what the product meets. The adversarial ones
# and the public sets count nothing: they measure.
_CLAIMS = {
    "pairs": 8.0, "written": 6.0, "paraphrased": 2.0, "borrowed": 6.0, "made paraphrased": 1.2,
    "controls": 0.5, "made pairs": 0.25,
}  # fmt: skip
_WORDS = {"pairs": 6.0, "written": 4.0, "controls": 0.3, "ragtruth": 0.4, "made pairs": 1.0}
_SEED, _ROUNDS = 0, 5


class CachedReader:
    """A reader that reads each text once."""

    def __init__(self, encoder: MiniLM) -> None:
        self.encoder, self.identity = encoder, encoder.identity
        self._read: dict[str, Reading] = {}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Readings, the old ones from memory."""
        for text in texts:
            if text not in self._read:
                (self._read[text],) = self.encoder.read([text])
        return [self._read[text] for text in texts]

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """The encoder's own."""
        return self.encoder.weights(pieces)


@dataclass
class Table:
    """All cases as numbers."""

    cases: list[Case]
    words: list[Rows]
    faults: list[Rows | None]
    claims: Rows
    fold: NDArray[np.intp]

    @property
    def supported(self) -> NDArray[np.bool_]:
        """The labels."""
        return np.array([case.supported for case in self.cases])

    def weights(self, table: dict[str, float]) -> Rows:
        """What each case counts."""
        return np.array([table.get(case.source, 0.0) for case in self.cases])


def gather(arguments: argparse.Namespace, encoder: MiniLM) -> list[Case]:
    """The cases of all sources."""
    papers = {row["title"]: row["abstract"] for row in judge_data.json_lines(arguments.papers)}
    rows = [row for path in arguments.pairs for row in judge_data.json_lines(path)]
    pairs = list(judge_data.pairs(rows, papers))
    hard = list(judge_data.adversarial(judge_data.json_lines(arguments.adversarial), papers))
    right = [case for case in pairs if case.supported and case.answer.endswith("+")]
    faulty = list(judge_data.made(right, papers))
    swapped = [case for case in faulty if case.kind == "evidence"]
    others = [case for case in faulty if case.kind != "evidence"]
    own = [
        case
        for name in ("paraphrased", "borrowed")
        for case in judge_data.single(
            judge_data.json_lines(DATA / f"judge_{name}.jsonl"), papers, name
        )
    ]
    free = [case for case in (*hard, *own) if case.supported and case.kind != "rearranged"]
    return [
        *pairs,
        *hard,
        *own,
        *swapped,
        *judge_data.thinned(others, FAULTY),
        *judge_data.written(judge_data.json_lines(DATA / "judge_pairs.jsonl"), papers),
        *judge_data.misplaced(free, papers, judge_data.neighbours(papers, encoder)),
        *judge_data.thinned(judge_data.controls(papers), CONTROLS),
        *public(arguments.public),
    ]


def public(folder: Path | None) -> list[Case]:
    """SciFact whole; of RAGTruth two answers, by chance, to each of some questions."""
    if not folder:
        return []
    facts = judge_data.json_lines(folder / "scifact_train.jsonl.gz")
    by_question: dict[str, list[dict[str, Any]]] = {}
    for row in judge_data.json_lines(folder / "ragtruth_qa_train.jsonl.gz"):
        by_question.setdefault(row["source_id"], []).append(row)
    kept = random.Random(1).sample(sorted(by_question), min(QUESTIONS, len(by_question)))
    chance = random.Random(5)
    told = [row for question in sorted(kept) for row in chance.sample(by_question[question], 2)]
    return [*judge_data.scifact(facts), *judge_data.ragtruth(told)]


def tabulate(cases: list[Case], reader: CachedReader) -> Table:
    """Every case read, aligned, and in numbers."""
    read: dict[tuple[str, str], list[Passage]] = {}
    words, faults, claims = [], [], []
    for case in cases:
        key = (case.title, case.abstract)
        if key not in read:
            read[key] = judge_data.read(reader.encoder, *key)
        aligned = align(reader, case.claim, read[key], {case.title: case.title})
        by_word, whole = measure(aligned)
        words.append(by_word)
        claims.append(whole)
        faults.append(_faults(case, aligned))
    return table_of(cases, words, faults, np.array(claims))


def _faults(case: Case, aligned: Aligned) -> Rows | None:
    if case.faults is None:
        return None
    return np.array(
        [any(w.start < b and w.end > a for a, b in case.faults) for w in aligned.words], float
    )


def table_of(
    cases: list[Case], words: list[Rows], faults: list[Rows | None], claims: Rows
) -> Table:
    """The cases in their folds, whole papers to each."""
    groups = sorted({case.group for case in cases})
    order = np.random.default_rng(_SEED).permutation(len(groups))
    place = dict(zip(groups, order.tolist(), strict=True))
    at = np.array([place[case.group] for case in cases])
    return Table(cases, words, faults, claims, at % FOLDS)


def fit_words(table: Table, rows: NDArray[np.intp]) -> Boosted:
    """Which words are at fault, from the cases whose faults are known."""
    weights = table.weights(_WORDS)
    kept = [
        at for at in rows if table.faults[at] is not None and weights[at] and len(table.words[at])
    ]
    labels = np.concatenate([table.faults[at] for at in kept])
    counts = np.concatenate([np.full(len(table.words[at]), weights[at]) for at in kept])
    model = Boosted(max_iter=70, learning_rate=0.12, max_leaf_nodes=12, min_samples_leaf=40,
                    l2_regularization=5, early_stopping=False, random_state=_SEED)  # fmt: skip
    return model.fit(np.concatenate([table.words[at] for at in kept]), labels, sample_weight=counts)


def doubts(table: Table, model: Boosted, rows: NDArray[np.intp]) -> Rows:
    """The words' doubts of these cases, summed up."""
    sizes = [len(table.words[at]) for at in rows]
    odds = model.decision_function(np.concatenate([table.words[at] for at in rows]))
    return np.array([summary(part) for part in np.split(odds, np.cumsum(sizes)[:-1])])


def crossed_doubts(table: Table) -> Rows:
    """The same for every case, each from a model that never saw the paper."""
    found = np.zeros((len(table.cases), len(DOUBTS)))
    for part in range(FOLDS):
        model = fit_words(table, np.flatnonzero(table.fold != part))
        held = np.flatnonzero(table.fold == part)
        found[held] = doubts(table, model, held)
    return found


@dataclass
class Fitted:
    """The two models of whole claims, not yet calibrated."""

    trees: Boosted
    weights: Rows
    bias: float

    def odds(self, rows: Rows) -> Rows:
        """What trees and regression say, shape (n, 2)."""
        return np.column_stack(
            [self.trees.decision_function(rows), rows @ self.weights + self.bias]
        )


def fit_claims(table: Table, rows: NDArray[np.intp], crossed: Rows) -> Fitted:
    """Which claims are supported, from all their features."""
    counted = table.weights(_CLAIMS)[rows] > 0
    rows, crossed = rows[counted], crossed[counted]
    features, labels = np.hstack([table.claims[rows], crossed]), table.supported[rows]
    counts = table.weights(_CLAIMS)[rows]
    counts *= [_counts(table.cases[at]) for at in rows]
    trees = Boosted(max_iter=200, learning_rate=0.08, max_leaf_nodes=10, min_samples_leaf=15,
                    l2_regularization=20, max_features=0.2, early_stopping=False,
                    random_state=_SEED).fit(features, labels, sample_weight=counts)  # fmt: skip
    line = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=150))
    line.fit(features, labels, logisticregression__sample_weight=counts)
    scaler, regression = line[0], line[1]
    weights = regression.coef_[0] / scaler.scale_
    return Fitted(trees, weights, float(regression.intercept_[0] - weights @ scaler.mean_))


def _counts(case: Case) -> float:
    """True sentences, word for word, and claims of another paper must come out right."""
    if case.source == "controls" and case.supported:
        return 1.5
    return 10.0 if case.kind == "evidence" else 1.0


def cross_validated(table: Table, crossed: Rows) -> Rows:
    """The odds of each case by models that never saw its paper, shape (n, 2)."""
    odds = np.zeros((len(table.cases), 2))
    for part in range(FOLDS):
        held = table.fold == part
        fitted = fit_claims(table, np.flatnonzero(~held), crossed[~held])
        odds[held] = fitted.odds(np.hstack([table.claims[held], crossed[held]]))
    return odds


def calibrate(table: Table, odds: Rows) -> tuple[LogisticRegression, Rows, float]:
    """Odds to probabilities on the answers of the pairs, and the best threshold.

    An answer is as good as its worst claim, and which one that is depends on the slopes.
    """
    claims: dict[str, list[int]] = {}
    for at, case in enumerate(table.cases):
        if case.source == "pairs":
            claims.setdefault(case.answer, []).append(at)
    labels, slopes = [answer.endswith("+") for answer in claims], np.ones(2)
    for _ in range(_ROUNDS):
        worst = [mine[int((odds[mine] @ slopes).argmin())] for mine in claims.values()]
        model = LogisticRegression(C=100).fit(odds[worst], labels)
        slopes = model.coef_[0]
    scores = model.predict_proba(odds)[:, 1]
    found = report_answers(table, scores)
    bounds = np.arange(0.1, 0.8, 0.01)
    # The middle of the best stretch: a single best point is chance.
    gains = np.array([((found[:, 0] >= bound) == found[:, 1]).mean() for bound in bounds])
    smooth = np.convolve(gains, np.ones(7) / 7, "same")
    return model, scores, round(float(bounds[smooth.argmax()]), 3)


def report_answers(table: Table, scores: Rows) -> Rows:
    """The worst score of each answer of the pairs, and whether it is the faithful one."""
    found = answers(table.cases, scores, "pairs")
    return np.array([(worst, one.endswith("+")) for one, (worst, _, _) in found.items()])


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--papers", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, nargs="+", required=True)
    parser.add_argument("--adversarial", type=Path, required=True)
    parser.add_argument("--public", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    encoder = MiniLM()
    table = tabulate(gather(arguments, encoder), CachedReader(encoder))
    data = fitted(table)
    arguments.out.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
    print(json.dumps(data["figures"], indent=1))


def fitted(table: Table) -> dict[str, Any]:
    """All that the judge ships, with its cross-validated figures."""
    crossed, every = crossed_doubts(table), np.arange(len(table.cases))
    model, scores, threshold = calibrate(table, cross_validated(table, crossed))
    last = fit_claims(table, every, crossed)
    return {
        "word_features": WORD_FEATURES, "features": FEATURES, "slopes": model.coef_[0].tolist(),
        "shift": float(model.intercept_[0] + model.coef_[0, 1] * last.bias),
        "threshold": threshold, "linear": last.weights.tolist(),
        "figures": report(table.cases, scores, threshold),
        "words": exported(fit_words(table, every), WORD_FEATURES),
        "claims": exported(last.trees, FEATURES),
    }  # fmt: skip


if __name__ == "__main__":
    main()
