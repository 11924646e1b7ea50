import json
import logging
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider import (
    JSON,
    STREAM,
    Behaviour,
    Provider,
    completion,
    cuts,
    delta,
    dribbles,
    dribbles_headers,
    fails,
    hangs,
    pings,
    refuses,
    resets,
    says,
    sends,
    sends_events,
    sends_json,
    serve_provider,  # noqa: F401
)

from assistant.errors import (
    ConfigError,
    ProviderAuthError,
    ProviderError,
    ProviderInterrupted,
    ProviderRateLimit,
    ProviderTimeout,
    ProviderUnreachable,
)
from assistant.llm import OpenAILLM, check_server, complete
from assistant.llm.client import _Reply
from assistant.llm.deadline import Timed
from assistant.llm.reasoning import ThinkFilter
from assistant.schema import LLM, Message, Usage

KEY = "canary-key-5f2c9e71d0"
ASKED = [Message("system", "Be brief."), Message("user", "Why?")]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.llm.client.uniform", lambda low, high: 0.01)


@pytest.fixture
def llm(provider: Provider) -> OpenAILLM:
    return connect(provider)


@pytest.fixture(autouse=True)
def no_key_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert KEY not in caplog.text


def connect(provider: Provider, **options: Any) -> OpenAILLM:
    given = {"base_url": provider.url, "api_key": KEY, "timeout_s": 10.0, **options}
    return OpenAILLM(given.pop("model", "test-model"), **given)


def ask(llm: LLM, max_tokens: int = 50) -> tuple[str, Usage]:
    return complete(llm, ASKED, max_tokens)


def ask_and_fail(llm: LLM, kind: type[ProviderError] = ProviderError) -> str:
    """The one line of the error, which is exactly of its type and drags nothing along."""
    with pytest.raises(ProviderError) as caught:
        ask(llm)
    error = caught.value
    assert type(error) is kind, repr(error)
    message = str(error)
    assert "\n" not in message
    assert len(message) < 400
    assert KEY not in f"{message} {error!r} {llm!r} {llm}"
    assert error.__cause__ is None
    return message


