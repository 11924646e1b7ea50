import socket
from pathlib import Path
from typing import Any

import pytest
from stub_assistant import Cli

from assistant.api import server
from assistant.errors import ProviderUnreachable

FREE = ("--port", "0")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> Cli:
    return Cli(monkeypatch, capsys, tmp_path)


class Serving:
    """Stands for the server: says that it is ready, and ends."""

    def __init__(self) -> None:
        self.options: Any = None
        self.bound: Any = None

    def __call__(self, assistant: Any, bound: socket.socket, ready: Any, **options: Any) -> int:
        self.options, self.bound = options, bound.getsockname()
        ready()
        return 143


@pytest.fixture(autouse=True)
def serving(monkeypatch: pytest.MonkeyPatch) -> Serving:
    stand_in = Serving()
    monkeypatch.setattr(server, "serve", stand_in)
    monkeypatch.setattr(server, "lingering", lambda: False)
    return stand_in


def test_the_line_names_the_free_port_on_standard_output(cli: Cli, serving: Serving) -> None:
    ran = cli("serve", *FREE)
    host, port = serving.bound
    url = f"http://{host}:{port}"
    assert ran.code == 143
    assert ran.out == f"The page: {url} · API: {url}/api · OpenAI: {url}/v1 · MCP: {url}/mcp\n"
    assert port != 0


def test_the_line_is_there_though_nothing_else_may_be_said(cli: Cli) -> None:
    ran = cli("serve", "-q", *FREE)
    assert "API: " in ran.out
    assert ran.err == ""


def test_flags_become_settings(cli: Cli, serving: Serving) -> None:
    cli("serve", "--host", "127.0.0.2", "--no-page", "-v", *FREE)
    assert cli.assistant.settings
    assert cli.assistant.settings.server.host == "127.0.0.2"
    assert serving.bound[0] == "127.0.0.2"
    assert serving.options == {"page": False, "verbose": True}


def test_an_ipv6_address_stands_in_brackets() -> None:
    class Bound:
        """A socket as the kernel gives it; not every machine has one."""

        def getsockname(self) -> tuple[str, int, int, int]:
            return ("::1", 7860, 0, 0)

    assert server.url_of(Bound()) == "http://[::1]:7860"  # type: ignore[arg-type]


def test_all_interfaces_are_reached_by_the_loopback(cli: Cli) -> None:
    cli.monkeypatch.setenv("ASSISTANT_SERVER__OPEN", "true")
    assert "API: http://127.0.0.1:" in cli("serve", "--host", "0.0.0.0", *FREE).out


def test_nothing_indexed_is_indexed_first(cli: Cli) -> None:
    cli.assistant.indexed = False
    assert "Indexing the corpus" in cli("serve", *FREE).err
    assert cli.assistant.indexed


def test_one_question_is_answered_before_the_first_is_asked(cli: Cli) -> None:
    cli("serve", *FREE)
    assert [(one["question"], one["model"]) for one in cli.assistant.asked] == [
        ("LoRA: Low-Rank Adaptation", "embedded")
    ]


def test_a_server_that_is_away_does_not_keep_ours_from_starting(cli: Cli) -> None:
    cli.assistant.fault = ProviderUnreachable("nothing answers at x: start it")
    ran = cli("serve", *FREE)
    assert "API: " in ran.out
    assert "nothing answers at x: start it" in ran.err


def test_a_password_alone_leaves_programs_let_in_and_says_so(cli: Cli) -> None:
    cli.monkeypatch.setenv("ASSISTANT_PASSWORD", "pass-word")
    ran = cli("serve", *FREE)
    assert "set ASSISTANT_TOKEN too" in ran.err
    assert "pass-word" not in ran.err + ran.out


def test_the_browser_is_shown_the_page(cli: Cli, serving: Serving) -> None:
    shown: list[str] = []
    cli.monkeypatch.setattr("webbrowser.open", shown.append)
    cli("serve", "--open-browser", *FREE)
    assert shown == [f"http://127.0.0.1:{serving.bound[1]}"]
    cli("serve", "--open-browser", "--no-page", *FREE)
    assert len(shown) == 1


def test_threads_that_would_hold_up_the_end_do_not(cli: Cli) -> None:
    left: list[int] = []
    cli.monkeypatch.setattr(server, "lingering", lambda: True)
    cli.monkeypatch.setattr("os._exit", left.append)
    assert cli("serve", *FREE).code == 143
    assert left == [143]


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_a_usage_error(cli: Cli, port: str) -> None:
    assert cli("serve", "--port", port).code == 2


def test_the_socket_is_closed_at_the_end(cli: Cli, serving: Serving) -> None:
    cli("serve", *FREE)
    with socket.socket() as again:
        again.bind(serving.bound)
