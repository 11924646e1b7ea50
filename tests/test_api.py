import json
import logging
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from api_address import (
    LORA,
    Address,
    Paced,
    event_of,
    eventually,
    make_paced,  # noqa: F401
    one_address,  # noqa: F401
    one_as_new,  # noqa: F401
    served,
    settings_of,
    stub_behind,  # noqa: F401
    threads_named,
)
from stub_assistant import ABSTRACT, HIT, PAPER, StubAssistant, answer

from assistant import errors
from assistant.api import events
from assistant.errors import AssistantError, CatalogError, ProviderInterrupted, UsageError
from assistant.records import (
    QUESTION_LIMIT,
    TEXT_LIMIT,
    Source,
    answer_record,
    dumps,
    paper_record,
    search_record,
    verify_record,
)
from assistant.schema import Filters, Turn

ASK = {"question": "What is LoRA?"}
KEY = "no-usual-key-of-somebody"


def same(record: Any) -> Any:
    return json.loads(dumps(record))


def test_ask_gives_the_record_that_the_command_prints(
    stub: StubAssistant,
    address: Address,
) -> None:
    response = address.post("/api/ask", ASK)
    assert response.status_code == 200
    assert response.json() == same(answer_record(answer(ASK["question"], *stub.sentences)))


def test_a_fresh_answer_can_be_asked_for(stub: StubAssistant, address: Address) -> None:
    chat = {"messages": [{"role": "user", "content": "What is LoRA?"}], "fresh": True}
    for path, body in (("/api/ask", {**ASK, "fresh": True}), ("/v1/chat/completions", chat)):
        assert address.post(path, body).status_code == 200
        assert stub.asked[-1]["fresh"] is True
    address.post("/api/ask", ASK)
    assert "fresh" not in stub.asked[-1]


def test_ask_hands_on_everything_that_was_asked_for(
    stub: StubAssistant,
    address: Address,
) -> None:
    body = {
        "question": " And then? ",
        "history": [{"user": "What is LoRA?", "assistant": "It freezes [1]."}],
        "since": "2021",
        "until": "2022-03",
        "year": 2021,
        "page": "page-1",
        "without": ["00ff"],
        "top_k": 3,
        "model": "embedded",
    }
    assert address.post("/api/ask", body).status_code == 200
    assert stub.asked == [
        {
            "question": "And then?",
            "history": (Turn("What is LoRA?", "It freezes [1]."),),
            "filters": Filters("2021", "2022-03", 2021, "page-1", ("00ff",)),
            "top_k": 3,
            "model": "embedded",
        }
    ]


def test_a_stream_is_pieces_and_then_the_whole_record(
    stub: StubAssistant,
    address: Address,
) -> None:
    told = address.events("/api/ask", {**ASK, "stream": True})
    assert [name for name, _ in told] == ["piece"] * 5 + ["answer"]
    assert "".join(json.loads(data)["text"] for _, data in told[:-1]).strip() == LORA
    assert json.loads(told[-1][1]) == same(answer_record(answer(ASK["question"], *stub.sentences)))