class TestReplies:
    def test_a_reply_comes_in_pieces_and_ends_with_its_usage(
        self, provider: Provider, llm: OpenAILLM
    ):
        provider.enqueue(says("It is so [1]."))
        *pieces, last = llm.stream(ASKED, max_tokens=50)
        assert [piece.text for piece in pieces] == ["It is", " so ", "[1]."]
        assert {piece.usage for piece in pieces} == {None}
        assert (last.text, last.usage) == ("", Usage(11, 7, 1))

    def test_a_request_says_what_it_should(self, provider: Provider, llm: OpenAILLM):
        ask(llm)
        (seen,) = provider.requests
        assert seen.body == {
            "model": "test-model",
            "messages": [message._asdict() for message in ASKED],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.0,
            "max_tokens": 50,
        }
        assert seen.headers["authorization"] == f"Bearer {KEY}"

    def test_usage_is_counted_where_the_server_tells_none(self, provider, llm):
        provider.enqueue(says("It is so [1].", usage=False))
        assert ask(llm)[1] == Usage(5, 6, 1)

    def test_nothing_is_asked_before_the_first_piece_is_wanted(self, provider, llm):
        llm.stream(ASKED, max_tokens=50)
        assert not provider.requests

    def test_a_reader_who_leaves_frees_the_server(self, provider, llm):
        provider.enqueue(dribbles())
        pieces = llm.stream(ASKED, max_tokens=50)
        assert next(pieces).text == "word "
        pieces.close()
        assert reading_threads_end()

    def test_a_local_server_needs_no_key(self, provider):
        assert ask(connect(provider, api_key=None))[0] == "It is so [1]."
        assert provider.requests[0].headers["authorization"] == "Bearer none"

        provider.enqueue(fails(401))
        message = ask_and_fail(connect(provider, api_key=None), ProviderAuthError)
        assert message.endswith("wants a key: set OPENAI_API_KEY")

    def test_azure_is_asked_for_its_deployment(self, provider):
        llm = connect(provider, base_url=f"http://{provider.host}", api_version="2024-10-21")
        assert ask(llm)[0] == "It is so [1]."
        (seen,) = provider.requests
        assert seen.path == (
            "/openai/deployments/test-model/chat/completions?api-version=2024-10-21"
        )
        assert seen.headers["api-key"] == KEY
        assert seen.body["max_completion_tokens"] == 50
        provider.enqueue(fails(401))
        assert "set AZURE_OPENAI_API_KEY" in ask_and_fail(llm, ProviderAuthError)

    @pytest.mark.parametrize("whole", [completion("It is so."), completion("It is so.", None)])
    def test_a_server_that_cannot_stream_is_read_whole(self, provider, llm, whole):
        provider.enqueue(sends_json(whole))
        assert ask(llm) == ("It is so.", Usage(11, 7, 1))

    def test_a_second_question_of_a_closed_client_opens_it_again(self, llm):
        ask(llm)
        llm.close()
        llm.close()
        assert ask(llm)[0] == "It is so [1]."

    def test_an_empty_model_is_the_first_that_can_chat(self, provider):
        provider.models = ["nomic-embed-text", "llama3", "phi4"]
        llm = connect(provider, model="")
        ask(llm)
        assert llm.model == "llama3"
        provider.models = []
        message = ask_and_fail(connect(provider, model=""))
        assert message.endswith("offers no model: load one, or set answer.model")

    def test_odd_but_whole_replies_are_read(self, provider, llm):
        parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "It is"}]
        provider.enqueue(
            sends_events(
                [
                    {"choices": [], "prompt_filter_results": []},
                    {"choices": [{"delta": None}]},
                    delta(parts),  # type: ignore[arg-type]
                    delta(" \ud800so", reasoning_content="hm", index=5),
                    delta(" [1].", "stop") | {"usage": {"prompt_tokens": None}},
                ],
                done=False,
            )
        )
        assert ask(llm)[0] == "It is \ufffdso [1]."

    def test_what_follows_the_finish_cannot_fail_a_reply(self, provider, llm):
        provider.enqueue(sends(f"data: {json.dumps(delta('Yes.', 'stop'))}\n\ndata: {{oops\n\n"))
        assert ask(llm)[0] == "Yes."

    def test_a_finished_reply_does_not_wait_for_its_end(self, provider, llm, monkeypatch):
        monkeypatch.setattr("assistant.llm.client._GRACE_S", 0.1)

        def lingers(exchange) -> None:
            exchange.head(kind=STREAM)
            exchange.event(delta("Yes.", "stop"))
            exchange.wait(30)

        provider.enqueue(lingers)
        started = time.monotonic()
        assert ask(llm)[0] == "Yes."
        assert time.monotonic() - started < 2


class TestParameters:
    @pytest.mark.parametrize("status", [400, 422])
    @pytest.mark.parametrize("name", ["stream_options", "temperature", "max_tokens"])
    def test_a_refused_parameter_is_left_out_from_then_on(self, provider, llm, name, status):
        provider.default = refuses(name, status=status)
        assert ask(llm)[1].requests == 2
        assert ask(llm)[1].requests == 1
        assert name not in provider.requests[-1].body

    def test_two_refused_parameters_still_take_three_requests(self, provider, llm):
        provider.default = refuses("max_tokens", "temperature")
        assert ask(llm)[1].requests == 3
        assert provider.requests[-1].body["max_completion_tokens"] == 50

    def test_three_requests_are_the_most(self, provider, llm):
        provider.default = refuses("max_tokens", "temperature", "stream_options")
        assert "Unsupported parameter: 'stream_options'" in ask_and_fail(llm)
        assert len(provider.requests) == 3

    def test_a_refusal_of_something_else_is_an_error_at_once(self, provider, llm):
        provider.enqueue(fails(400, "Unsupported value: 'messages'"))
        message = ask_and_fail(llm)
        assert "refuses the request (400: Unsupported value: 'messages')" in message
        provider.enqueue(fails(400, "temperature is too warm today"))
        ask_and_fail(llm)
        assert len(provider.requests) == 2

    def test_the_newer_name_is_used_where_it_is_known(self):
        assert OpenAILLM("gpt-5", api_key=KEY)._limit_name == "max_completion_tokens"
        assert OpenAILLM("x", base_url="http://h/v1")._limit_name == "max_tokens"


