"""A Chroma server that was really stopped: the words still answer, and every door says so."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import anyio
import pytest
from api_address import Address, served
from chroma_server import running
from machines import BATS, OWLS, settings_of, write
from mcp import Client
from stub_assistant import answer, sentence
from whole import Commands, one_encoder

from assistant import Assistant, build
from assistant.api.mcp import make_server
from assistant.api.turns import Turns
from assistant.api.wrong import Journal
from assistant.errors import StoreError
from assistant.export import exported
from assistant.generation.remote import Remote
from assistant.records import answer_record
from assistant.restored import answer_of
from assistant.store import client
from assistant.ui.chat import Chat
from assistant.ui.conversation import AS_EVER
from assistant.ui.draft import check_text, checked_html

ASKED = "How many owls does OwlEar hear?"
CLAIM = "OwlEar hears 81 percent of owls."
SAID = "found by words alone: "


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """A machine whose server has gone."""
    folder = tmp_path_factory.mktemp("left")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "MiniLM", one_encoder)
        write(folder / "one", OWLS, BATS)
        with running(folder / "server") as url:
            assistant = Assistant(settings_of("one", folder, url))
            assistant.index()
            found = assistant.search(ASKED)
            assert found.papers[0].dense
            assert (found.trouble, assistant.trouble) == ("", "")
            # Another question: what was answered while all was well is answered so again.
            assert "trouble" not in answer_record(assistant.ask(f"{ASKED} Say.").answer())
        yield assistant
        assistant.close()


@pytest.fixture(scope="module")
def address(left: Assistant) -> Iterator[Address]:
    with served(left) as address:
        yield address


def is_told(trouble: object, assistant: Assistant) -> bool:
    said = str(trouble)
    return said.startswith(SAID) and assistant.settings.store.url in said and "\n" not in said


def test_the_words_still_answer_and_python_says_so(left: Assistant) -> None:
    found = left.search("Who hears owls?")
    assert (found.papers[0].paper.title, found.papers[0].dense) == (OWLS["title"], None)
    answered = left.ask(ASKED).answer()
    assert answered.citations[0].title == OWLS["title"]
    for trouble in (found.trouble, answered.trouble, left.trouble):
        assert is_told(trouble, left)
    with pytest.raises(StoreError, match=r"check `store\.url`, and that the server runs"):
        left.index()


def test_every_command_says_so(
    left: Assistant, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    cli = Commands(monkeypatch, capsys, tmp_path, left.settings.data.folder)
    cli.set("ASSISTANT_STORE__URL", left.settings.store.url)
    rows = cli.write("rows.jsonl", f'{{"id": 1, "question": "{ASKED}"}}\n')
    claims = cli.write("claims.jsonl", f'{{"id": 1, "claim": "{CLAIM}"}}\n')
    for arguments in (
        ("ask", ASKED), ("search", ASKED), ("verify", "-"),
        ("ask", "--file", rows), ("search", "--file", rows), ("verify", "--file", claims),
    ):  # fmt: skip
        ran = cli(*arguments, "--json", stdin=CLAIM)
        assert ran.code == 0, ran.err
        assert is_told(ran.json["trouble"], left), arguments
        assert " ".join(ran.err.split()) == ran.json["trouble"], "one line, and once"
    talked = cli("chat", stdin=f"{ASKED}\n{ASKED}\n")
    assert (talked.code, talked.err.count(SAID)) == (0, 1)


def test_the_doctor_names_the_server(
    left: Assistant, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    cli = Commands(monkeypatch, capsys, tmp_path, left.settings.data.folder)
    cli.set("ASSISTANT_STORE__URL", left.settings.store.url)
    ran = cli("doctor", "--json")
    found = {one["name"]: one for one in ran.json["findings"]}
    assert (ran.code, found["server"]["state"]) == (1, "fault")
    assert left.settings.store.url in found["server"]["detail"]
    assert found["index"]["state"] == "ok"


def test_programs_are_told_beside_what_was_found(left: Assistant, address: Address) -> None:
    asked, said = {"question": ASKED}, [{"role": "user", "content": ASKED}]
    replies = [
        address.post("/api/ask", asked).json(),
        address.post("/api/search", asked).json(),
        address.post("/api/verify", {"text": CLAIM}).json(),
        address.post("/v1/chat/completions", {"messages": said}).json()["assistant"],
        address.health(),
    ]
    for reply in replies:
        assert is_told(reply["trouble"], left), reply
    events = dict(address.events("/api/ask", {**asked, "stream": True}))
    assert SAID in events["answer"]
    sources = [{"title": "Owls", "abstract": CLAIM}]
    own = address.post("/api/verify", {"text": CLAIM, "sources": sources}).json()
    assert "trouble" not in own, "one's own sources need no server"


def test_agents_are_told_in_the_record_and_in_words(left: Assistant) -> None:
    async def calls() -> list[Any]:
        server = make_server(left, Turns(2, 8), Journal())
        async with Client(server) as client:
            asked = {"question": ASKED}
            return [
                await client.call_tool("ask", asked),
                await client.call_tool("search", asked),
                await client.call_tool("verify", {"text": CLAIM}),
            ]

    for result in anyio.run(calls):
        assert is_told(result.structured_content["trouble"], left)
        assert result.content[0].text.splitlines()[-1].startswith(SAID)


def test_the_page_says_so_under_the_answer_and_keeps_it(left: Assistant) -> None:
    *_, shown = Chat(left).answer(ASKED, [], AS_EVER, "name")
    assert shown.transcript
    assert f'role="status"><span aria-hidden="true">⚠</span> {SAID}' in shown.transcript
    assert shown.kept
    again = Chat(left).opened(shown.kept["turns"], "name")
    assert again.transcript
    assert SAID in again.transcript
    *_, checked = check_text(left, CLAIM)
    assert SAID in checked_html(checked)


def test_an_exported_answer_tells_no_address(left: Assistant) -> None:
    told = left.ask(ASKED).answer()
    for format in ("md", "html"):
        text = exported(told, format).text
        assert "; found by words alone" in text
        assert left.settings.store.url not in text


def test_a_record_without_trouble_is_what_it_was() -> None:
    plain = answer(ASKED, sentence("Owls [1]."))
    assert "trouble" not in answer_record(plain)
    assert answer_of(answer_record(plain), []).trouble == ""


# A server that neither answers nor refuses


def test_a_server_that_never_answers_is_given_up_soon(
    left: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_FIRST_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = left.settings.model_copy(
            update={"store": left.settings.store.model_copy(update={"url": url})}
        )
        started = monotonic()
        with Assistant(settings, encoder=one_encoder()) as other:
            assert other.search(ASKED).papers[0].paper.title == OWLS["title"]
            assert other.trouble.startswith(SAID)
            assert "timed out" in other.trouble
        assert monotonic() - started < 25, "sooner than a request may take"


def test_who_tries_again_keeps_nobody_else_waiting() -> None:
    trying, enough = Event(), Event()

    def connect() -> Any:
        trying.set()
        enough.wait(60)
        raise StoreError("gone")

    remote = Remote(connect)
    remote.trouble = "gone for a while"
    patient = Thread(target=remote.connected)
    patient.start()
    assert trying.wait(60)
    assert remote.connected() is None, "and not after a minute"
    assert patient.is_alive()
    enough.set()
    patient.join(60)
