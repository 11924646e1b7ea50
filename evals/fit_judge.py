"""Fit the judge and write `assistant/models/judge.json`.

    python -m evals.fit_judge --papers papers.jsonl --pairs dev.jsonl more.jsonl
        --adversarial adversarial.jsonl --public ../shared/judge --out assistant/models/judge.json

`--papers` are rows of title and abstract. Figures are cross-validated by paper (public sets: by
abstract or question): the judge that scores a claim never saw another one of the same paper.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier as Boosted
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant.encoder import MiniLM
from assistant.late import Passage
from assistant.schema import Reading
from assistant.verify import sentencewise, wordwise
from assistant.verify.alignment import align
from assistant.verify.binding import bind
from assistant.verify.scoring import DOUBTS, FEATURES, WORD_FEATURES, summary
from evals import judge_data
from evals.judge_data import Case
from evals.judge_report import answers, report
from evals.judge_trees import exported

Rows = NDArray[np.float64]
FOLDS, INNER = 5, 3
# What a claim of each source counts; the pairs are what the product meets.
_CLAIMS = {
    "pairs": 6.0, "adversarial": 4.0, "controls": 0.25, "scifact": 0.7, "ragtruth": 0.4,
    "made pairs": 0.5, "made ragtruth": 0.1, "made scifact": 0.2, "made adversarial": 0.3,
}  # fmt: skip
_WORDS = {
    "pairs": 6.0, "controls": 0.2, "ragtruth": 0.5, "made pairs": 1.0, "made ragtruth": 0.15,
    "made scifact": 0.3, "made adversarial": 0.3,
}  # fmt: skip
_SEED = 0


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
    inner: NDArray[np.intp]

    @property
    def supported(self) -> NDArray[np.bool_]:
        """The labels."""
        return np.array([case.supported for case in self.cases])

    def weights(self, table: dict[str, float]) -> Rows:
        """What each case counts."""
        return np.array([table.get(case.source, 0.0) for case in self.cases])


def gather(arguments: argparse.Namespace) -> list[Case]:
    """The cases of all sources."""
    chance = random.Random(1)
    papers = {row["title"]: row["abstract"] for row in judge_data.json_lines(arguments.papers)}
    rows = [row for path in arguments.pairs for row in judge_data.json_lines(path)]
    cases = list(judge_data.pairs(rows, papers))
    cases += judge_data.adversarial(judge_data.json_lines(arguments.adversarial), papers)
    if arguments.public:
        facts = judge_data.json_lines(arguments.public / "scifact_train.jsonl.gz")
        answers = judge_data.json_lines(arguments.public / "ragtruth_qa_train.jsonl.gz")
        questions = sorted({row["source_id"] for row in answers})
        kept = set(chance.sample(questions, min(330, len(questions))))
        by_question = {row["source_id"]: row for row in answers if not row["spans"]}
        by_question |= {row["source_id"]: row for row in answers if row["spans"]}
        cases += judge_data.scifact(facts)
        cases += judge_data.ragtruth(by_question[one] for one in sorted(kept & by_question.keys()))
    right = [
        case
        for case in cases
        if case.supported
        and not case.answer.endswith("-")
        and (case.source in ("pairs", "adversarial") or chance.random() < 0.22)
    ]
    return [*cases, *judge_data.controls(papers), *judge_data.made(right, papers)]


def tabulate(cases: list[Case]) -> Table:
    """Every case read, aligned, and in numbers."""
    reader = CachedReader(MiniLM())
    read: dict[tuple[str, str], list[Passage]] = {}
    words, faults, claims = [], [], []
    for case in cases:
        key = (case.title, case.abstract)
        if key not in read:
            read[key] = judge_data.read(reader.encoder, *key)
        aligned = align(reader, case.claim, read[key], {case.title: case.title})
        bound = bind(aligned)
        words.append(np.hstack([wordwise.rows(aligned), bound.words]))
        claims.append(np.concatenate([sentencewise.row(aligned), bound.claim]))
        faults.append(
            None
            if case.faults is None
            else np.array(
                [any(w.start < b and w.end > a for a, b in case.faults) for w in aligned.words],
                float,
            )
        )
    groups = sorted({case.group for case in cases})
    order = np.random.default_rng(_SEED).permutation(len(groups))
    place = dict(zip(groups, order.tolist(), strict=True))
    at = np.array([place[case.group] for case in cases])
    return Table(cases, words, faults, np.array(claims), at % FOLDS, (at // FOLDS) % INNER)


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


def crossed_doubts(table: Table, rows: NDArray[np.intp]) -> Rows:
    """The same, each from a model that never saw the paper."""
    found = np.zeros((len(rows), len(DOUBTS)))
    inner = table.inner[rows]
    for part in range(INNER):
        model = fit_words(table, rows[inner != part])
        found[inner == part] = doubts(table, model, rows[inner == part])
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
    features, labels = np.hstack([table.claims[rows], crossed]), table.supported[rows]
    counts = table.weights(_CLAIMS)[rows]
    counts *= [_counts(table.cases[at]) for at in rows]
    trees = Boosted(max_iter=100, learning_rate=0.08, max_leaf_nodes=6, min_samples_leaf=30,
                    l2_regularization=10, max_features=0.4, early_stopping=False,
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
    return 3.0 if case.kind == "evidence" else 1.0


def cross_validated(table: Table) -> Rows:
    """The odds of each case by models that never saw its paper, shape (n, 2)."""
    odds = np.zeros((len(table.cases), 2))
    for part in range(FOLDS):
        rows, held = np.flatnonzero(table.fold != part), np.flatnonzero(table.fold == part)
        fitted = fit_claims(table, rows, crossed_doubts(table, rows))
        seen = doubts(table, fit_words(table, rows), held)
        odds[held] = fitted.odds(np.hstack([table.claims[held], seen]))
    return odds


def calibrate(table: Table, odds: Rows) -> tuple[LogisticRegression, Rows, float]:
    """Odds to probabilities on the pairs, as many right as wrong, and the best threshold."""
    pairs = np.array([case.source == "pairs" for case in table.cases])
    labels = table.supported[pairs]
    counts = np.where(labels, (~labels).sum() / labels.sum(), 1.0)
    model = LogisticRegression(C=100).fit(odds[pairs], labels, sample_weight=counts)
    scores = model.predict_proba(odds)[:, 1]
    found = report_answers(table, scores)
    bounds = np.arange(0.2, 0.8, 0.01)
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
    table = tabulate(gather(arguments))
    model, scores, threshold = calibrate(table, cross_validated(table))
    figures = report(table.cases, scores, threshold)
    every = np.arange(len(table.cases))
    fitted = fit_claims(table, every, crossed_doubts(table, every))
    shift = float(model.intercept_[0] + model.coef_[0, 1] * fitted.bias)
    data = {
        "word_features": WORD_FEATURES, "features": FEATURES, "slopes": model.coef_[0].tolist(),
        "shift": shift, "threshold": threshold, "linear": fitted.weights.tolist(),
        "figures": figures, "words": exported(fit_words(table, every), WORD_FEATURES),
        "claims": exported(fitted.trees, FEATURES),
    }  # fmt: skip
    arguments.out.write_text(json.dumps(data, separators=(",", ":")), encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
