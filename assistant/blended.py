"""Named features -> a probability, by a regression and boosted trees that have one say each.

The regression holds where the trees have seen little; the trees see what goes together.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigError
from assistant.logistic import Logistic
from assistant.trees import Trees


@dataclass(frozen=True, slots=True)
class Blended:
    """p = 1 / (1 + exp(-(the mean of both log-odds + shift)))."""

    logistic: Logistic
    trees: Trees
    shift: float

    @classmethod
    def load(cls, path: Path, features: Sequence[str]) -> "Blended":
        """The model at `path`, which must be one of these features, in this order."""
        logistic = Logistic.load(path, features)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(logistic, Trees(data["trees"]), float(data["shift"]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ConfigError(f"{path} is damaged: reinstall assistant") from error

    def odds(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log-odds of each row, shape (n,)."""
        return np.asarray((self.logistic.odds(rows) + self.trees(rows)) / 2 + self.shift)

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of each row, shape (n,)."""
        return np.asarray(1 / (1 + np.exp(-self.odds(rows))))
