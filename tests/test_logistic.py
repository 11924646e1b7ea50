import json
from pathlib import Path

import numpy as np
import pytest

from assistant import answerability, relevance
from assistant.encoder import MODELS
from assistant.errors import ConfigError
from assistant.logistic import Logistic

GOOD = {"features": ["a", "b"], "weights": [2.0, -1.0], "bias": 1.0, "threshold": 0.3}


def load(path: Path, content: str) -> Logistic:
    path.write_text(content, encoding="utf-8")
    return Logistic.load(path, ("a", "b"))


def test_a_row_becomes_a_probability(tmp_path: Path) -> None:
    model = load(tmp_path / "model.json", json.dumps(GOOD))
    rows = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    assert model.probability(rows) == pytest.approx([0.5, 0.731059, 0.952574], abs=1e-6)
    assert model.threshold == 0.3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "null",
        json.dumps({**GOOD, "features": ["b", "a"]}),
        json.dumps({**GOOD, "features": ["a", "b", "c"]}),
        json.dumps({**GOOD, "weights": ["x", "y"]}),
        json.dumps({**GOOD, "bias": None}),
        json.dumps({**GOOD, "weights": [1.0]}),
        json.dumps({key: GOOD[key] for key in ("features", "weights", "bias")}),
    ],
)
def test_a_damaged_model_is_named_with_its_cure(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.json is damaged: reinstall assistant"):
        load(tmp_path / "model.json", content)


def test_a_model_that_is_not_there_is_damaged_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="damaged"):
        Logistic.load(tmp_path / "none.json", ("a",))


@pytest.mark.parametrize(
    ("name", "features"), [("quoting", relevance.FEATURES), ("refusal", answerability.FEATURES)]
)
def test_the_shipped_models_are_of_our_features(name: str, features: tuple[str, ...]) -> None:
    model = Logistic.load(MODELS / f"{name}.json", features)
    assert model.weights.shape == (len(features),)
    assert np.isfinite(model.weights).all()
