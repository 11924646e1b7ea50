"""Untrusted text is cleaned and escaped by assistant/clean.py alone, and nothing goes round it."""

import ast
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_layers import imports, modules

from assistant.clean import at_entry
from assistant.records import check_question, check_turns, dumps
from assistant.schema import Turn

# Who may write to a stream; all but the first two write what `dumps` or a constant made.
WRITERS = {
    "assistant.cli": "one line of error, cleaned; the version",
    "assistant.cli.screen": "the terminal",
    "assistant.cli.session": "lines of JSON",
    "assistant.cli.serve": "its own address",
}
# Who may turn values into JSON for a reader; the others keep it in the database.
JSON = {"assistant.records"}
KEPT = {
    "assistant.budget", "assistant.cache.keys", "assistant.catalog", "assistant.floor",
    "assistant.generation.recent",
    "assistant.generation.seal", "assistant.indexer", "assistant.journal", "assistant.mirror",
    "assistant.readings", "assistant.rows", "assistant.sightings", "assistant.upkeep.corpora",
    "assistant.upkeep.portable", "assistant.upkeep.taking",
}  # fmt: skip
# What they put between tags is their own, goes through for_prompt, or is parsed again.
OWN = {"assistant.corpus.atom", "assistant.prompts", "assistant.ui.page"}
MARKUP = ("</", "<span", "<div", "<button", "<p", "<li", "<mark", "<details", "<a ")


def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def calls(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def strings(name: str) -> Iterator[str]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def builds_html(name: str) -> bool:
    """Whether a module puts values between tags."""
    filled = [node for node in ast.walk(tree(name)) if isinstance(node, ast.JoinedStr)]
    return any(
        isinstance(part, ast.Constant) and any(tag in str(part.value) for tag in MARKUP)
        for one in filled
        for part in one.values
        if any(isinstance(value, ast.FormattedValue) for value in one.values)
    )


OTHERS = [name for name in modules() if name != "assistant.clean"]


@pytest.mark.parametrize("name", OTHERS)
def test_nobody_else_escapes_or_cleans_by_hand(name: str) -> None:
    by_hand = {
        "html.escape",
        "escape",
        "saxutils.escape",
        "urllib.parse.quote_plus",
        "bleach.clean",
    }
    assert not by_hand & set(calls(name))
    libraries = {one.target.partition(".")[0] for one in imports(name)}
    assert not libraries & {"html", "markupsafe", "bleach", "nh3"}
    said = "".join(strings(name))
    for door in ("&lt;", "&amp;lt", "\x1b", "\u202e", "\u200b"):
        assert door not in said


@pytest.mark.parametrize("name", [name for name in OTHERS if builds_html(name) and name not in OWN])
def test_who_builds_a_page_escapes_what_stands_in_it(name: str) -> None:
    parts = name.split(".")
    assert parts[1] == "ui" or name == "assistant.export.page", f"{name} is no page"
    assert any(one.target == "assistant.clean.for_html" for one in imports(name))


@pytest.mark.parametrize("name", OTHERS)
def test_only_the_doors_write_to_a_stream(name: str) -> None:
    writes = {
        "sys.stdout.write",
        "sys.stderr.write",
        "print",
        "Console",
        "typer.echo",
        "rich.print",
    }
    assert not writes & set(calls(name)) or name in WRITERS


@pytest.mark.parametrize("name", OTHERS)
def test_json_for_a_reader_goes_through_its_door(name: str) -> None:
    assert "json.dumps" not in set(calls(name)) or name in JSON | KEPT


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_is_unpickled_or_run_as_code(name: str) -> None:
    libraries = {one.target.partition(".")[0] for one in imports(name)}
    assert not libraries & {"pickle", "marshal", "shelve", "dill", "joblib", "yaml"}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "compile", "__import__", "os.system"}
            assert called != "np.load" or "allow_pickle=False" in ast.unparse(node)


def test_the_rules_would_notice() -> None:
    assert builds_html("assistant.ui.answers")
    assert not builds_html("assistant.rag")
    assert WRITERS.keys() <= modules().keys()
    assert modules().keys() >= JSON | KEPT | OWN


@given(st.text())
def test_json_holds_the_same_values_and_shows_all_of_them(text: str) -> None:
    whole = text.encode("utf-8", "replace").decode()
    line = dumps({"text": whole})
    assert json.loads(line) == {"text": whole}
    assert at_entry(line).text == at_entry(line).text.strip("\x00")
    assert not [c for c in line if c < " " or "\x7f" <= c <= "\x9f" or c in "\u202e\u2066\u200b"]


def test_questions_and_what_was_said_before_are_cleaned_where_they_enter() -> None:
    hidden = "a\u200bb\x1b[2J\u202e\U000e0041"
    assert check_question(hidden) == "ab[2J"
    assert check_turns([Turn(hidden, hidden)]) == (Turn("ab[2J", "ab[2J"),)
