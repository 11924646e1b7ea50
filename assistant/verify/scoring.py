"""An aligned claim -> the probability that its evidence supports it; the numbers ship as JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ConfigError
from assistant.trees import Trees
from assistant.verify.alignment import Aligned
from assistant.verify.measures import CLAIM_FEATURES, WORD_FEATURES, measure

SHIPPED = Path(__file__).parent.parent / "models" / "judge.json"
DOUBTS = (
    "doubt_most", "doubt_second", "doubt_three", "doubt_six", "doubt_sum", "doubt_mean",
    "doubt_run", "doubt_share",
)  # fmt: skip
FEATURES = (*CLAIM_FEATURES, *DOUBTS)


class Scored(NamedTuple):
    """What the model makes of one claim."""

    doubts: NDArray[np.float64]
    """For each word the log-odds that it is at fault."""
    probability: float


@dataclass(frozen=True, slots=True)
class Model:
    """Two sets of trees: a doubt for each word, then a score of the sentence from all of it."""

    words: Trees
    claims: Trees
    linear: NDArray[np.float64]
    """A weight for each feature: a plain regression holds where the trees have seen little."""
    slopes: tuple[float, float]
    """What trees and regression count, so that the score is a probability."""
    shift: float
    threshold: float

    @classmethod
    def load(cls, path: Path = SHIPPED) -> "Model":
        """The model at `path`, which must be one of our features."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            names = (tuple(data["word_features"]), tuple(data["features"]))
            if names != (WORD_FEATURES, FEATURES):
                raise ValueError("other features")
            tree_slope, linear_slope = (float(slope) for slope in data["slopes"])
            return cls(
                Trees(data["words"]),
                Trees(data["claims"]),
                np.array(data["linear"], np.float64),
                (tree_slope, linear_slope),
                float(data["shift"]),
                float(data["threshold"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is damaged: reinstall assistant") from error

    def read(self, aligned: Aligned) -> Scored:
        """The doubt about each word, and how likely the evidence supports the claim."""
        rows, whole = measure(aligned)
        doubts = self.words(rows) if len(rows) else np.zeros(0)
        row = np.concatenate([whole, summary(doubts)])
        by_trees, by_line = float(self.claims(row[None, :])[0]), float(self.linear @ row)
        odds = self.slopes[0] * by_trees + self.slopes[1] * by_line + self.shift
        return Scored(doubts, float(1 / (1 + np.exp(-odds))))


def summary(doubts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The words' doubts as numbers of the sentence, as `DOUBTS` names them."""
    if not len(doubts):
        return np.zeros(len(DOUBTS))
    falling = np.sort(doubts)[::-1]
    nats = np.log1p(np.exp(np.clip(doubts, -30, 30)))
    runs = np.convolve(doubts, np.ones(3) / 3, "same")
    return np.array(
        [
            falling[0],
            falling[min(1, len(falling) - 1)],
            falling[:3].mean(),
            falling[:6].mean(),
            nats.sum(),
            nats.mean(),
            runs.max(),
            (doubts > -0.85).mean(),
        ]
    )
