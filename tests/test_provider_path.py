"""The real openai client, a server that speaks its protocol, and the real commands between them."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from provider import (
    Behaviour,
    Provider,
    completion,
    cuts,
    fails,
    hangs,
    pings,
    resets,
    says,
    sends,
    sends_json,
    serve_provider,  # noqa: F401
)
from stub_assistant import Ran
from whole import (  # noqa: F401
    NOT_HERE,
    S_LORA,
    SERVING,
    Commands,
    commands,
    ready,
)

from assistant.prompts import CANNOT_ANSWER

KEY = "sk-canary-7d1f5a90c3e84b26"
STORES = "S-LoRA stores all adapters in the main memory"
GAINS = "It improves throughput by up to 4 times"
CHEESE = "The moon is made of green cheese"


class Asking:
    """Asks questions of a server; its key may come up in nothing that is said."""

    def __init__(self, cli: Commands, server: Provider) -> None:
        self.cli, self.server = cli, server
        cli.set("OPENAI_API_KEY", KEY)
        cli.set("ASSISTANT_ANSWER__BASE_URL", server.url)
        cli.set("ASSISTANT_ANSWER__MODEL", "test-model")

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        ran = self.cli(*arguments, stdin=stdin)
        assert KEY not in ran.out + ran.err
        assert KEY[-8:] not in ran.out + ran.err
        return ran

    def answer(self, reply: str | Behaviour, question: str = SERVING) -> dict[str, Any]:
        self.server.enqueue(says(reply) if isinstance(reply, str) else reply)
        ran = self("ask", question, "--json")
        assert ran.err == ""
        return dict(ran.json)

    def terminal(self) -> None:
        """From here on a person looks on."""
        self.cli.set("FORCE_COLOR", "1")
        self.cli.set("COLUMNS", "80")


@pytest.fixture
def ask(
    cli: Commands,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Asking]:
    monkeypatch.setattr("assistant.llm.client.uniform", lambda low, high: 0.02)
    yield Asking(cli, provider)
    for seen in provider.requests:
        assert KEY not in json.dumps(seen.body)


def verdicts(record: dict[str, Any]) -> list[str]:
    return [sentence["verdict"] for sentence in record["sentences"]]


def plain(text: str) -> str:
    return " ".join(re.sub(r"\x1b\[[\d;]*m", "", text).split())


# Answers


def test_a_model_writes_from_the_sources_and_every_sentence_is_verified(ask: Asking) -> None:
    record = ask.answer(f"{STORES} [1]. {GAINS} [1].")
    assert verdicts(record) == ["supported", "supported"]
    assert record["answer"] == f"{STORES} [1]. {GAINS} [1]."
    assert [one["title"] for one in record["citations"]] == [S_LORA]
    assert record["model"] == "test-model"
    assert record["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "requests": 1}
    assert record["timings_ms"]["first_token"] > 0
    (seen,) = ask.server.questions
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    asked = seen.body["messages"][-1]["content"]
    assert f"[1] Title: {S_LORA}" in asked
    assert f"Question: {SERVING}" in asked


def test_the_answer_of_a_model_streams_onto_a_terminal(ask: Asking) -> None:
    ask.server.enqueue(says(f"{STORES} [1]."))
    ask.terminal()
    ran = ask("ask", SERVING)
    assert ran.code == 0
    assert plain(ran.out).startswith(f"{STORES} [1].")
    assert "1 of 1 claims supported · test-model · 11 + 7 tokens" in plain(ran.err)


def test_a_server_that_does_not_stream_is_understood(ask: Asking) -> None:
    record = ask.answer(sends_json(completion(f"{STORES} [1].")))
    assert (record["answer"], verdicts(record)) == (f"{STORES} [1].", ["supported"])


@pytest.mark.parametrize(
    "faults",
    [[fails(429, "slow down", Retry_After="1")], [fails(500)], [fails(503), resets()]],
    ids=["429", "500", "503, then a reset"],
)
def test_a_passing_fault_is_asked_again(ask: Asking, faults: list[Behaviour]) -> None:
    ask.server.enqueue(*faults)
    record = ask.answer(f"{STORES} [1].")
    assert verdicts(record) == ["supported"]
    assert record["usage"]["requests"] == len(ask.server.questions) == len(faults) + 1


def test_a_sentence_without_a_citation_gets_the_paper_that_supports_it(ask: Asking) -> None:
    record = ask.answer(f"{STORES}.")
    assert record["answer"] == f"{STORES}. [1]"
    assert record["sentences"][0]["citations"] == [1]
    assert record["citations"][0]["title"] == S_LORA
    assert verdicts(record) == ["supported"]


def test_a_sentence_that_nothing_supports_is_shown_without_a_source(ask: Asking) -> None:
    record = ask.answer(f"{STORES} [1]. {CHEESE}.")
    assert verdicts(record) == ["supported", "uncited"]
    ask.server.enqueue(says(f"{STORES} [1]. {CHEESE}."))
    ran = ask("ask", SERVING, "--strict")
    assert ran.code == 3
    assert f"⚠ no source given: “{CHEESE}.”" in ran.out


def test_a_model_that_insists_on_what_no_source_bears_out_is_not_shown(ask: Asking) -> None:
    ask.server.enqueue(says(f"{CHEESE}."))
    record = ask.answer(f"{CHEESE}.")
    assert record["refused"]
    assert record["answer"].startswith("No source bears out what test-model wrote. ")
    assert [sentence["text"] for sentence in record["struck"]] == [f"{CHEESE}."]
    assert record["usage"]["requests"] == 2
    ask.server.enqueue(says(f"{CHEESE}."), says(f"{CHEESE}."))
    ran = ask("ask", SERVING)
    assert (ran.code, CHEESE in ran.out.splitlines()[0]) == (3, False)
    assert f"✗ struck, no source bears it out: “{CHEESE}.”" in ran.out


def test_a_reply_of_faults_is_asked_for_once_more(ask: Asking) -> None:
    ask.server.enqueue(says(f"{CHEESE}."))
    record = ask.answer(f"{STORES} [1].")
    assert (record["answer"], "struck" in record) == (f"{STORES} [1].", False)
    assert CHEESE in ask.server.questions[-1].body["messages"][-1]["content"]


def test_a_number_of_no_source_cites_nothing(ask: Asking) -> None:
    record = ask.answer(f"{STORES} [9]. {CHEESE} [7].")
    assert "[9]" not in record["answer"]
    assert "[7]" not in record["answer"]
    assert [one["number"] for one in record["citations"]] == [1]
    assert verdicts(record) == ["supported", "uncited"]


def test_numbers_are_those_of_first_citation(ask: Asking) -> None:
    record = ask.answer(f"Other work is on this too [3]. {STORES} [1][3].")
    assert "[1]. S-LoRA" in record["answer"]
    assert "[2][1]." in record["answer"]
    assert [one["number"] for one in record["citations"]] == [1, 2]
    assert record["citations"][1]["title"] == S_LORA
    cited = [one["paper_id"] for one in record["citations"]]
    assert [one["paper_id"] for one in record["papers"]][:2] == cited


def test_what_the_abstract_does_not_say_is_marked(ask: Asking) -> None:
    wrong = "S-LoRA improves throughput by up to 40 times"
    record = ask.answer(f"{STORES} [1]. {wrong} [1].")
    assert verdicts(record)[0] == "supported"
    assert verdicts(record)[1] in {"contradicted", "not_in_evidence", "partial"}
    ask.server.enqueue(says(f"{STORES} [1]. {wrong} [1]."))
    ran = ask("ask", SERVING)
    marked = [line for line in ran.out.splitlines() if line[:1] in ("⚠", "✗")]
    assert len(marked) == 1
    assert wrong in marked[0]


def test_the_sentence_of_refusal_is_a_refusal(ask: Asking) -> None:
    ask.server.enqueue(says(CANNOT_ANSWER))
    ran = ask("ask", SERVING, "--json")
    assert ran.code == 3
    assert ran.json["refusal"]["kind"] == "not_stated"
    assert ran.json["refusal"]["nearest"][0]["title"] == S_LORA
    assert (ran.json["sentences"], ran.json["citations"]) == ([], [])
    assert ran.json["usage"]["requests"] == 1
    ask.server.enqueue(says(CANNOT_ANSWER))
    ask.terminal()
    shown = ask("ask", SERVING)
    assert shown.code == 3
    assert CANNOT_ANSWER not in plain(shown.out)


def test_below_the_floor_no_model_is_asked(ask: Asking) -> None:
    ran = ask("ask", NOT_HERE, "--json")
    assert (ran.code, ask.server.requests) == (3, [])
    assert ran.json["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "requests": 0}


def test_a_follow_up_is_made_standalone_by_the_model(ask: Asking) -> None:
    ask.server.enqueue(says(SERVING), says(f"{STORES} [1]."))
    turn = {"user": "What is S-LoRA?", "assistant": "A serving system [1]."}
    row = json.dumps({"question": "And how does it serve thousands?", "history": [turn]})
    ran = ask("ask", "--file", "-", "--json", stdin=row)
    assert ran.code == 0
    assert ran.json["standalone_question"] == SERVING
    assert ran.json["usage"] == {"prompt_tokens": 22, "completion_tokens": 14, "requests": 2}
    assert "What is S-LoRA?" in ask.server.questions[0].body["messages"][-1]["content"]


def test_a_model_may_be_set_aside(ask: Asking) -> None:
    ran = ask("ask", SERVING, "--model", "embedded", "--json")
    assert (ran.code, ran.json["model"], ask.server.requests) == (0, "embedded", [])


# Faults: one line, exit 5, and nothing that looks like an answer


@pytest.mark.parametrize(
    ("behaviour", "words", "requests"),
    [
        (fails(401, f"Incorrect API key provided: {KEY}"), "refuses the key", 1),
        (fails(429, "insufficient_quota"), "quota", 1),
        (fails(429, "slow down", Retry_After="100"), "ask again in 100 s", 1),
        (fails(400, "maximum context length is 10 tokens"), "answer.context_tokens", 1),
        (fails(500), "failed 3 times", 3),
        (fails(404, "model 'test-model' not found"), "has no model 'test-model'", 1),
        (resets(), "hung up 3 times", 3),
        (sends("<!doctype html><html>hi</html>", "text/html"), "web page", 1),
        (sends_json({"choices": []}), "empty reply", 1),
        (says(""), "empty reply", 1),
        (cuts(STORES), "broke off before its end", 1),
        (cuts(STORES, chunked=False), "broke off before its end", 1),
        (says(STORES, finish="length"), "answer.max_tokens", 1),
        (hangs(), "within 0.6 s", 1),
        (pings(), "within 0.6 s", 1),
    ],
    ids=[
        "401", "quota", "retry after 100", "context", "500", "no model", "reset", "web page",
        "no choices", "empty", "cut", "cut without a length", "too long", "hang", "pings",
    ],
)  # fmt: skip
def test_a_fault_is_one_line_and_exit_5(
    ask: Asking, behaviour: Behaviour, words: str, requests: int
) -> None:
    if "0.6 s" in words:
        ask.cli.set("ASSISTANT_ANSWER__TIMEOUT_S", "0.6")
    ask.server.default = behaviour
    started = time.monotonic()
    ran = ask("ask", SERVING, "--json")
    assert (ran.code, ran.out, len(ask.server.questions)) == (5, "", requests)
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert words in ran.err
    assert time.monotonic() - started < 5


def test_a_reply_that_breaks_off_is_shown_as_partial(ask: Asking) -> None:
    ask.server.enqueue(cuts(f"{STORES} [1]. It "))
    ask.terminal()
    ran = ask("ask", SERVING)
    shown = plain(ran.out)
    assert ran.code == 5
    assert shown.startswith(STORES)
    assert shown.endswith("this answer is partial, and not verified")
    assert "Sources" not in shown


def test_a_server_that_is_not_there_is_said_so(ask: Asking) -> None:
    ran = ask("ask", SERVING, "--base-url", "http://127.0.0.1:9/v1")
    assert (ran.code, ran.out) == (5, "")
    assert "nothing answers at 127.0.0.1:9" in ran.err


def test_a_row_that_meets_a_fault_stops_no_other(ask: Asking) -> None:
    ask.server.enqueue(says(f"{STORES} [1]."), fails(401), says(f"{STORES} [1]."))
    asked = "\n".join(json.dumps({"id": n, "question": SERVING}) for n in range(3))
    ran = ask("ask", "--file", "-", "--json", stdin=asked)
    assert ran.code == 1
    assert [row["id"] for row in ran.rows] == [0, 1, 2]
    assert [sorted(row) for row in ran.rows][1] == ["error", "id"]
    assert [row.get("model") for row in ran.rows] == ["test-model", None, "test-model"]


def test_a_conversation_outlives_a_fault(ask: Asking) -> None:
    ask.server.enqueue(fails(401), says(f"{STORES} [1]."))
    ran = ask("chat", stdin=f"{SERVING}\n{SERVING}\n")
    assert ran.code == 0
    assert "refuses the key" in ran.err
    assert STORES in ran.out


def test_a_fault_tells_no_key_even_when_asked_for_more(ask: Asking) -> None:
    ask.server.default = fails(401, f"Incorrect API key provided: {KEY}. Header: Bearer {KEY}")
    for verb in (["ask", SERVING, "-v"], ["doctor"], ["doctor", "--json"], ["config", "-v"]):
        ask(*verb)


def test_the_doctor_asks_the_server(ask: Asking) -> None:
    ran = ask("doctor", "--json")
    model = next(one for one in ran.json["findings"] if one["name"] == "model")
    assert model["detail"] == f"test-model at {ask.server.host}"
    assert model["state"] == "ok"
