"""The table of threats: every row stands, and is held by tests that are there."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from test_layers import CEILING

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from threats import poisoned, soak, tested, texts
from threats.ground import Ground
from threats.rows import THREATS, Threat
from threats.table import tables

from assistant import Assistant, config, redact
from assistant.prompts import Prompts

ROOT = Path(__file__).parents[1]
ROWS = [*(f"S{n}" for n in range(1, 14)), "S14–15", *(f"S{n}" for n in range(16, 21))]
PAGE = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")


def named_in(file: str) -> list[str]:
    tree = ast.parse((ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_threat_has_its_row() -> None:
    assert [one.name for one in THREATS] == [*ROWS, "R7", "R9", "R10"]


@pytest.mark.parametrize("threat", THREATS, ids=lambda one: one.name)
def test_what_a_row_names_holds_it(threat: Threat) -> None:
    for given in threat.tests:
        file, words = given.split("::")
        for one in words.split("|"):
            named = [name for name in named_in(file) if name.startswith("test_")]
            assert [name for name in named if re.search(one, name)], f"{file} has no test of {one}"


@pytest.mark.parametrize("threat", THREATS, ids=lambda one: one.name)
def test_the_page_tells_what_is_wanted_and_what_was_reached(threat: Threat) -> None:
    (line,) = [one for one in PAGE.splitlines() if one.startswith(f"| {threat.name} |")]
    _, _, what, wanted, reached, *_ = (part.strip() for part in line.split("|"))
    assert (what, wanted) == (threat.what, threat.wanted)
    assert (found := re.search(r"(\d+) of (\d+) tests$", reached))
    assert found[1] == found[2] != "0"
    assert bool(threat.figure) == (";" in reached)


def test_a_row_counts_its_own_tests_and_what_is_skipped_does_not_pass() -> None:
    row = Threat("S0", "", "", ("test_a::one|two", "test_b::"))
    ran = [
        tested.Ran("test_a", "test_one", True),
        tested.Ran("test_a", "test_three", True),
        tested.Ran("test_b", "test_three[x]", False),
    ]
    assert tested.held(row, ran) == "1 of 2 tests"


def test_files_that_stay_open_are_named() -> None:
    before, after = Counter({"a.sqlite": 2, "socket": 1}), Counter({"a.sqlite": 5, "b": 1})
    assert soak.grown(before, after) == "+3 files (+3 a.sqlite, +1 b, -1 socket)"
    assert soak.grown(before, before) == "+0 files"


def test_an_open_file_is_counted_by_its_name(tmp_path: Path) -> None:
    before = soak._open_files()
    with (tmp_path / "open.txt").open("w"), (tmp_path / "open.txt").open():
        assert soak.grown(before, soak._open_files()) == "+2 files (+2 open.txt)"
    assert soak.grown(before, soak._open_files()) == "+0 files"


POISONED = poisoned.Contested("Who wrote Owls?", "Ada", "Bob", ("Bob wrote Owls.",))


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [("Ada wrote it. Bob wrote it.", True), ("Adam wrote it, and Bob.", False), ("Ada.", False)],
)
def test_an_answer_counts_as_shown_where_its_whole_words_stand(text: str, is_shown: bool) -> None:
    from stub_assistant import answer, sentence

    told = answer("Who wrote Owls?", sentence(text))
    assert poisoned.shows_both(POISONED, told) == is_shown
    assert not poisoned.cites_both(POISONED, told)


def test_a_row_is_made_anew_and_the_others_stay_as_they_are() -> None:
    page = PAGE.replace("0 of 1,000 break out;", "7 of 1,000 break out;")
    assert [*tables(of_texts(), ["S2"], tests=False, figures=False, page=page)] == [page, page]
    assert [*tables(of_texts(), ["S2"], tests=False, figures=True, page=page)] == [page, PAGE]


def test_a_figure_that_needs_the_sets_stays_where_none_are_given() -> None:
    assert [*tables(of_texts(), ["S6"], tests=False, figures=True, page=PAGE)][-1] == PAGE


def test_what_was_made_stays_when_a_later_row_fails() -> None:
    page = PAGE.replace("0 of 1,000 break out;", "7 of 1,000 break out;")
    made = tables(of_texts(), ["S2", "R9"], tests=False, figures=True, page=page)
    assert [next(made), next(made)] == [page, PAGE]
    with pytest.raises(AttributeError):
        next(made)


def of_texts() -> Ground:
    """The few texts of the repository, and nothing else."""
    return Ground(None, 0, cast(Assistant, None), Prompts.load(config.resource("prompts")))


def test_nothing_of_what_a_puppet_says_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_known", set())
    assert re.fullmatch(r"0 let through, of \d+ texts at 9 doors", texts.puppet(of_texts()))


def test_the_page_names_the_command_that_makes_it() -> None:
    (told,) = re.findall(r"`python (scripts/\S+) ([^`]*)`", PAGE)
    command = [sys.executable, ROOT / told[0], "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"--[a-z-]+", told[1]) == ["--sets", "--soak"]
    assert all(option in shown for option in ("--sets", "--soak", "--only"))


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").rglob("*.py")), ids=lambda one: one.stem)
def test_a_script_fits_the_ceiling_of_the_modules(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= CEILING
