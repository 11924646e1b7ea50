import subprocess
import sys
from pathlib import Path

import pytest

import assistant
from assistant import build, errors

ROOT = Path(__file__).parents[1]


def test_the_package_gives_the_assistant_and_nothing_else() -> None:
    assert assistant.__all__ == ["Assistant"]
    assert assistant.Assistant is build.Assistant


def test_a_name_that_is_not_there_is_said_so() -> None:
    with pytest.raises(AttributeError, match="'assistant' has no attribute 'Oracle'"):
        _ = assistant.Oracle


def test_importing_the_package_imports_none_of_its_parts() -> None:
    code = (
        "import sys, assistant; print([n for n in sys.modules if n.startswith('assistant.')]);"
        "from assistant import *; print(Assistant.__name__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["[]", "Assistant"]


def test_every_error_stands_in_the_tree_with_its_exit_code() -> None:
    drawn = errors.__doc__ or ""
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    for one in classes:
        line = next(line for line in drawn.splitlines() if f"{one.__name__} " in line)
        assert f" {one.exit_code} " in f"{line} "
    assert all(issubclass(one, errors.AssistantError) for one in classes)