class TestConfiguration:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "no key is set: set OPENAI_API_KEY, or answer.base_url to a local server"),
            ({"base_url": "http://h", "api_version": "1"}, "set AZURE_OPENAI_API_KEY"),
            ({"api_key": f"{KEY}\u2026"}, "OPENAI_API_KEY holds characters that no key has"),
            ({"api_key": f"{KEY} \x00{KEY}"}, "OPENAI_API_KEY holds characters"),
            ({"base_url": "localhost:11434/v1"}, "answer.base_url is no address: write it as"),
            ({"base_url": "http://h:port/v1"}, "answer.base_url is no address"),
            ({"base_url": f"http://me:{KEY}@h/v1"}, "answer.base_url holds a password"),
        ],
    )
    def test_a_bad_setting_names_its_cure(self, options, message):
        with pytest.raises(ConfigError) as caught:
            OpenAILLM("m", **options)
        assert message in str(caught.value)
        assert KEY not in str(caught.value)

    def test_a_key_with_a_line_end_is_trimmed(self, provider):
        ask(connect(provider, api_key=f" {KEY}\n"))
        assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"

    def test_it_shows_no_key(self, llm):
        assert re.fullmatch(r"OpenAILLM\(model='test-model', host='127.0.0.1:\d+'\)", repr(llm))
        assert KEY not in repr(llm.server)


