import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from stub_assistant import Cli

from assistant.errors import CatalogError, CorpusError, IndexMissing


class Note(NamedTuple):
    kind: str
    text: str = ""


class Page(NamedTuple):
    page: str
    sha256: str
    notes: tuple[Note, ...] = ()
    found: int = 1


class Report(NamedTuple):
    problem: str


class Server(NamedTuple):
    host: str = "localhost"


class StubLLM:
    made: list[dict[str, Any]] = []  # noqa: RUF012

    def __init__(self, model: str, **options: Any) -> None:
        self.model, self.server = model, Server()
        self.made.append({"model": model, **options})


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> Cli:
    cli = Cli(monkeypatch, capsys, tmp_path)
    pages(cli, lambda: (Page("page-1.txt", "00"),))
    return cli


def pages(cli: Cli, read: Callable[[], tuple[Page, ...]]) -> None:
    corpus = ModuleType("assistant.corpus")
    corpus.read_reports = lambda _paths: read()  # type: ignore[attr-defined]
    cli.monkeypatch.setitem(sys.modules, "assistant.corpus", corpus)


def server(cli: Cli, problem: str) -> None:
    llm = ModuleType("assistant.llm")
    llm.OpenAILLM = StubLLM  # type: ignore[attr-defined]
    llm.check_server = lambda _llm: Report(problem)  # type: ignore[attr-defined]
    cli.monkeypatch.setitem(sys.modules, "assistant.llm", llm)
    StubLLM.made.clear()


def findings(cli: Cli) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in cli("doctor", "--json").json["findings"]}


def test_a_healthy_installation_has_no_fault(cli: Cli) -> None:
    ran = cli("doctor")
    assert ran.code == 0
    assert "✗" not in ran.out
    assert "✓ catalog  1 paper on 1 page, whole" in ran.out
    assert "→ set OPENAI_API_KEY" in ran.out


def test_an_empty_catalog_names_the_command_that_fills_it(cli: Cli) -> None:
    cli.assistant.catalog.holds = 0
    cli.assistant.catalog.known = {}
    cli.assistant.fault = IndexMissing("nothing is indexed yet")
    found = findings(cli)
    assert found["catalog"]["cure"] == "run `assistant index`"
    assert found["index"]["state"] == "warn"
    assert found["pages"]["state"] == "ok"


def test_an_index_that_finds_nothing_is_to_be_rebuilt(cli: Cli) -> None:
    cli.assistant.hits = ()
    assert findings(cli)["index"]["cure"] == "run `assistant index --rebuild`"


def test_changed_pages_and_dirty_text_are_named(cli: Cli) -> None:
    notes = (
        Note("cleaned", "hidden characters taken out: 3 zero_width, 1 bidi"),
        Note("cleaned", "hidden characters taken out: 2 zero_width"),
        Note("unreadable"),
    )
    changed = tuple(Page(f"p{n}.txt", "01", notes[: 3 * (n == 0)]) for n in range(7))
    pages(cli, lambda: changed)
    ran = cli("doctor")
    assert "changed or new: p0.txt, p1.txt, p2.txt, p3.txt, p4.txt …" in ran.out
    assert "1 lines or files cannot be read" in ran.out
    assert "hidden characters taken out: 5 zero width, 1 bidi" in ran.out
    assert ran.code == 0


def test_a_fault_in_one_check_leaves_the_others_be(cli: Cli) -> None:
    def unreadable() -> tuple[Page, ...]:
        raise CorpusError("corpus: no such folder: set corpus.paths")

    def damaged() -> None:
        raise CatalogError("the catalog is damaged: restore it")

    pages(cli, unreadable)
    cli.monkeypatch.setattr(cli.assistant.catalog, "check", damaged)
    ran = cli("doctor")
    assert ran.code == 1
    assert "✗ catalog  the catalog is damaged: restore it" in ran.out
    assert "✗ pages    corpus: no such folder" in ran.out
    assert "✓ index" in ran.out


def test_a_catalog_that_does_not_open_is_a_finding(cli: Cli) -> None:
    def damaged(**_: object) -> None:
        raise CatalogError("the catalog is damaged: restore it")

    cli.monkeypatch.setattr(cli.assistant, "open", damaged)
    assert findings(cli)["catalog"]["state"] == "fault"


def test_a_data_folder_that_cannot_be_written_is_a_fault(cli: Cli) -> None:
    (cli.folder / "file").touch()
    cli.monkeypatch.setenv("ASSISTANT_DATA__FOLDER", str(cli.folder / "file" / "below"))
    assert findings(cli)["data"]["state"] == "fault"


def test_a_data_folder_that_is_there_is_named(cli: Cli) -> None:
    cli.monkeypatch.setenv("ASSISTANT_DATA__FOLDER", str(cli.folder))
    assert findings(cli)["data"]["detail"] == str(cli.folder)


@pytest.mark.parametrize("problem", ["", "the server is down: start it"])
def test_a_configured_model_is_tried(cli: Cli, problem: str) -> None:
    server(cli, problem)
    cli.monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    found = findings(cli)
    assert found["model"]["state"] == ("fault" if problem else "ok")
    assert found["model"]["detail"] == (problem or "gpt-5-mini at localhost")
    assert StubLLM.made[0]["timeout_s"] == 10.0
    assert "canary" not in str(found)


def test_a_remote_encoder_and_every_changed_setting_are_named(cli: Cli) -> None:
    cli.monkeypatch.setenv("ASSISTANT_ENCODER__KIND", "openai")
    found = findings(cli)
    assert "on a server" in found["encoder"]["detail"]
    assert found["config"]["detail"] == "encoder.kind (environment ASSISTANT_ENCODER__KIND)"
