"""Intervals and tests, held against the books and against simulated runs whose truth is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import mcnemar

from evals import stats
from evals.stats import Difference, paired, verdict

Floats = NDArray[np.float64]
PAPERS, EACH = 40, 5
RUNS = 1000
FLIPS = 499
TOGETHER = 0.5


def simulated(chance: np.random.Generator, difference: float) -> tuple[Floats, Floats]:
    """Two runs over the same questions; those about one paper change together."""
    common = chance.normal(scale=math.sqrt(TOGETHER), size=PAPERS).repeat(EACH)
    own = chance.normal(scale=math.sqrt(1 - TOGETHER), size=PAPERS * EACH)
    before = chance.normal(size=PAPERS * EACH)
    return before, before + difference + common + own


GROUPS = np.arange(PAPERS).repeat(EACH)


def rejected(difference: float, groups: NDArray[np.intp] = GROUPS, runs: int = RUNS) -> float:
    """How often the test says that there is a difference."""
    chance = np.random.default_rng(5)
    found = [
        stats.p_value(*simulated(chance, difference), groups, seed, FLIPS) <= stats.ALPHA
        for seed in range(runs)
    ]
    return float(np.mean(found))


def test_where_nothing_differs_it_says_so() -> None:
    assert rejected(0.0) <= 0.07


def test_without_its_clusters_it_would_not() -> None:
    assert rejected(0.0, np.arange(PAPERS * EACH), runs=100) > 0.15


def test_a_planted_difference_is_found_as_often_as_it_says() -> None:
    stated = stats.power(PAPERS * EACH, PAPERS, 0.35, 1.0, TOGETHER)
    assert 0.7 < stated < 0.9
    assert rejected(0.35) == pytest.approx(stated, abs=0.06)


def test_where_nothing_differs_between_shares_it_says_so() -> None:
    chance, found = np.random.default_rng(7), []
    for seed in range(RUNS):
        easy = chance.beta(4, 1, PAPERS).repeat(EACH)
        before, after = ((chance.random(PAPERS * EACH) < easy).astype(float) for _ in range(2))
        found.append(stats.p_value(before, after, GROUPS, seed, FLIPS) <= stats.ALPHA)
    assert np.mean(found) <= 0.07


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance, held = np.random.default_rng(3), []
    for _ in range(200):
        before, after = simulated(chance, 0.2)
        low, high = stats._interval(after - before, GROUPS, False)
        held.append(low <= 0.2 <= high)
    assert 0.91 <= np.mean(held) <= 0.99


def test_the_smallest_difference_is_the_one_that_the_power_is_stated_for() -> None:
    each = stats.cluster_spread(200, 40, 1.0, 0.5)
    least = stats.smallest(40, each)
    assert stats.power(200, 40, least, 1.0, 0.5) == pytest.approx(stats.POWER, abs=0.001)
    assert stats.smallest(1, 1.0) == math.inf
    assert stats.smallest(9, 0.0) == 0


def test_more_questions_about_the_same_papers_help_little() -> None:
    few, many = (stats.power(n, 40, 0.3, 1.0, 0.9) for n in (40, 400))
    assert many - few < 0.06
    assert stats.power(400, 400, 0.3, 1.0) > 0.99


def test_for_questions_that_stand_alone_it_is_the_exact_test_of_mcnemar() -> None:
    before = [1.0] * 30 + [0.0] * 10 + [1.0] * 2
    after = [1.0] * 30 + [1.0] * 10 + [0.0] * 2
    found = paired(before, after, range(42))
    assert found.p == pytest.approx(mcnemar([[30, 2], [10, 0]], exact=True).pvalue)
    assert found.value == pytest.approx(8 / 42)
    assert (found.n, found.clusters) == (42, 42)
    assert 0 < found.low < found.value < found.high


def test_equal_runs_differ_by_nothing_and_still_have_an_interval() -> None:
    found = paired([1.0] * 100, [1.0] * 100, range(100))
    assert (found.value, found.p) == (0, 1)
    assert -0.04 < found.low < 0 < found.high < 0.04
    assert paired([3.0] * 9, [3.0] * 9, range(9), is_share=False).p == 1


def test_one_paper_alone_shows_nothing() -> None:
    found = paired([0.0, 0.0], [1.0, 1.0], ["a", "a"])
    assert (found.clusters, found.p, found.smallest) == (1, 1, math.inf)
    assert verdict(found, found.p, 0.05) == "too few to say"


def test_the_same_seed_gives_the_same_p_value() -> None:
    before, after = simulated(np.random.default_rng(1), 0.1)
    one, other = (paired(list(before), list(after), list(GROUPS), seed=4) for _ in range(2))
    assert one == other


def test_holm_raises_each_p_value_for_those_beside_it() -> None:
    found = stats.holm({"a": 0.01, "b": 0.04, "c": 0.5})
    assert found == {
        "a": pytest.approx(0.03),
        "b": pytest.approx(0.08),
        "c": pytest.approx(0.5),
    }
    assert stats.holm({}) == {}


@pytest.mark.parametrize(
    ("low", "high", "p", "smallest", "more_is_better", "said"),
    [
        (0.02, 0.08, 0.01, 0.04, True, "better"),
        (0.02, 0.08, 0.01, 0.04, False, "worse"),
        (-0.08, -0.02, 0.01, 0.04, True, "worse"),
        (-0.02, 0.08, 0.3, 0.04, True, "no difference shown"),
        (-0.03, 0.04, 0.8, 0.06, True, "no difference shown"),
        (-0.2, 0.3, 0.4, 0.35, True, "too few to say"),
    ],
)
def test_the_verdict_is_one_of_four(
    low: float, high: float, p: float, smallest: float, more_is_better: bool, said: str
) -> None:
    middle = (low + high) / 2
    found = Difference(0.5, 0.5 + middle, low, high, p, 200, 100, smallest)
    assert verdict(found, p, 0.05, more_is_better=more_is_better) == said
