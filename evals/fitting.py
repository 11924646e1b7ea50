"""Cases -> the two fitted models: which sentences an answer needs, and when to decline."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant import answerability, quoting, relevance
from assistant.blended import Blended
from assistant.logistic import Logistic
from assistant.relevance import AXES, Relevance
from assistant.trees import Trees
from evals.cases import Case, Origin
from evals.dataset import holds_any
from evals.folds import fold_of, grouped, splits
from evals.parts import Fitted
from evals.trees import exported

Floats = NDArray[np.float64]

ALLOWED = 0.04
"""The share of answerable questions that a probability of a half may decline."""
# Inverse strengths of the ridge.
_OF_REFUSAL = 0.1
_OF_QUOTING = 0.01
_DIGITS = 4
# A question without its paper is easier to decline than one somebody made up, and there are many
# plain ones alike: both count less.
_WEIGHTS: Mapping[Origin, float] = {
    "single": 1.0,
    "compare": 1.0,
    "followup": 1.0,
    "unanswerable": 2.0,
    "removed": 0.05,
    "plain": 0.2,
}
# "further" asks of each paper what another question had left aside, so it tells less of what people
# ask first, and its unanswerable ones are many.
_FURTHER = "further"
_FURTHER_IN_QUOTING, _FURTHER_UNANSWERABLE = 0.25, 0.5


def fit(cases: Sequence[Case]) -> Fitted:
    """Both models, fitted on `cases`."""
    model = fit_quoting(cases)
    return Fitted(model, fit_refusal(cases, model))


def fit_quoting(cases: Sequence[Case]) -> Relevance:
    """The probability that a sentence of the right paper holds a required fact."""
    axes = axes_of(cases)
    singles = [case for case in cases if case.origin == "single"]
    rows = np.concatenate([quoting_rows(case, axes) for case in singles])
    labels = np.concatenate([needed(case) for case in singles])
    shares = [_FURTHER_IN_QUOTING if _is_further(case) else 1.0 for case in singles]
    weights = np.repeat(shares, [len(case.gold) for case in singles])
    fitted = _logistic(relevance.FEATURES, rows, labels, weights, strength=_OF_QUOTING)
    return Relevance(fitted, axes)


def axes_of(cases: Sequence[Case]) -> Floats:
    """Where the sentences of the papers found differ most, shape (AXES, 64); no labels are seen."""
    found = {id_: read for case in cases for id_, read in case.ranking.passages.items()}
    spread = np.concatenate([relevance.spread(found[id_]) for id_ in sorted(found) if found[id_]])
    axes = PCA(AXES, svd_solver="full").fit(spread).components_
    return np.asarray(np.round(axes, _DIGITS), np.float64)


def quoting_rows(case: Case, axes: Floats) -> Floats:
    """The features of each sentence of the right paper."""
    return relevance.features(case.ranking.question, case.ranking.query, case.gold, axes)


def needed(case: Case) -> NDArray[np.bool_]:
    """Which sentences of the right paper hold a required fact."""
    must = case.sample.must if case.sample else ()
    return np.array([any(holds_any(p.text, one) for one in must) for p in case.gold], np.bool_)


def fit_refusal(cases: Sequence[Case], model: Relevance) -> Blended:
    """The probability that the corpus answers, a half where ALLOWED of the answerable decline."""
    rows = refusal_rows(cases, model)
    answerable = np.array([case.is_answerable for case in cases])
    weights = np.array([_weight(case) for case in cases])
    unseen = np.zeros(len(cases))
    for train, test in splits(fold_of(grouped([case.papers for case in cases]))):
        unseen[test] = _blended(rows[train], answerable[train], weights[train]).odds(rows[test])
    singles = np.array([case.origin == "single" for case in cases])
    shift = -float(np.quantile(unseen[singles], ALLOWED))
    return replace(_blended(rows, answerable, weights), shift=round(shift, _DIGITS))


def _weight(case: Case) -> float:
    further = _is_further(case) and not case.is_answerable
    return _WEIGHTS[case.origin] * (_FURTHER_UNANSWERABLE if further else 1.0)


def _is_further(case: Case) -> bool:
    return case.sample is not None and case.sample.set == _FURTHER


def _blended(rows: Floats, labels: NDArray[np.bool_], weights: Floats) -> Blended:
    trees = HistGradientBoostingClassifier(
        max_iter=200,
        max_depth=2,
        learning_rate=0.06,
        max_features=0.3,
        min_samples_leaf=10,
        l2_regularization=1.0,
        random_state=0,
    )
    trees.fit(rows, labels, sample_weight=weights)
    logistic = _logistic(answerability.FEATURES, rows, labels, weights)
    return Blended(logistic, Trees(exported(trees, answerability.FEATURES)), 0.0)


def refusal_rows(cases: Sequence[Case], model: Relevance) -> Floats:
    """The features of each case, its sentences weighed by `model`."""
    return np.stack([_refusal_row(case, model) for case in cases])


def _refusal_row(case: Case, model: Relevance) -> Floats:
    ranking = case.ranking
    best = ranking.passages[ranking.papers[0].paper.paper_id]
    found = quoting.quotes(model, ranking.question, ranking.query, best)
    return answerability.features(ranking, found)


def _logistic(
    names: Sequence[str],
    rows: Floats,
    labels: NDArray[np.bool_],
    weights: Floats | None = None,
    strength: float = _OF_REFUSAL,
) -> Logistic:
    """A logistic regression, fitted on standardised features and written for plain ones."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    fitted.fit(rows, labels, logisticregression__sample_weight=weights)
    scaler, regression = fitted
    plain = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - plain @ scaler.mean_)
    return Logistic(tuple(names), np.round(plain, _DIGITS), round(bias, _DIGITS))
