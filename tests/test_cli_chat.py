import builtins
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stub_assistant import Cli, Stream, StubAssistant, answer

from assistant.cli import chat
from assistant.cli.screen import Flow, Screen
from assistant.errors import ProviderTimeout
from assistant.schema import Turn


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> Cli:
    return Cli(monkeypatch, capsys, tmp_path)


def test_a_conversation_in_a_pipe_remembers_and_ends_with_its_input(cli: Cli) -> None:
    ran = cli("chat", stdin="What is LoRA?\n\nAnd its cost?")
    assert ran.code == 0
    assert ran.out.count("LoRA freezes the weights [1].") == 2
    first, second = cli.assistant.asked
    assert first["history"] == ()
    assert second["history"] == (Turn("What is LoRA?", "LoRA freezes the weights [1]."),)
    assert "›" not in ran.out


def test_slash_words_do_what_they_say(cli: Cli) -> None:
    ran = cli(
        "chat", stdin="/sources\nOne?\n/sources\n/clear\nTwo?\n/help\n/sorces\n/quit\nThree?\n"
    )
    assert [asked["question"] for asked in cli.assistant.asked] == ["One?", "Two?"]
    assert cli.assistant.asked[1]["history"] == ()
    assert ran.out.count("Sources\n") == 3
    assert "No answer yet." in ran.err
    assert "/quit     leave" in ran.err
    assert "/sorces: did you mean /sources?" in ran.err


def test_a_fault_ends_one_turn_and_no_more(cli: Cli) -> None:
    cli.assistant.fault = ProviderTimeout("too slow: ask again")
    ran = cli("chat", stdin=f"One?\n{'x' * 100_000}\n")
    assert ran.code == 0
    assert "error: too slow: ask again" in ran.err
    assert "error: the question has 100,000 characters" in ran.err


def test_an_interrupt_stops_the_answer_and_not_the_conversation(cli: Cli) -> None:
    class Impatient(StubAssistant):
        def ask(self, question: str, **options: Any) -> Stream:
            self.asked.append({"question": question, **options})
            pieces: list[str | BaseException] = ["Half ", "of ", KeyboardInterrupt()]
            return Stream(answer(question), pieces if len(self.asked) == 1 else ["All."])

    impatient = Impatient()
    sys.modules["assistant.build"].Assistant = impatient  # type: ignore[attr-defined]
    ran = cli("chat", stdin="One?\nTwo?\n")
    assert ran.code == 0
    assert "Half of\n⚠ stopped here: this answer is partial" in ran.out
    assert impatient.asked[1]["history"] == ()


def test_a_person_gets_a_prompt(cli: Cli) -> None:
    typed: Iterator[str] = iter(["One?", "/quit"])
    asked: list[str] = []

    def say(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    cli.monkeypatch.setattr(chat.sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    cli.monkeypatch.setattr(builtins, "input", say)
    assert chat._read_line() == "One?"

    def end(_prompt: str) -> str:
        raise EOFError

    cli.monkeypatch.setattr(builtins, "input", end)
    assert chat._read_line() is None
    assert asked == ["› "]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_text_flows_the_same_however_its_pieces_are_cut(
    capsys: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    text = "  One two three four five six seven [1].\n\n\n- eight nine\n- ten \x1b[31m eleven\n"
    flow = Flow(Screen(sys.stdout))
    for start in range(0, len(text), size):
        flow.feed(text[start : start + size])
    flow.end()
    shown = capsys.readouterr().out
    assert shown == ("One two three four five six\nseven [1].\n\n- eight nine\n- ten [31m eleven\n")
    assert not re.search("\x1b", shown)


def test_nothing_fed_is_nothing_shown(capsys: Any) -> None:
    flow = Flow(Screen(sys.stdout))
    flow.end()
    assert capsys.readouterr().out == ""
    assert not flow.started
