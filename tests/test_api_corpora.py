from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from api_address import Address, served
from keeping import BATS, MOTHS, OWLS, Keeping, keeping, kept, write_page  # noqa: F401
from mcp import Client

from assistant import Assistant, config
from assistant.api.mcp import make_server
from assistant.api.turns import Turns
from assistant.api.wrong import Journal

SNAILS = {"title": "SnailTrack", "abstract": "SnailTrack follows snails across a wall at night."}
ASKED = {"question": "What does SnailTrack follow?"}


@pytest.fixture
def bio(keep: Keeping) -> Iterator[Assistant]:
    """The four papers, beside a corpus "bio" of one."""
    write_page(keep.folder / "bio" / "snails.jsonl", SNAILS)
    assert keep("index", "bio", "--corpus", "bio").code == 0
    with Assistant(config.load(flags={"server.port": 0})) as assistant:
        yield assistant


@pytest.fixture
def address(bio: Assistant) -> Iterator[Address]:
    with served(bio) as address:
        yield address


def test_every_route_may_name_a_corpus(address: Address) -> None:
    found = address.post("/api/ask", {**ASKED, "corpus": "bio"}).json()
    assert [one["title"] for one in found["citations"]] == ["SnailTrack"]
    assert address.post("/api/ask", ASKED).json()["refused"]
    found = address.post("/api/search", {**ASKED, "corpus": "BIO"}).json()
    assert [one["title"] for one in found["papers"]] == ["SnailTrack"]
    text = {"text": "SnailTrack follows snails across a wall at night.", "corpus": "bio"}
    assert address.post("/api/verify", text).json()["sentences"][0]["verdict"] == "supported"
    assert address.get("/api/papers").json()["total"] == 4
    [paper] = address.get("/api/papers?corpus=bio").json()["papers"]
    assert (
        address.get(f"/api/papers/{paper['paper_id']}?corpus=bio").json()["title"] == "SnailTrack"
    )
    told = address.get(f"/api/papers/{paper['paper_id']}?corpus=bio&diff=true").json()
    assert [one["abstract"] for one in told["versions"]] == [SNAILS["abstract"]]
    assert address.get(f"/api/papers/{paper['paper_id']}").status_code == 404
    said = {"messages": [{"role": "user", "content": ASKED["question"]}], "corpus": "bio"}
    assert "snails" in address.post("/v1/chat/completions", said).text
    assert address.get("/api/corpora").json() == {"corpora": ["default", "bio"], "usual": "default"}


def test_a_wrong_name_is_told_which_there_are(address: Address) -> None:
    for path, body in (
        ("/api/ask", ASKED), ("/api/search", ASKED), ("/api/verify", {"text": "Snails."}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Snails?"}]}),
    ):  # fmt: skip
        reply = address.post(path, {**body, "corpus": "boi"})
        assert reply.status_code == 400, reply.text
        assert "there are default, bio" in reply.text
        assert address.post(path, {**body, "corpus": "../bio"}).status_code == 400
    assert address.get("/api/papers?corpus=boi").status_code == 400


def test_every_question_may_be_asked_as_of_a_day(address: Address) -> None:
    question = {"question": "moths counted at street lamps"}
    found = address.post("/api/search", {**question, "as_of": "2022"}).json()["papers"]
    assert {one["title"] for one in found} == {OWLS, BATS}
    asked = address.post("/api/ask", {"question": "What is MothEye?", "as_of": "2022"}).json()
    assert asked["refusal"]["reason"] == "No paper of the corpus mentions MothEye."
    text = {"text": "MothEye counts moths at street lamps with a camera."}
    for as_of, verdict in (("2023", "supported"), ("2022", "not_in_evidence")):
        told = address.post("/api/verify", {**text, "as_of": as_of}).json()["sentences"][0]
        assert (told["verdict"] == "supported") == (verdict == "supported")
    for path, body in (("ask", question), ("search", question), ("verify", text)):
        reply = address.post(f"/api/{path}", {**body, "as_of": "soon"})
        assert (reply.status_code, "is no date" in reply.text) == (400, True)


def test_an_agent_names_a_corpus_and_a_day(bio: Assistant) -> None:
    async def calls() -> list[Any]:
        server = make_server(bio, Turns(2, 8), Journal())
        async with Client(server) as client:
            snails = {**ASKED, "corpus": "bio"}
            moths = {"question": "moths at street lamps", "as_of": "2022"}
            return [
                await client.call_tool("ask", snails),
                await client.call_tool("search", snails),
                await client.call_tool("search", moths),
                await client.call_tool("verify", {"text": "Snails.", "as_of": "soon"}),
                await client.call_tool("get_paper", {"paper_id": "ffff", "corpus": "boi"}),
            ]

    ask, search, moths, soon, wrong = anyio.run(calls)
    assert ask.structured_content["citations"][0]["title"] == "SnailTrack"
    assert len(search.structured_content["papers"]) == 1
    assert MOTHS not in [one["title"] for one in moths.structured_content["papers"]]
    assert soon.is_error
    assert "there are default, bio" in wrong.content[0].text
