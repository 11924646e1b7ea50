"""Samples -> folds in which no paper stands twice, so that what is measured was never seen."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from evals.dataset import Sample

FOLDS = 5


def grouped(titles: Sequence[Iterable[str]]) -> list[int]:
    """A number for each entry; entries that share a title, directly or over others, share it.

    >>> grouped([["a"], ["b"], ["a", "c"], [], ["c"]])
    [0, 1, 0, 3, 0]
    """
    groups = list(range(len(titles)))
    first_with: dict[str, int] = {}
    for place, entry in enumerate(titles):
        for title in entry:
            _join(groups, place, first_with.setdefault(title, place))
    return [_root(groups, place) for place in range(len(titles))]


def _join(groups: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(groups, one), _root(groups, other)))
    groups[high] = low


def _root(groups: list[int], place: int) -> int:
    while groups[place] != place:
        place = groups[place]
    return place


def fold_of(groups: Sequence[int], folds: int = FOLDS, seed: int = 0) -> list[int]:
    """The fold of each entry: whole groups, the largest first, each to the emptiest fold."""
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold = [0] * folds, {}
    for place in order:
        emptiest = filled.index(min(filled))
        fold[int(names[place])] = emptiest
        filled[emptiest] += int(sizes[place])
    return [fold[group] for group in groups]


def papers_of(sample: Sample) -> tuple[str, ...]:
    """The papers that a sample is about, whether they answer it or not."""
    return sample.relevant + sample.near


def splits(folds: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """For each fold the places of all others, and its own."""
    for fold in sorted(set(folds)):
        inside = [place for place, one in enumerate(folds) if one == fold]
        outside = [place for place, one in enumerate(folds) if one != fold]
        yield outside, inside
