"""Named features -> a probability, by a logistic regression whose numbers ship as JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Logistic:
    """p = 1 / (1 + exp(-(x @ weights + bias)))."""

    features: tuple[str, ...]
    weights: NDArray[np.float64]
    bias: float
    threshold: float = 0.5

    @classmethod
    def load(cls, path: Path, features: Sequence[str]) -> "Logistic":
        """The model at `path`, which must be one of these features, in this order."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if tuple(data["features"]) != tuple(features):
                raise ValueError("other features")
            weights = np.array(data["weights"], np.float64)
            if weights.shape != (len(features),):
                raise ValueError("not one weight a feature")
            return cls(tuple(features), weights, float(data["bias"]), float(data["threshold"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is damaged: reinstall assistant") from error

    def odds(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of each row, shape (n,)."""
        return np.asarray(rows @ self.weights + self.bias)

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each row, shape (n,)."""
        return np.asarray(1 / (1 + np.exp(-self.odds(rows))))