HTML = "<!DOCTYPE html>\n<html>\n<body>Welcome to nginx!</body>\n</html>"
LATER = formatdate(time.time() + 36_000, usegmt=True)
CUT = "broke off before its end"
# What the server does, the error it ends in, words of its line, and the requests it takes.
FAULTS: dict[str, tuple[Behaviour, type[ProviderError], str, int]] = {
    "401": (fails(401, f"Bad key {KEY}"), ProviderAuthError, "key: set OPENAI_API_KEY", 1),
    "403": (fails(403), ProviderAuthError, "refuses the key for the model 'test-model'", 1),
    "404 model": (fails(404, 'model "x" not found'), ProviderError, "choose another with `--m", 1),
    "400 model": (fails(400, "x is not a valid model"), ProviderError, "choose another with", 1),
    "404 address": (fails(404, {"detail": "Not Found"}), ProviderError, "most end in /v1", 1),
    "408": (fails(408), ProviderTimeout, "gave up waiting (408)", 3),
    "409": (fails(409), ProviderError, "refuses the request (409: it failed)", 3),
    "413": (fails(413), ProviderError, "lower answer.context_tokens", 1),
    "400 context": (
        fails(400, "This model's maximum context length is 4096 tokens, not 5000"),
        ProviderError,
        "lower answer.context_tokens",
        1,
    ),
    "500 context": (fails(500, "exceeds the context size"), ProviderError, "lower answer.co", 1),
    "400 html": (sends(HTML, "text/html", 400), ProviderError, "(400: a web page)", 1),
    "400 no text": (fails(400, {"error": None}), ProviderError, "(400)", 1),
    "402": (fails(402), ProviderRateLimit, "quota", 1),
    "429": (fails(429), ProviderRateLimit, "slow down (429): ask again later", 3),
    "429 in 100 s": (fails(429, retry_after="100"), ProviderRateLimit, "ask again in 100 s", 1),
    "429 at a date": (fails(429, retry_after=LATER), ProviderRateLimit, "again in 3", 1),
    "429 at no date": (fails(429, retry_after="soon"), ProviderRateLimit, "again later", 3),
    "429 for ever": (fails(429, retry_after="inf"), ProviderRateLimit, "again later", 3),
    "429 quota": (
        fails(429, {"error": {"message": "No.", "code": "insufficient_quota"}}),
        ProviderRateLimit,
        "the quota at 127.0.0.1",
        1,
    ),
    "500": (fails(500), ProviderError, "failed 3 times (500: it failed): ask again later", 3),
    "503 html": (sends(HTML, "text/html", 503), ProviderError, "(503: a web page)", 3),
    "redirect": (
        fails(302, location="http://127.0.0.1:9/v1"),
        ProviderError,
        "sends us to another address (302)",
        1,
    ),
    "html": (sends(HTML, "text/html"), ProviderError, "answers with a web page: check answer", 1),
    "html as json": (sends(HTML, JSON), ProviderError, "no chat completion", 1),
    "html as stream": (sends(HTML), ProviderInterrupted, CUT, 1),
    "deep json": (sends("[" * 100_000, JSON), ProviderError, "no chat completion", 1),
    "empty": (sends(""), ProviderInterrupted, CUT, 1),
    "empty json": (sends("", JSON), ProviderError, "no chat completion", 1),
    "no json": (sends_json(["x"]), ProviderError, "no chat completion", 1),
    "error in json": (sends_json({"error": "overloaded"}), ProviderError, "(500: overloaded)", 3),
    "no choices in json": (sends_json({"choices": []}), ProviderError, "gave an empty reply", 1),
    "half a json": (
        lambda exchange: (exchange.head(Content_Length="900"), exchange.send('{"choices": [')),
        ProviderUnreachable,
        "hung up 3 times",
        3,
    ),
    "empty choices": (sends_events([{"choices": []}] * 3), ProviderInterrupted, CUT, 1),
    "bad choices": (sends_events([{"choices": ["x"]}]), ProviderError, "no chat completion", 1),
    "bad finish": (
        sends_events([{"choices": [{"delta": {"content": 5}, "finish_reason": 7}]}]),
        ProviderInterrupted,
        CUT,
        1,
    ),
    "bad event": (sends_events([["x"]]), ProviderError, "no chat completion", 1),
    "bad json": (sends("data: {oops\n\n"), ProviderError, "no chat completion", 1),
    "bad json later": (
        sends(f"data: {json.dumps(delta('It'))}\n\ndata: {{oops\n\n"),
        ProviderInterrupted,
        CUT,
        1,
    ),
    "bad utf-8": (sends(b'data: {"choices": "\xff\xfe"}\n\n'), ProviderError, "no chat", 1),
    "error in stream": (
        sends_events([{"error": {"message": f"Bad {KEY}", "code": 401}}]),
        ProviderAuthError,
        "refuses the key",
        1,
    ),
    "error in the middle": (
        sends_events([delta("It"), {"error": {"message": f"no memory\n{KEY}"}}]),
        ProviderInterrupted,
        "broke off before its end (no memory ***): ask again",
        1,
    ),
    "cut": (cuts(), ProviderInterrupted, CUT, 1),
    "cut without a trace": (cuts(chunked=False), ProviderInterrupted, CUT, 1),
    "cut before the first word": (cuts(""), ProviderUnreachable, "hung up 3 times", 3),
    "no finish": (says("It is", finish=None), ProviderInterrupted, CUT, 1),
    "abort": (says("It is", finish="abort"), ProviderInterrupted, CUT, 1),
    "length": (says("It is", finish="length"), ProviderInterrupted, "answer.max_tokens", 1),
    "filter": (says("It is", finish="content_filter"), ProviderError, "content filter", 1),
    "nothing said": (says(pieces=[" \n"]), ProviderError, "gave an empty reply", 1),
    "only thinking": (says("<think>Hm."), ProviderError, "gave an empty reply", 1),
    "half-marked thinking": (
        says("Hm.\n</think>\n\nIt is so [1]."),
        ProviderError,
        "mixes its thinking into the reply",
        1,
    ),
    "reset": (resets(), ProviderUnreachable, "hung up 3 times without a reply", 3),
    "reset in the middle": (resets(after="It"), ProviderInterrupted, CUT, 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_in_one_line(provider, llm, name):
    provider.default, kind, words, requests = FAULTS[name]
    message = ask_and_fail(llm, kind)
    assert words in message, message
    assert len(provider.requests) == requests


class TestRetries:
    @pytest.mark.parametrize(
        "fault", [fails(500), fails(503), fails(408), fails(429), resets(), cuts("")]
    )
    def test_a_passing_fault_is_got_over(self, provider, llm, fault):
        provider.enqueue(fault)
        assert ask(llm) == ("It is so [1].", Usage(11, 7, 2))

    @pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
    def test_retry_after_is_kept(self, provider, llm, date):
        after = formatdate(time.time() + 2, usegmt=True) if date else "1"
        provider.enqueue(fails(429, retry_after=after))
        started = time.monotonic()
        assert ask(llm)[1].requests == 2
        # A date has no fractions of a second.
        assert 0.9 <= time.monotonic() - started < 2.5

    def test_no_retries_means_one_request(self, provider):
        provider.default = fails(500)
        assert "failed (500: it failed)" in ask_and_fail(connect(provider, max_retries=0))
        assert len(provider.requests) == 1

    def test_a_reply_that_has_begun_is_not_asked_for_again(self, provider, llm):
        provider.enqueue(cuts("It is "))
        pieces = llm.stream(ASKED, max_tokens=50)
        assert next(pieces).text == "It is"
        with pytest.raises(ProviderInterrupted):
            list(pieces)
        assert len(provider.requests) == 1

    def test_a_reply_at_its_limit_is_given_with_its_usage(self, provider, llm):
        provider.enqueue(says("It is", finish="length"))
        pieces = llm.stream(ASKED, max_tokens=50)
        assert [next(pieces).text, next(pieces).usage] == ["It is", Usage(11, 7, 1)]
        with pytest.raises(ProviderInterrupted, match=r"reached answer\.max_tokens"):
            next(pieces)


class TestDeadline:
    @pytest.mark.parametrize(
        "fault",
        [
            pings(),
            dribbles(),
            dribbles_headers(),
            hangs(),
        ],
        ids=["pings", "dribbles", "dribbled headers", "hangs"],
    )
    def test_it_is_kept(self, provider, fault):
        provider.default = fault
        llm = connect(provider, timeout_s=1.0)
        _ = llm._client
        started = time.monotonic()
        message = ask_and_fail(llm, ProviderTimeout)
        assert 0.9 < time.monotonic() - started < 2.0
        assert "within 1 s: raise answer.timeout_s" in message
        assert len(provider.requests) == 1
        # Only a server that never ends its headers holds its thread, and then until it lets go.
        provider.closed.set()
        assert reading_threads_end()

    def test_retries_do_not_pass_it(self, provider, monkeypatch):
        monkeypatch.setattr("assistant.llm.client.uniform", lambda low, high: 1.0)
        provider.default = fails(500)
        started = time.monotonic()
        ask_and_fail(connect(provider, timeout_s=1.0))
        assert time.monotonic() - started < 2.0
        assert len(provider.requests) == 2

    def test_a_reader_who_pauses_loses_nothing(self, provider):
        llm = connect(provider, timeout_s=0.5)
        pieces = llm.stream(ASKED, max_tokens=50)
        first = next(pieces).text
        time.sleep(0.6)
        assert first + "".join(piece.text for piece in pieces) == "It is so [1]."

    @pytest.mark.parametrize("events", [[], [delta("It")]], ids=["nothing", "a word"])
    def test_a_silent_server_is_left_by_its_thread_too(self, provider, llm, events):
        def falls_silent(exchange) -> None:
            exchange.head(kind=STREAM)
            for event in events:
                exchange.event(event)
            exchange.wait(30)

        provider.enqueue(falls_silent)
        timed: Timed[Any] = Timed(lambda timed: [], 0.3)
        with pytest.raises(ProviderTimeout):
            list(llm._deltas(_Reply(ASKED, 50), timed))

    def test_once_nobody_listens_nothing_more_is_asked(self, provider, llm):
        timed: Timed[Any] = Timed(lambda timed: [], 5)
        timed.stopped.set()
        # The first reply comes too late; the failure is not asked again.
        assert list(llm._deltas(_Reply(ASKED, 50), timed)) == []
        provider.enqueue(fails(500))
        assert list(llm._deltas(_Reply(ASKED, 50), timed)) == []
        assert len(provider.requests) == 2

    def test_a_thread_ends_with_its_reader(self):
        def endless(timed: Timed[int]) -> Iterator[int]:
            while True:
                yield 1

        items = Timed(endless, 5).items()
        assert next(items) == 1
        items.close()
        assert reading_threads_end()

    def test_an_error_of_our_own_is_not_hidden(self):
        def broken(timed: Timed[int]) -> Iterator[int]:
            yield 1
            raise ZeroDivisionError

        items = Timed(broken, 5).items()
        assert next(items) == 1
        with pytest.raises(ZeroDivisionError):
            next(items)


class TestConnection:
    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        message = ask_and_fail(
            OpenAILLM("m", base_url=f"http://localhost:{port}/v1"), ProviderUnreachable
        )
        assert message == (
            f"nothing answers at localhost:{port} (connection refused):"
            " start the server, or check answer.base_url"
        )

    def test_no_such_host(self, monkeypatch):
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        llm = OpenAILLM("m", base_url="https://no.invalid/v1", api_key=KEY)
        message = ask_and_fail(llm, ProviderUnreachable)
        assert "(no such host): check the network and answer.base_url" in message

    def test_no_tls_where_it_was_asked_for(self, provider):
        llm = connect(provider, base_url=provider.url.replace("http:", "https:"))
        assert "nothing answers at" in ask_and_fail(llm, ProviderUnreachable)

    def test_a_client_of_ones_own_can_be_handed_in(self):
        import httpx2

        def reply(request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, json=completion("Mine."))

        client = httpx2.Client(transport=httpx2.MockTransport(reply))
        assert ask(OpenAILLM("m", api_key=KEY, http_client=client))[0] == "Mine."

    def test_a_proxy_does_not_come_between_us_and_our_own_machine(self, provider, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert ask(connect(provider))[0] == "It is so [1]."

    def test_openai_is_imported_with_the_first_question(self):
        code = "import sys, assistant.llm; sys.exit('openai' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_a_redirect_carries_nothing_elsewhere(self, provider, llm):
        with Provider() as other:
            provider.enqueue(fails(307, location=f"{other.url}/chat/completions"))
            ask_and_fail(llm)
            assert not other.requests


class TestDoctor:
    def test_all_is_well(self, provider, llm):
        assert check_server(llm) == (True, True, True, "")
        provider.models = ["test-model:latest"]
        assert check_server(llm).model_present
        assert check_server(connect(provider, model="")).model_present

    def test_the_model_is_not_there(self, provider, llm):
        provider.models = ["llama3", "test-modell"]
        report = check_server(llm)
        assert report[:3] == (True, True, False)
        assert report.problem.endswith(
            "list 'test-model': choose one of test-modell with `--model`"
        )
        provider.models = []
        assert check_server(llm).problem.endswith("load one there")
        assert "offers no model" in check_server(connect(provider, model="")).problem

    @pytest.mark.parametrize(
        ("behaviour", "report", "words"),
        [
            (fails(401, KEY), (True, False, None), "set OPENAI_API_KEY"),
            (fails(404), (True, True, None), "404"),
            (sends(HTML, "text/html"), (True, True, None), "OpenAI-compatible address"),
            (sends_json([]), (True, True, None), "OpenAI-compatible address"),
            (hangs(), (False, False, None), "answer.timeout_s"),
        ],
        ids=["key", "no list", "html", "odd list", "hangs"],
    )
    def test_each_fault_is_told(self, provider, behaviour, report, words):
        provider.models_default = behaviour
        told = check_server(connect(provider, timeout_s=0.7))
        assert told[:3] == report
        assert words in told.problem
        assert KEY not in told.problem

    def test_dribbled_headers_are_not_waited_for(self, provider):
        provider.models_default = dribbles_headers()
        assert not check_server(connect(provider, timeout_s=0.5)).reachable
        provider.closed.set()
        assert reading_threads_end()

    def test_azure_lists_no_deployments(self, provider):
        llm = connect(provider, base_url=f"http://{provider.host}", api_version="2024-10-21")
        assert check_server(llm) == (True, True, None, "")


class TestThinking:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("<think>Hm.\n\n</think>\n\nIt is so [1].", "It is so [1]."),
            ("<think></think>\n\nIt is so [1].", "It is so [1]."),
            ("\n<Think>a</think> <thinking>b</THINKING>\nYes.", "Yes."),
            ("[THINK]a <think> b[/THINK]Yes.", "Yes."),
            ("Yes <think>no</think>and more.", "Yes and more."),
            ("It ends with <think> tokens [1].", "It ends with <think> tokens [1]."),
            ("a < b and <thin air", "a < b and <thin air"),
            ("a <thinK\u212a> b <th\u0130nk>", "a <thinKK> b <th\u0130nk>"),
        ],
    )
    def test_thinking_is_not_in_the_answer(self, provider, llm, said, shown):
        provider.default = says(said)
        assert ask(llm)[0] == shown
        provider.default = sends_json(completion(said, reasoning_content="Hm."))
        assert ask(llm)[0] == shown

    def test_an_answer_is_shown_while_it_comes(self):
        filtered = ThinkFilter()
        assert [filtered.feed(piece) for piece in ("<thi", "nk>x</", "think>", "It", " is <")] == [
            *("", "", "", "It"),
            " is ",
        ]
        assert filtered.finish() == "<"


BLOCK = re.compile(
    r"<think>.*?</think>|<thinking>.*?</thinking>|\[think\].*?\[/think\]"
    r"|(?P<unclosed>(<think>|<thinking>|\[think\]).*)",
    flags=re.IGNORECASE | re.DOTALL | re.ASCII,
)


def without_thinking(text: str) -> str:
    """What ThinkFilter shows, said another way: all at once, by expression."""

    def shown(match: re.Match[str]) -> str:
        opens = not BLOCK.sub("", text[: match.start()]).strip()
        return "" if opens else match["unclosed"] or ""

    return BLOCK.sub(shown, text).lstrip()


tags = st.sampled_from(
    ["<think>", "</think>", "<thinking>", "</Thinking>", "[THINK]", "[/think]", "<thin", "</", "<"]
)
thoughts = st.lists(tags | st.text(alphabet="ab \n[1]<>/\u212a\u0130", max_size=4), max_size=14)


@settings(max_examples=500, deadline=None)
@given(parts=thoughts, cuts=st.lists(st.integers(0, 90), max_size=10))
def test_thinking_is_found_however_the_pieces_are_cut(parts: list[str], cuts: list[int]):
    text = "".join(parts)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    filtered = ThinkFilter()
    pieces = [filtered.feed(text[start:end]) for start, end in pairwise(bounds)]
    assert "".join([*pieces, filtered.finish()]) == without_thinking(text)


def reading_threads_end(seconds: float = 2.0) -> bool:
    """Whether no thread of a question is left a little later."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(thread.name == "assistant-deadline" for thread in threading.enumerate()):
            return True
        time.sleep(0.02)
    return False
