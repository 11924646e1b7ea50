"""`assistant eval`: the evals' own options behind the command that a user knows."""

import json
import sys
from typing import Any

import pytest
from whole import Commands, commands, ready  # noqa: F401

from evals import __main__ as evals


def test_help_names_every_verb(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli("eval", "--help")
    assert set(evals.HELP) == set(evals.VERBS)


def test_a_wrong_option_is_one_line_with_its_cure(cli: Commands) -> None:
    ran = cli("eval", "run", "--judge", "moon")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "(see `assistant eval run --help`)" in ran.err


def test_without_a_verb_the_help_is_shown(cli: Commands, capsys: Any) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli("eval")
    assert "usage: assistant eval" in capsys.readouterr().out


def test_made_questions_are_checked_and_asked(cli: Commands) -> None:
    data = str(cli.data)
    ran = cli("eval", "make", "mine.jsonl", "--each", "2", "--data-folder", data)
    assert (ran.code, ran.err) == (0, "")
    assert "2 known" in ran.out
    ran = cli("eval", "check", "--questions", "mine.jsonl", "--data-folder", data)
    assert ran.code == 0
    assert "over 249 papers: no fault" in ran.out
    asked = ("--questions", "mine.jsonl", "--limit", "3", "--out", "kept", "--data-folder", data)
    ran = cli("-q", "eval", "run", *asked)
    assert ran.code == 0
    assert "n = 3: " in ran.out
    manifest = json.loads((cli.folder / "kept" / "run.json").read_text(encoding="utf-8"))
    assert manifest["n"] == 3
    assert manifest["about"]["answerer"] == "embedded"


def test_a_faulty_question_is_told_with_exit_code_one(cli: Commands) -> None:
    row = {"id": "x", "kind": "fact", "question": "What?", "gold_titles": ["Elsewhere"]}
    cli.write("mine.jsonl", json.dumps(row))
    ran = cli("eval", "check", "--questions", "mine.jsonl", "--data-folder", str(cli.data))
    assert ran.code == 1
    assert "x: no paper is called 'Elsewhere'" in ran.out
    ran = cli("eval", "run", "--questions", "mine.jsonl", "--data-folder", str(cli.data))
    assert ran.code == 1
    assert "error: x: no paper is called" in ran.err


def test_a_file_of_no_json_names_its_line(cli: Commands) -> None:
    cli.write("mine.jsonl", "{}\n")
    ran = cli("eval", "check", "--questions", "mine.jsonl", "--data-folder", str(cli.data))
    assert ran.code == 1
    assert "mine.jsonl:1: KeyError" in ran.err


def test_a_library_that_is_missing_is_named_with_its_cure(
    cli: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Python's own way to say that a module cannot be imported.
    monkeypatch.setitem(sys.modules, "evals.run", None)
    ran = cli("eval", "run", "--set", "dev", "--data-folder", str(cli.data))
    assert ran.code == 4
    assert ran.err == "error: the evals need evals.run: install 'assistant[evals]'\n"


def test_prices_come_in_pairs(cli: Commands) -> None:
    ran = cli("eval", "run", "--set", "dev", "--usd-per-mtok-in", "1", "--data-folder", "x")
    assert ran.code == 2
    assert "one price is missing" in ran.err


def test_a_config_of_ones_own_is_read(cli: Commands) -> None:
    ran = cli("--config", "none.toml", "eval", "check", "--data-folder", str(cli.data))
    assert ran.code == 4
    assert "none.toml" in ran.err
