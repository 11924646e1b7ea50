"""Boosted trees out of JSON: rows of numbers -> log-odds, with numpy alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


class Trees:
    """A sum of small trees, all walked at once; `data` is what they are made of."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        trees: Sequence[Mapping[str, Sequence[float]]] = data["trees"]
        sizes = [len(tree["value"]) for tree in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        self._roots = roots
        self._base = float(data["base"])
        self._feature = np.concatenate([tree["feature"] for tree in trees]).astype(np.intp)
        self._bound = np.concatenate([tree["bound"] for tree in trees])
        self._value = np.concatenate([tree["value"] for tree in trees])
        self._left, self._right = (
            np.concatenate(
                [
                    np.asarray(tree[side], np.intp) + root
                    for tree, root in zip(trees, roots, strict=True)
                ]
            )
            for side in ("left", "right")
        )
        self._depth = int(data["depth"])

    def __call__(self, rows: Rows) -> Rows:
        """The log-odds of each row, shape (n,); a leaf points at itself."""
        at = np.broadcast_to(self._roots, (len(rows), len(self._roots)))
        lines = np.arange(len(rows))[:, None]
        for _ in range(self._depth):
            goes_left = rows[lines, self._feature[at]] <= self._bound[at]
            at = np.where(goes_left, self._left[at], self._right[at])
        return np.asarray(self._base + self._value[at].sum(axis=1))
