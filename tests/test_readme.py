"""README and code say the same: every command, every option of its own, and every setting."""

import re
from pathlib import Path

import pytest
import typer

from assistant.cli import app
from assistant.config import load, provenance
from assistant.config.sources import STANDARD

README = Path(__file__).parents[1] / "README.md"
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(readme: str, command: str) -> None:
    assert re.search(rf"assistant {command}\b", readme)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_readme(readme: str, command: str) -> None:
    options = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    names = [name for option in options for name in option.opts if name.startswith("--")]
    assert [name for name in names if name not in readme] == []


def test_every_setting_is_in_the_readme(readme: str) -> None:
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    missing = []
    for origin in provenance(load(environ={})):
        section, _, key = origin.name.partition(".")
        if section == "keys":
            continue
        if not any(f"`{section}.{key}`" in row for row in rows):
            missing.append(origin.name)
    assert missing == []


def test_the_readme_names_no_setting_that_is_not_there(readme: str) -> None:
    known = {origin.name for origin in provenance(load(environ={}))}
    sections = "|".join({name.partition(".")[0] for name in known})
    named = set(re.findall(rf"^\| *`((?:{sections})\.\w+)`", readme, re.MULTILINE))
    assert named <= known


@pytest.mark.parametrize("variable", [*STANDARD, "ASSISTANT_CONFIG"])
def test_every_variable_is_in_the_readme(readme: str, variable: str) -> None:
    assert f"`{variable}`" in readme or f"{variable}=" in readme


def test_every_exit_code_is_in_the_readme(readme: str) -> None:
    codes = ("0", "1", "2", "3", "4", "5", "6", "75", "130", "143")
    assert [code for code in codes if not re.search(rf"\b{code}\b", readme)] == []
