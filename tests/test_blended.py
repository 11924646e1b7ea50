import json
from pathlib import Path

import numpy as np
import pytest

from assistant.blended import Blended
from assistant.errors import ConfigError

LEAF = {"feature": [0], "bound": [0.0], "left": [0], "right": [0], "value": [0.0]}
STUMP = {
    "feature": [0, 0, 0], "bound": [0.5, 0, 0], "left": [1, 1, 2], "right": [2, 1, 2],
    "value": [0, -2.0, 4.0],
}  # fmt: skip
GOOD = {
    "features": ["a"], "weights": [2.0], "bias": 0.0, "threshold": 0.5, "shift": 1.0,
    "trees": {"base": 0.0, "depth": 1, "trees": [STUMP]},
}  # fmt: skip


def load(path: Path, content: object) -> Blended:
    path.write_text(json.dumps(content), encoding="utf-8")
    return Blended.load(path, ("a",))


def test_regression_and_trees_have_one_say_each(tmp_path: Path) -> None:
    model = load(tmp_path / "model.json", GOOD)
    rows = np.array([[0.0], [1.0]])
    assert model.odds(rows).tolist() == [(0 - 2) / 2 + 1, (2 + 4) / 2 + 1]
    assert model.probability(rows) == pytest.approx([0.5, 1 / (1 + np.exp(-4))])


@pytest.mark.parametrize(
    "fault",
    [
        {"shift": None},
        {"trees": None},
        {"trees": {"base": 0.0, "depth": 1, "trees": []}},
        {"trees": {"base": 0.0, "depth": 1, "trees": [{**STUMP, "left": ["x", 1, 2]}]}},
        {"trees": {"depth": 1, "trees": [STUMP]}},
        {"features": ["b"]},
    ],
)
def test_a_damaged_model_is_named_with_its_cure(tmp_path: Path, fault: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"model\.json is damaged: reinstall assistant"):
        load(tmp_path / "model.json", {**GOOD, **fault})


def test_a_lone_leaf_says_the_same_of_every_row(tmp_path: Path) -> None:
    trees = {"base": 3.0, "depth": 0, "trees": [LEAF]}
    model = load(tmp_path / "model.json", {**GOOD, "weights": [0.0], "trees": trees})
    assert model.odds(np.array([[0.0], [9.0]])).tolist() == [2.5, 2.5]