def test_a_sentence_is_an_event_as_soon_as_it_is_judged(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.early = stub.sentences
    told = address.events("/api/ask", {**ASK, "stream": True})
    assert [name for name, _ in told] == ["piece"] * 4 + ["sentence", "piece", "answer"]
    record = json.loads(told[-1][1])
    assert json.loads(told[4][1]) == record["sentences"][0]
    assert address.post("/api/ask", ASK).json() == record


def test_a_stream_says_what_it_is(address: Address) -> None:
    headers = address.post("/api/ask", {**ASK, "stream": True}).headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers


def test_each_piece_is_sent_as_it_is_made(paced: Paced) -> None:
    with served(paced) as address:
        body = {**ASK, "stream": True}
        paced.go.release()
        with address.client.stream("POST", "/api/ask", json=body) as response:
            blocks = blocks_of(response)
            assert event_of(next(blocks)) == ("piece", '{"text": "LoRA "}')
            paced.let_all()
            assert [event_of(block)[0] for block in blocks] == ["piece"] * 4 + ["answer"]


def blocks_of(response: Any) -> Iterator[str]:
    held = ""
    for text in response.iter_text():
        held += text
        *whole, held = held.split("\n\n")
        yield from whole


def test_an_error_before_the_first_piece_has_a_status_of_its_own(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.fault = errors.ProviderTimeout("no reply: raise answer.timeout_s")
    response = address.post("/api/ask", {**ASK, "stream": True})
    assert response.status_code == 504
    assert response.json()["kind"] == "ProviderTimeout"


def test_an_error_within_a_stream_is_its_last_event(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.cut = ProviderInterrupted("the reply broke off: ask again")
    told = address.events("/api/ask", {**ASK, "stream": True})
    assert [name for name, _ in told] == ["piece", "piece", "error"]
    assert json.loads(told[-1][1]) == {
        "error": "the reply broke off: ask again",
        "code": 5,
        "kind": "ProviderInterrupted",
    }


def test_silence_is_filled_with_comments(
    paced: Paced,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "PATIENCE_S", 0.05)
    with (
        served(paced) as address,
        address.client.stream("POST", "/api/ask", json={**ASK, "stream": True}) as response,
    ):
        blocks = blocks_of(response)
        assert [next(blocks), next(blocks)] == [": still at work"] * 2
        paced.let_all()
        assert [block[:6] for block in blocks if not block.startswith(":")][-1] == "event:"


def test_search_gives_the_record_that_the_command_prints(
    stub: StubAssistant,
    address: Address,
) -> None:
    response = address.post("/api/search", {**ASK, "top_k": 2, "year": 2021})
    assert response.json() == same(search_record(ASK["question"], (HIT,)))
    assert stub.asked == [{"question": ASK["question"], "filters": Filters(year=2021), "top_k": 2}]


def test_verify_gives_the_record_that_the_command_prints(
    stub: StubAssistant,
    address: Address,
) -> None:
    sources = [{"title": "LoRA", "abstract": ABSTRACT}]
    response = address.post("/api/verify", {"text": LORA, "sources": sources})
    assert response.json() == same(verify_record(stub.sentences))
    assert stub.asked == [{"text": LORA, "sources": (Source("LoRA", ABSTRACT),)}]


def test_verify_without_sources_asks_the_corpus(
    stub: StubAssistant,
    address: Address,
) -> None:
    assert address.post("/api/verify", {"text": LORA}).status_code == 200
    assert stub.asked[0]["sources"] is None


def test_papers_are_listed_page_by_page(address: Address) -> None:
    first = address.get("/api/papers?limit=1").json()
    assert first == {
        "total": 1,
        "limit": 1,
        "offset": 0,
        "papers": [
            {
                "paper_id": PAPER.paper_id,
                "title": PAPER.title,
                "date": "2021-06",
                "year_inferred": False,
                "pages": ["page-1.txt"],
            }
        ],
    }
    assert address.get("/api/papers?offset=1").json()["papers"] == []


@pytest.mark.parametrize("paper_id", [PAPER.paper_id, PAPER.paper_id[:4]])
def test_a_paper_is_found_by_its_id_or_how_it_begins(address: Address, paper_id: str) -> None:
    assert address.get(f"/api/papers/{paper_id}").json() == same(paper_record(PAPER))


def test_a_paper_that_is_not_there_is_404_with_a_hint(address: Address) -> None:
    response = address.get("/api/papers/ffff")
    assert response.status_code == 404
    assert "did you mean" in response.json()["error"]


def test_health_says_what_answers(address: Address) -> None:
    response = address.get("/api/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "papers": 1,
        "mode": "embedded",
        "models": ["embedded"],
        "version": response.json()["version"],
        "running": 0,
        "waiting": 0,
    }


def test_health_is_503_with_the_cure_where_nothing_is_indexed(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.catalog.holds = 0
    response = address.get("/api/health")
    assert response.status_code == 503
    assert "assistant index" in response.json()["error"]


def test_health_is_503_where_the_catalog_is_damaged(
    stub: StubAssistant,
    address: Address,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def count() -> int:
        raise CatalogError("the catalog is damaged: move it away")

    monkeypatch.setattr(stub.catalog, "count", count)
    response = address.get("/api/health")
    assert (response.status_code, response.json()["code"]) == (503, 6)


# What cannot be used


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/ask", {}, "question is missing"),
        ("/api/ask", {"question": "  "}, "question should have at least 1 character"),
        ("/api/ask", {"question": "x" * (QUESTION_LIMIT + 1)}, "at most 10000 characters"),
        ("/api/ask", {"question": 7}, "question should be a valid string"),
        ("/api/ask", {**ASK, "q": "secret"}, "q is not known"),
        ("/api/ask", {**ASK, "top_k": 0}, "top_k should be greater than or equal to 1"),
        ("/api/ask", {**ASK, "history": [{"user": "x"}]}, "history.0.assistant is missing"),
        ("/api/ask", {**ASK, "since": "2021-13"}, "since '2021-13' is no date: write 2021, "),
        ("/api/ask", {**ASK, "until": "soon"}, "until 'soon' is no date: write 2021, "),
        (
            "/api/search",
            {**ASK, "since": "2022", "until": "2021"},
            "since 2022 is after until 2021: swap them",
        ),
        ("/api/verify", {"text": "x" * (TEXT_LIMIT + 1)}, "text should have at most 200000"),
        ("/api/verify", {"text": "x", "sources": [{}]}, "sources.0.title is missing"),
        ("/api/ask", [], "the body"),
    ],
)
def test_a_body_that_cannot_be_used_is_told_what_and_why(
    address: Address, path: str, body: Any, said: str
) -> None:
    response = address.post(path, body)
    told = response.json()
    assert response.status_code == 400
    assert said in told["error"]
    assert "\n" not in told["error"]
    assert (told["code"], told["kind"]) == (2, "UsageError")


def test_an_error_about_a_body_does_not_repeat_its_values(address: Address) -> None:
    told = address.post("/api/ask", {"question": ["hunter2"], "top_k": "hunter2"}).text
    assert "hunter2" not in told


@pytest.mark.parametrize("sent", [b"{", b"\xff\xfe", b"", b'"\\ud800"', b"[" * 100_000])
def test_a_body_that_is_no_json_is_400(address: Address, sent: bytes) -> None:
    head = {"Content-Type": "application/json"}
    assert address.client.post("/api/ask", content=sent, headers=head).status_code == 400


def test_a_form_is_no_question(address: Address) -> None:
    # What a foreign page can send without asking first.
    head = {"Content-Type": "text/plain"}
    body = json.dumps(ASK).encode()
    response = address.client.post("/api/ask", content=body, headers=head)
    assert response.status_code == 400
    assert "application/json" in response.json()["error"]


def test_half_a_character_is_no_question(address: Address) -> None:
    head = {"Content-Type": "application/json"}
    body = b'{"question": "\\ud800"}'
    assert address.client.post("/api/ask", content=body, headers=head).status_code == 400


@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/mcp"])
def test_a_body_too_large_is_413(address: Address, path: str) -> None:
    response = address.post(path, {"question": "x" * 1_000_000})
    assert response.status_code == 413
    assert "1 MB" in response.text


def test_a_body_too_large_is_413_though_it_does_not_tell_its_length(address: Address) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    head = {"Content-Type": "application/json"}
    response = address.client.post("/api/ask", content=parts(), headers=head)
    assert response.status_code == 413


@pytest.mark.parametrize("path", ["/api/nothing", "/v1/nothing", "/mcp/nothing", "/api", "/v1"])
def test_what_is_not_there_is_404_in_words(address: Address, path: str) -> None:
    response = address.get(path)
    assert response.status_code == 404
    assert "openapi.json" in response.text


@pytest.mark.parametrize(
    ("path", "methods"), [("/api/ask", "POST"), ("/mcp", "POST"), ("/v1/chat/completions", "POST")]
)
def test_another_method_is_405_and_names_the_right_one(
    address: Address, path: str, methods: str
) -> None:
    response = address.get(path)
    assert (response.status_code, response.headers["allow"]) == (405, methods)


def every_error() -> list[type[AssistantError]]:
    found = [AssistantError]
    for one in found:
        found += one.__subclasses__()
    return [one for one in found if one.__module__ == errors.__name__]


STATUS = {
    "AssistantError": 500,
    "UsageError": 400,
    "ConfigError": 500,
    "EncoderMismatch": 500,
    "CorpusError": 500,
    "ProviderError": 502,
    "ProviderAuthError": 502,
    "ProviderRateLimit": 429,
    "BudgetSpent": 429,
    "ProviderTimeout": 504,
    "ProviderUnreachable": 502,
    "ProviderInterrupted": 502,
    "StoreError": 503,
    "CatalogError": 503,
    "IndexMissing": 503,
    "Locked": 503,
}


def test_every_error_has_its_status(stub: StubAssistant, address: Address) -> None:
    found = {}
    for kind in every_error():
        stub.fault = kind("the thing:\nits cure")
        response = address.post("/api/ask", ASK)
        assert response.json() == {
            "error": "the thing: its cure",
            "code": kind.exit_code,
            "kind": kind.__name__,
        }
        found[kind.__name__] = response.status_code
    assert found == STATUS


def test_an_error_that_is_known_tells_no_key_either() -> None:
    stub = StubAssistant()
    with served(stub, settings_of({"OPENAI_API_KEY": KEY})) as address:
        stub.fault = errors.StoreError(f"the server said {KEY}: ask again")
        told = address.post("/api/ask", ASK)
    assert told.json()["error"] == "the server said ***: ask again"


def test_a_rate_limit_says_after_how_long_to_come_again(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.fault = errors.ProviderRateLimit("the server asks us to slow down (429): ask again in 7 s")
    assert address.post("/api/ask", ASK).headers["retry-after"] == "7"
    stub.fault = errors.ProviderRateLimit("the quota is spent: add credit")
    assert "retry-after" not in address.post("/api/ask", ASK).headers


@pytest.mark.parametrize("path", ["/api/ask", "/api/search"])
def test_an_unexpected_error_shows_an_id_and_the_log_explains_it(
    path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stub = StubAssistant()
    with served(stub, settings_of({"OPENAI_API_KEY": KEY})) as address:
        stub.fault = RuntimeError(f"no such file /home/me/x with {KEY} and Bearer abcdef")
        response = address.post(path, ASK)
    told = response.json()
    assert (response.status_code, told["code"], told["kind"]) == (500, 1, "Unexpected")
    assert "/home" not in told["error"]
    number = told["error"].split(" finds ")[1].split()[0]
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert line.startswith(number)
    assert "Traceback" in line
    assert "RuntimeError: no such file /home/me/x" in line
    assert KEY not in line
    assert "abcdef" not in line


def test_an_unexpected_error_within_a_stream_shows_an_id(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.cut = RuntimeError("/home/me")
    name, data = address.events("/api/ask", {**ASK, "stream": True})[-1]
    assert name == "error"
    assert json.loads(data)["kind"] == "Unexpected"
    assert "/home" not in data


def test_every_route_is_described(address: Address) -> None:
    described = address.get("/api/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/ask",
        "/api/search",
        "/api/verify",
        "/api/papers",
        "/api/papers/{paper_id}",
        "/api/corpora",
        "/api/health",
        "/v1/models",
        "/v1/models/{name}",
        "/v1/chat/completions",
    }
    for methods in described["paths"].values():
        for route in methods.values():
            assert route["summary"]
            assert "503" in route["responses"]
    for body in ("AskBody", "SearchBody", "VerifyBody", "CompletionBody"):
        assert described["components"]["schemas"][body]["examples"]
    assert set(described["components"]["schemas"]["Failure"]["required"]) == {
        "error", "code", "kind",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/docs"])
def test_no_page_of_documentation_loads_anything_from_elsewhere(
    address: Address, path: str
) -> None:
    assert address.get(path).status_code == 404


# Turns


def in_background(address: Address, body: Any = ASK, path: str = "/api/ask") -> "Asking":
    asking = Asking(address, path, body)
    asking.start()
    return asking


class Asking(Thread):
    """A question in a thread of its own."""

    def __init__(self, address: Address, path: str, body: Any) -> None:
        super().__init__()
        self._ask = lambda: address.post(path, body)
        self.response: Any = None

    def run(self) -> None:
        self.response = self._ask()

    def status(self) -> int:
        self.join(15)
        return int(self.response.status_code)


def test_so_many_are_answered_so_many_wait_and_the_rest_are_turned_away(
    paced: Paced,
) -> None:
    with served(paced, server_concurrent=2, server_waiting=3) as address:
        asked = [in_background(address) for _ in range(5)]
        address.until(running=2, waiting=3)
        for path, body in (("/api/ask", ASK), ("/api/ask", {**ASK, "stream": True})):
            response = address.post(path, body)
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert response.json()["kind"] == "Busy"
        paced.let_all()
        assert [one.status() for one in asked] == [200] * 5
        address.until(running=0, waiting=0)
    assert len(paced.asked) == 5


def test_who_waits_is_answered_in_order(paced: Paced) -> None:
    with served(paced, server_concurrent=1, server_waiting=9) as address:
        asked = []
        for number in range(4):
            asked.append(in_background(address, {"question": f"{number}?"}))
            address.until(running=1, waiting=number)
        paced.let_all()
        assert [one.status() for one in asked] == [200] * 4
    assert [one["question"] for one in paced.asked] == ["0?", "1?", "2?", "3?"]


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_frees_the_place_at_once_and_the_answer_is_closed(
    paced: Paced,
    stream: bool,
) -> None:
    with served(paced, server_concurrent=1, server_waiting=1) as address:
        with leaver(address, {**ASK, "stream": stream}):
            address.until(running=1)
        # Its thread is still in the middle of a step.
        address.until(running=0)
        assert paced.closed == 0
        other = in_background(address)
        address.until(running=1, waiting=0)
        paced.let_all()
        assert other.status() == 200
        eventually(lambda: paced.closed == 2)
        eventually(lambda: threads_named("assistant-turn") == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_nobody_waits_for_goes_no_step_further(paced: Paced, stream: bool) -> None:
    with served(paced) as address:
        with leaver(address, {**ASK, "stream": stream}):
            address.until(running=1)
        address.until(running=0)
        paced.go.release(2)
        eventually(lambda: paced.closed == 1)
        # The second step was not asked for.
        assert paced.go.acquire(blocking=False)


def test_who_leaves_while_waiting_is_never_asked_for(paced: Paced) -> None:
    with served(paced, server_concurrent=1, server_waiting=1) as address:
        first = in_background(address)
        address.until(running=1)
        with leaver(address, {**ASK, "question": "Gone?"}):
            address.until(running=1, waiting=1)
        address.until(running=1, waiting=0)
        paced.let_all()
        assert first.status() == 200
    assert [one["question"] for one in paced.asked] == [ASK["question"]]


def test_those_who_leave_again_and_again_do_not_pile_up_threads(
    paced: Paced,
) -> None:
    with served(paced, server_concurrent=2, server_waiting=9) as address:
        for _ in range(4):
            with leaver(address, ASK):
                address.until(running=1)
            address.until(running=0)
        with leaver(address, ASK):
            address.until(running=0, waiting=1)
            assert threads_named("assistant-turn") == 4
            paced.let_all()
            address.until(running=0, waiting=0)
        eventually(lambda: threads_named("assistant-turn") == 0)


def leaver(address: Address, body: Any) -> socket.socket:
    """A client that sends its question and, at the end of the block, hangs up."""
    host, port = address.url.removeprefix("http://").split(":")
    sent = json.dumps(body).encode()
    client = socket.create_connection((host, int(port)))
    client.sendall(
        b"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(sent), sent)
    )
    return client


def test_an_unknown_paper_id_can_hold_anything(address: Address) -> None:
    assert address.get("/api/papers/%00%1b%5b31m").status_code == 404


def test_usage_errors_of_the_assistant_are_400(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.fault = UsageError("no model 'x' here: choose one of embedded")
    assert address.post("/api/ask", {**ASK, "model": "x"}).status_code == 400
