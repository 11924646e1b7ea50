import numpy as np

from assistant.trees import Trees


def test_trees_are_walked_to_their_leaves_and_summed() -> None:
    stump = {
        "feature": [1, 0, 0], "bound": [0.5, 0, 0], "left": [1, 1, 2], "right": [2, 1, 2],
        "value": [0, -1.0, 2.0],
    }  # fmt: skip
    deep = {
        "feature": [0, 0, 1, 0, 0], "bound": [0, 0, 3, 0, 0], "left": [1, 1, 3, 3, 4],
        "right": [2, 1, 4, 3, 4], "value": [0, 10.0, 0, 20.0, 30.0],
    }  # fmt: skip
    trees = Trees({"base": 0.25, "depth": 2, "trees": [stump, deep]})
    rows = np.array([[-1, 0], [1, 1], [1, 4]], float)
    assert trees(rows).tolist() == [9.25, 22.25, 32.25]
