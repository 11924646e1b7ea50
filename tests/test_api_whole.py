"""The address over the real assistant and the real corpus."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from api_address import Address, event_of, served, settings_of
from provider import STREAM, Exchange, Provider, delta, fails, serve_provider  # noqa: F401
from whole import (  # noqa: F401
    NOT_HERE,
    SERVING,
    Commands,
    commands,
    one_encoder,
    ready,
)

from assistant import build
from assistant.build import Assistant

CLAIM = "S-LoRA stores all adapters in the main memory. It was made by the moon."


@pytest.fixture(scope="module")
def address(ready: Path) -> Iterator[Address]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "MiniLM", one_encoder)
        settings = settings_of(data_folder=str(ready))
        with Assistant.open(settings=settings) as assistant, served(assistant) as running:
            yield running


def timeless(record: Any) -> Any:
    return {name: value for name, value in record.items() if name != "timings_ms"}


@pytest.mark.parametrize("question", [SERVING, NOT_HERE])
def test_ask_says_what_the_command_says(address: Address, cli: Commands, question: str) -> None:
    asked = address.post("/api/ask", {"question": question}).json()
    assert timeless(asked) == timeless(cli("ask", question, "--json").json)


def test_search_says_what_the_command_says(address: Address, cli: Commands) -> None:
    body = {"question": "diffusion", "since": "2022", "top_k": 4}
    command = ("search", "diffusion", "--since", "2022", "--top-k", "4", "--json")
    assert address.post("/api/search", body).json() == cli(*command).json


def test_verify_says_what_the_command_says(address: Address, cli: Commands) -> None:
    said = cli("verify", "-", "--json", stdin=CLAIM).json
    assert address.post("/api/verify", {"text": CLAIM}).json() == said
    assert [one["verdict"] for one in said["sentences"]] == ["supported", "not_in_evidence"]


def test_a_paper_is_what_the_command_shows(address: Address, cli: Commands) -> None:
    listed = address.get("/api/papers?limit=500").json()
    assert (listed["total"], len(listed["papers"])) == (249, 249)
    paper_id = listed["papers"][17]["paper_id"]
    assert address.get(f"/api/papers/{paper_id}").json() == cli("show", paper_id, "--json").json


@pytest.mark.parametrize(
    "flags", [{"since": "2020-02-31"}, {"until": "x"}, {"since": "2023", "until": "2022"}]
)
def test_dates_are_refused_in_the_words_of_the_command(
    address: Address, cli: Commands, flags: dict[str, str]
) -> None:
    options = [part for name, value in flags.items() for part in (f"--{name}", value)]
    said = cli("ask", SERVING, *options).err.strip().removeprefix("error: ")
    asked = address.post("/api/ask", {"question": SERVING, **flags})
    assert asked.status_code == 400
    assert asked.json()["error"] == said.replace("--", "")


def test_papers_put_aside_are_not_used(address: Address) -> None:
    first = address.post("/api/ask", {"question": SERVING}).json()
    cited = first["citations"][0]["paper_id"]
    again = address.post("/api/ask", {"question": SERVING, "without": [cited]}).json()
    assert cited not in json.dumps([again["citations"], again["papers"]])


def test_an_unknown_page_or_model_is_400_and_names_the_known(address: Address) -> None:
    for further, known in (({"page": "nowhere"}, "000_"), ({"model": "gpt-17"}, "embedded")):
        response = address.post("/api/ask", {"question": SERVING, **further})
        assert response.status_code == 400
        assert known in response.json()["error"]


def test_many_at_once_each_get_the_answer_to_their_own_question(address: Address) -> None:
    titles = [one["title"] for one in address.get("/api/papers?limit=30").json()["papers"]]

    def ask(title: str) -> Any:
        body = {"question": f"What does {title} present?", "stream": True}
        return json.loads(address.events("/api/ask", body)[-1][1])

    with ThreadPoolExecutor(10) as pool:
        for title, record in zip(titles, pool.map(ask, titles), strict=True):
            assert record["question"] == f"What does {title} present?"
            assert title in [paper["title"] for paper in record["papers"]]
    address.until(running=0, waiting=0)


def test_verdicts_come_while_the_model_still_writes(
    ready: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    seen = threading.Event()

    def writes(exchange: Exchange) -> None:
        """Goes on until somebody saw a verdict."""
        exchange.head(kind=STREAM)
        exchange.event(delta("S-LoRA stores all adapters in the main memory [1]. It was made"))
        while not seen.is_set():
            exchange.event(delta(" again and"))
            if not exchange.wait(0.02):
                return
        exchange.event(delta(" by the moon [1].", "stop"))

    provider.default = writes
    flags = {"answer_base_url": provider.url, "answer_model": "m", "answer_timeout_s": 60}
    settings = settings_of(data_folder=str(ready), **flags)
    with Assistant.open(settings=settings) as assistant, served(assistant) as running:
        body = {"question": SERVING, "stream": True}
        with running.client.stream("POST", "/api/ask", json=body) as response:
            told = []
            for line in response.iter_lines():
                told.append(line)
                if line == "event: sentence":
                    seen.set()
        client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
        asked: Any = [{"role": "user", "content": SERVING}]
        with client:
            chunks = list(client.chat.completions.create(model="m", messages=asked, stream=True))
    events = [event_of(block) for block in "\n".join(told).strip().split("\n\n")]
    names = [name for name, _ in events if name]
    assert names.index("sentence") < len(names) - 1 - names[::-1].index("piece")
    record = json.loads(events[-1][1])
    early = [json.loads(data) for name, data in events if name == "sentence"]
    assert early == record["sentences"]
    assert [one["verdict"] for one in early] == ["supported", "not_in_evidence"]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == chunks[-1].assistant["answer"]  # type: ignore[attr-defined]
    assert all(chunk.choices for chunk in chunks)


def test_a_model_s_rate_limit_reaches_the_client(
    ready: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    provider.default = fails(429, Retry_After="100")
    settings = settings_of(
        data_folder=str(ready), answer_base_url=provider.url, answer_model="m", answer_timeout_s=20
    )
    with Assistant.open(settings=settings) as assistant, served(assistant) as running:
        response = running.post("/api/ask", {"question": SERVING})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "100"
