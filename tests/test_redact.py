"""Secrets are told nobody: not in text, not in logs at any level, not when a server echoes them."""

import io
import json
import logging
import traceback
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider import Exchange, Provider, delta, fails, serve_provider  # noqa: F401
from whole import SERVING, Commands, commands, ready  # noqa: F401

from assistant import redact
from assistant.llm import OpenAILLM
from assistant.schema import Message

CANARY = "canary-7f3a9c21d0"
ASK = [Message("user", "?")]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library logs, from DEBUG on."""
    told = io.StringIO()
    handler, root = logging.StreamHandler(told), logging.getLogger()
    factory, level = logging.getLogRecordFactory(), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield told
    root.removeHandler(handler)
    root.setLevel(level)
    logging.setLogRecordFactory(factory)


def test_a_known_secret_and_what_looks_like_a_key_are_hidden() -> None:
    redact.remember(CANARY)
    text = f"it is {CANARY}, sk-abcdef123456, Bearer abc.def and Basic dXNlcjpwYXNz"
    assert redact.redacted(text) == "it is ***, ***, *** and ***"


@pytest.mark.parametrize("word", ["none", "EMPTY", "ollama", "lm-studio", ""])
def test_a_word_that_only_fills_a_place_is_none(word: str) -> None:
    redact.remember(word)
    text = f"the {word} server"
    assert redact.redacted(text) == text
    assert redact.Stream(word).feed(text) == text


@given(st.text(alphabet="canry-7f3 ", max_size=30), st.lists(st.integers(0, 60), max_size=9))
def test_a_secret_in_a_stream_is_found_however_it_is_cut(before: str, cuts: list[int]) -> None:
    text = f"{before}{CANARY} and {CANARY[:9]}"
    ends = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    stream = redact.Stream(CANARY)
    pieces = [stream.feed(text[a:b]) for a, b in pairwise(ends)]
    assert "".join(pieces) + stream.finish() == text.replace(CANARY, "***")


def test_logs_hold_no_secret_in_words_arguments_or_traces(log: io.StringIO) -> None:
    redact.remember(CANARY)
    redact.watch_logs()
    redact.watch_logs()
    logger = logging.getLogger("some.library")
    logger.debug("sent %s", {"key": CANARY})
    logger.debug("%d", CANARY)
    try:
        raise ValueError(f"no such key: {CANARY}")
    except ValueError:
        logger.exception("it failed")
    logger.info("%s of %d", "one", 2)
    told = log.getvalue()
    assert CANARY not in told
    assert "ValueError: no such key: ***" in told
    assert "one of 2" in told


def test_a_handler_that_writes_a_trace_itself_finds_none_with_a_secret() -> None:
    redact.remember(CANARY)
    redact.watch_logs()
    told: list[str] = []

    class Own(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            own = traceback.format_exception(*record.exc_info) if record.exc_info else []
            told.append("".join([record.getMessage(), record.exc_text or "", *own]))

    logger = logging.getLogger("another.library")
    logger.addHandler(handler := Own())
    try:
        raise ValueError(f"no such key: {CANARY}")
    except ValueError:
        logger.exception("it failed")
    logger.removeHandler(handler)
    assert "no such key: ***" in told[0]
    assert CANARY not in told[0]


def echoes(exchange: Exchange) -> None:
    """A reply that repeats what came in the header, in two pieces."""
    key = exchange.handler.headers["Authorization"].removeprefix("Bearer ")
    exchange.head(kind="text/event-stream", X_Your_Key=key)
    exchange.event(delta(f"Your key is {key[:7]}"))
    exchange.event(delta(f"{key[7:]}. It is so [1]."))
    exchange.event(delta(finish="stop"))
    exchange.send("data: [DONE]\n\n")


def test_a_server_that_repeats_the_key_tells_it_to_nobody(
    provider: Provider, log: io.StringIO
) -> None:
    provider.enqueue(echoes)
    llm = OpenAILLM("m", base_url=provider.url, api_key=CANARY)
    text = "".join(piece.text for piece in llm.stream(ASK, max_tokens=9))
    assert text == "Your key is ***. It is so [1]."
    assert provider.requests[-1].headers["authorization"] == f"Bearer {CANARY}"
    assert "x-your-key" in log.getvalue().lower()
    assert CANARY not in log.getvalue()


FAULTS = [echoes, *(fails(status, f"no: {CANARY}") for status in (400, 401, 429, 500))]


@pytest.mark.parametrize("fault", FAULTS, ids=["echo", "400", "401", "429", "500"])
def test_a_key_reaches_no_output_of_any_command(
    cli: Commands, provider: Provider, log: io.StringIO, fault: object
) -> None:
    cli.set("OPENAI_API_KEY", CANARY)
    cli.set("ASSISTANT_ANSWER__BASE_URL", provider.url)
    cli.set("ASSISTANT_ANSWER__MODEL", "m")
    cli.set("ASSISTANT_ANSWER__MAX_RETRIES", "0")
    provider.default = fault  # type: ignore[assignment]
    row = cli.write("rows.jsonl", json.dumps({"id": 1, "question": SERVING}))
    for command in (
        ["ask", SERVING, "--json", "-v"],
        ["ask", "--file", row, "--json"],
        ["chat"],
        ["doctor", "--json"],
        ["config"],
    ):
        ran = cli(*command, stdin=f"{SERVING}\nAnd its cost?\n" if command == ["chat"] else b"")
        assert CANARY not in ran.out + ran.err, command
    assert CANARY not in log.getvalue()


def test_the_doctor_tells_a_key_by_its_last_four(cli: Commands, provider: Provider) -> None:
    cli.set("OPENAI_API_KEY", CANARY)
    cli.set("ASSISTANT_ANSWER__BASE_URL", provider.url)
    found = {one["name"]: one for one in cli("doctor", "--json").json["findings"]}
    assert found["keys"]["detail"] == "OPENAI_API_KEY …21d0"


def test_an_unexpected_error_tells_no_key(cli: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant import build

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"{CANARY} \x1b[2J")

    cli.set("OPENAI_API_KEY", CANARY)
    monkeypatch.setattr(build.Assistant, "search", broken)
    ran = cli("search", "owls", "-v")
    assert ran.code == 1
    assert "RuntimeError: ***" in ran.err
    assert CANARY not in ran.err
    assert "\x1b" not in ran.err
