"""Answers and rankings -> numbers, and numbers -> means with intervals: pure functions."""

import math
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from evals.dataset import holds_any

CONFIDENCE = 0.95
_MARK = re.compile(r"\s*\[\d+\]")
_RESAMPLES = 2000


class Estimate(NamedTuple):
    """A mean with its 95 % interval; `n` questions went into it."""

    value: float
    low: float
    high: float
    n: int


class Refusals(NamedTuple):
    """Questions by whether the corpus answers them and whether they were answered."""

    answered: int
    declined: int
    unanswerable_answered: int
    unanswerable_declined: int


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The share of the relevant papers among the first `k`."""
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """One by the rank of the first relevant paper; 0 where none was found."""
    return next((1 / rank for rank, one in enumerate(ranked, 1) if one in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Normalised discounted gain of the first `k`, each relevant paper worth the same."""
    gains = (_discount(n) for n, one in enumerate(ranked[:k]) if one in relevant)
    best = (_discount(n) for n in range(min(k, len(set(relevant)))))
    return sum(gains) / sum(best)


def _discount(place: int) -> float:
    return 1 / math.log2(place + 2)


def facts_held(text: str, must: Sequence[Sequence[str]], *, refused: bool = False) -> bool:
    """Whether every required fact stands in the answer; a refusal holds none."""
    return not refused and all(holds_any(text, spellings) for spellings in must)


def words(text: str) -> int:
    """The words of an answer, without its citations.

    >>> words("It costs 3 GPU days. [1]")
    5
    """
    return len(_MARK.sub("", text).split())


def gold_cited(cited: Collection[str], relevant: Collection[str]) -> float:
    """The share of the relevant papers that are cited."""
    return len(set(cited) & set(relevant)) / len(set(relevant))


def refusals(pairs: Sequence[tuple[bool, bool]]) -> Refusals:
    """The 2 x 2 table of (answerable, refused)."""
    counts = [pairs.count((able, said)) for able in (True, False) for said in (False, True)]
    return Refusals(*counts)


def proportion(hits: Sequence[bool]) -> Estimate:
    """A share with its Wilson interval."""
    n, k = len(hits), sum(hits)
    interval = binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(k / n, float(interval.low), float(interval.high), n)


def mean(clusters: Sequence[Sequence[float]], seed: int = 0) -> Estimate:
    """The mean of all values with a bootstrap interval that draws whole clusters.

    What one question gives hangs together, so it is drawn together.
    """
    sums = np.array([sum(values) for values in clusters], np.float64)
    counts = np.array([len(values) for values in clusters], np.float64)
    draws = np.random.default_rng(seed).integers(len(sums), size=(_RESAMPLES, len(sums)))
    drawn = counts[draws].sum(axis=1)
    means = sums[draws].sum(axis=1)[drawn > 0] / drawn[drawn > 0]
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [outside, 1 - outside])
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high), len(sums))
