"""Paired values in clusters -> the difference, its interval, its p-value, and what n could show.

What questions about one paper give hangs together, so a paper is flipped, or counted, as a whole.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test
from statsmodels.regression.linear_model import OLS  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.power import TTestPower  # type: ignore[import-untyped]

from evals.metrics import CONFIDENCE

Floats = NDArray[np.float64]
ALPHA = 1 - CONFIDENCE
POWER = 0.8
_FLIPS = 4999
# Five papers can be flipped in 32 ways, of which two are as far out as any: never under .05.
_FEWEST = 6


class Difference(NamedTuple):
    """How far the second of two runs is from the first, on what both measured."""

    before: float
    after: float
    low: float
    """The interval is that of the difference."""
    high: float
    p: float
    n: int
    clusters: int
    smallest: float
    """The smallest difference that so many papers show four times in five."""

    @property
    def value(self) -> float:
        """What the second has more."""
        return self.after - self.before


def paired(
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    is_share: bool = True,
    seed: int = 0,
) -> Difference:
    """The difference of two runs, value by value; values of one cluster hang together.

    The p-value flips the signs of whole clusters; for shares, where each cluster is one question,
    that is the exact test of McNemar.
    """
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    groups = np.unique(np.array([repr(one) for one in clusters]), return_inverse=True)[1]
    count, delta = int(groups.max()) + 1, second - first
    error = _standard_error(delta, groups, is_share)
    low, high = _interval(delta, groups, is_share)
    return Difference(
        float(first.mean()),
        float(second.mean()),
        low,
        high,
        p_value(first, second, groups, seed),
        len(delta),
        count,
        smallest(count, error * math.sqrt(count)),
    )


def p_value(
    before: Floats, after: Floats, groups: NDArray[np.intp], seed: int = 0, flips: int = _FLIPS
) -> float:
    """How often chance alone goes as far: which run is which is drawn for each cluster."""
    sums = [np.bincount(groups, values) for values in (before, after)]
    moved = sums[0] != sums[1]
    # A cluster that says the same of both is the same however it falls; one alone proves nothing.
    if moved.sum() < 2:
        return 1.0
    found = permutation_test(
        [sums[1][moved], sums[0][moved]],
        lambda one, other, axis: np.sum(one - other, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=flips,
        rng=np.random.default_rng(seed),
    )
    return float(min(1.0, found.pvalue))


def _fitted(delta: Floats, groups: NDArray[np.intp], is_share: bool) -> object:
    """The mean of the differences, with an error that holds where clusters hang together."""
    if is_share:
        # One pair more each way: without it, runs that agree everywhere would have no interval.
        delta = np.append(delta, (1.0, -1.0))
        groups = np.append(groups, (groups.max() + 1, groups.max() + 2))
    model = OLS(delta, np.ones(len(delta)))
    return model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)


def _standard_error(delta: Floats, groups: NDArray[np.intp], is_share: bool) -> float:
    if len(np.unique(groups)) + 2 * is_share < 2:
        return math.inf
    return float(_fitted(delta, groups, is_share).bse[0])  # type: ignore[attr-defined]


def _interval(delta: Floats, groups: NDArray[np.intp], is_share: bool) -> tuple[float, float]:
    if len(np.unique(groups)) < 2:
        return (-1.0, 1.0) if is_share else (-math.inf, math.inf)
    low, high = _fitted(delta, groups, is_share).conf_int(ALPHA)[0]  # type: ignore[attr-defined]
    return float(low), float(high)


def power(n: int, clusters: int, difference: float, spread: float, together: float = 0.0) -> float:
    """The chance that `difference` is shown, by `n` questions over so many papers.

    `spread` is the standard deviation of the questions' differences, and `together` the share of
    it that questions about one paper have in common.
    """
    each = cluster_spread(n, clusters, spread, together)
    return float(TTestPower().power(abs(difference) / each, clusters, ALPHA))


def cluster_spread(n: int, clusters: int, spread: float, together: float = 0.0) -> float:
    """The standard deviation of the clusters' means."""
    size = n / clusters
    return spread * math.sqrt((1 + (size - 1) * together) / size)


def smallest(clusters: int, spread: float) -> float:
    """The smallest difference that is shown four times in five; infinite for one cluster."""
    if clusters < 2 or not math.isfinite(spread):
        return math.inf
    if spread == 0:
        return 0.0
    effect = TTestPower().solve_power(None, clusters, ALPHA, POWER)
    return float(np.ravel(effect)[0]) * spread


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values, raised for there being many of them."""
    if not p_values:
        return {}
    raised = multipletests(list(p_values.values()), ALPHA, "holm")[1]
    return dict(zip(p_values, map(float, raised), strict=True))


def verdict(found: Difference, p: float, matters: float, *, more_is_better: bool = True) -> str:
    """What can be said, in words; `matters` is the difference that one would want to see."""
    if p <= ALPHA:
        return "better" if (found.value > 0) == more_is_better else "worse"
    is_tight = max(abs(found.low), abs(found.high)) <= matters
    if found.clusters < _FEWEST or (found.smallest > matters and not is_tight):
        return "too few to say"
    return "no difference shown"
