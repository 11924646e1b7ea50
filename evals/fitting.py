"""Cases -> the two fitted models: which sentences an answer needs, and when to decline."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant import quoting, refusal
from assistant.logistic import Logistic
from evals.cases import Case, Origin
from evals.dataset import holds_any
from evals.folds import fold_of, grouped, splits
from evals.parts import Fitted

Floats = NDArray[np.float64]

ALLOWED = 0.06
"""The share of answerable questions that a probability of a half may decline."""
_REGULARISATION = 0.1
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


def fit(cases: Sequence[Case]) -> Fitted:
    """Both models, fitted on `cases`."""
    model = fit_quoting(cases)
    return Fitted(model, fit_refusal(cases, model))


def fit_quoting(cases: Sequence[Case]) -> Logistic:
    """The probability that a sentence of the right paper holds a required fact."""
    singles = [case for case in cases if case.origin == "single"]
    rows = np.concatenate([quoting_rows(case) for case in singles])
    return _logistic(quoting.FEATURES, rows, np.concatenate([needed(case) for case in singles]))


def quoting_rows(case: Case) -> Floats:
    """The features of each sentence of the right paper."""
    return quoting.features(case.ranking.question, case.ranking.query, case.gold)


def needed(case: Case) -> NDArray[np.bool_]:
    """Which sentences of the right paper hold a required fact."""
    must = case.sample.must if case.sample else ()
    return np.array([any(holds_any(p.text, one) for one in must) for p in case.gold], np.bool_)


def fit_refusal(cases: Sequence[Case], model: Logistic) -> Logistic:
    """The probability that the corpus answers, a half where ALLOWED of the answerable decline."""
    rows = refusal_rows(cases, model)
    answerable = np.array([case.is_answerable for case in cases])
    weights = np.array([_WEIGHTS[case.origin] for case in cases])
    unseen = np.zeros(len(cases))
    for train, test in splits(fold_of(grouped([case.papers for case in cases]))):
        part = _logistic(refusal.FEATURES, rows[train], answerable[train], weights[train])
        unseen[test] = _logits(part, rows[test])
    singles = np.array([case.origin == "single" for case in cases])
    whole = _logistic(refusal.FEATURES, rows, answerable, weights)
    bias = whole.bias - float(np.quantile(unseen[singles], ALLOWED))
    return Logistic(whole.features, whole.weights, round(bias, _DIGITS))


def refusal_rows(cases: Sequence[Case], model: Logistic) -> Floats:
    """The features of each case, its sentences weighed by `model`."""
    return np.stack([_refusal_row(case, model) for case in cases])


def _refusal_row(case: Case, model: Logistic) -> Floats:
    ranking = case.ranking
    best = ranking.passages[ranking.papers[0].paper.paper_id]
    found = quoting.quotes(model, ranking.question, ranking.query, best)
    return refusal.features(ranking, found)


def _logits(model: Logistic, rows: Floats) -> Floats:
    return np.asarray(rows @ model.weights + model.bias)


def _logistic(
    names: Sequence[str],
    rows: Floats,
    labels: NDArray[np.bool_],
    weights: Floats | None = None,
) -> Logistic:
    """A logistic regression, fitted on standardised features and written for plain ones."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=_REGULARISATION))
    fitted.fit(rows, labels, logisticregression__sample_weight=weights)
    scaler, regression = fitted
    plain = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - plain @ scaler.mean_)
    return Logistic(tuple(names), np.round(plain, _DIGITS), round(bias, _DIGITS))
