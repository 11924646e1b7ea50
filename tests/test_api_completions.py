import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from api_address import (
    LORA,
    Address,
    Paced,
    make_paced,  # noqa: F401
    one_address,  # noqa: F401
    one_as_new,  # noqa: F401
    served,
    settings_of,
    stub_behind,  # noqa: F401
)
from provider import Provider, serve_provider  # noqa: F401
from stub_assistant import ABSTRACT, StubAssistant, answer
from whole import NOT_HERE, S_LORA, SERVING, one_encoder, ready  # noqa: F401

from assistant import build, errors
from assistant.build import Assistant
from assistant.records import QUESTION_LIMIT, answer_record, dumps
from assistant.schema import Refusal, Turn

PATH = "/v1/chat/completions"
USER = {"role": "user", "content": "What is LoRA?"}


@pytest.fixture
def whole(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:  # noqa: F811
    """The real assistant over the real corpus."""
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    settings = settings_of(data_folder=str(ready))
    with Assistant.open(settings=settings) as assistant, served(assistant) as running:
        yield running


def client_of(address: Address, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address.url}/v1", api_key=key, max_retries=0, timeout=30)


def ask(address: Address, *messages: Any, **options: Any) -> Any:
    with client_of(address) as client:
        return client.chat.completions.create(
            **{"model": "assistant", "messages": list(messages or [USER]), **options}
        )


def chunks(address: Address, *messages: Any, **options: Any) -> list[Any]:
    with client_of(address) as client:
        return list(
            client.chat.completions.create(
                **{
                    "model": "assistant",
                    "messages": list(messages or [USER]),
                    "stream": True,
                    **options,
                }
            )
        )


def data_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]


# The openai package against the real assistant


def test_the_openai_package_gets_a_cited_and_verified_answer(whole: Address) -> None:
    completion = ask(whole, {"role": "user", "content": SERVING})
    choice = completion.choices[0]
    record = completion.assistant
    assert "[1]" in choice.message.content
    assert choice.finish_reason == "stop"
    assert completion.usage.total_tokens == sum(record["usage"][n] for n in TOKENS)
    assert completion.usage.prompt_tokens > completion.usage.completion_tokens > 0
    assert record["answer"] == choice.message.content
    assert record["citations"][0]["title"] == S_LORA
    assert {one["verdict"] for one in record["sentences"]} == {"supported"}


TOKENS = ("prompt_tokens", "completion_tokens")


def test_the_openai_package_streams_the_same_answer(whole: Address) -> None:
    question = {"role": "user", "content": SERVING}
    told = chunks(whole, question, stream_options={"include_usage": True})
    *parts, last, usage = told
    assert parts[0].choices[0].delta.role == "assistant"
    assert len(parts) > 3
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert [part.choices[0].finish_reason for part in parts] == [None] * len(parts)
    assert last.choices[0].finish_reason == "stop"
    assert last.assistant["answer"] == text
    assert last.assistant["citations"][0]["title"] == S_LORA
    assert usage.choices == []
    assert usage.usage.total_tokens > 0
    assert len({chunk.id for chunk in told}) == 1


def test_the_openai_package_streams_to_async_programs(whole: Address) -> None:
    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{whole.url}/v1", api_key="none") as client:
            stream = await client.chat.completions.create(
                model="embedded", messages=[{"role": "user", "content": SERVING}], stream=True
            )
            return [chunk async for chunk in stream]

    told = asyncio.run(run())
    assert told[-1].choices[0].finish_reason == "stop"
    assert told[-1].assistant["citations"][0]["title"] == S_LORA


def test_a_refusal_is_an_answer_that_says_so(whole: Address) -> None:
    completion = ask(whole, {"role": "user", "content": NOT_HERE})
    assert completion.assistant["refused"] is True
    assert completion.assistant["refusal"]["nearest"]
    assert completion.choices[0].message.content == completion.assistant["refusal"]["reason"]
    assert completion.choices[0].finish_reason == "stop"


def test_what_was_said_before_is_understood(whole: Address) -> None:
    said = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "What is S-LoRA?"},
        {"role": "assistant", "content": "A system that serves LoRA adapters [1]."},
        {"role": "user", "content": "How many adapters can it serve?"},
    ]
    completion = ask(whole, *said)
    assert "S-LoRA" in completion.assistant["standalone_question"]
    assert completion.assistant["citations"][0]["title"] == S_LORA


def test_curl_gets_a_cited_answer_streamed_and_not(whole: Address) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body = {"messages": [{"role": "user", "content": SERVING}]}
    one = json.loads(curled(curl, whole, body))
    assert "[1]" in one["choices"][0]["message"]["content"]
    told = data_of(curled(curl, whole, {**body, "stream": True}))
    assert told[-1] == "[DONE]"
    assert json.loads(told[-2])["assistant"]["citations"][0]["title"] == S_LORA


def curled(curl: str, address: Address, body: Any) -> str:
    command = [curl, "-sN", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", "@-"]
    url = f"{address.url}{PATH}"
    done = subprocess.run(
        [*command, url], input=json.dumps(body).encode(), capture_output=True, timeout=60
    )
    assert done.returncode == 0
    return done.stdout.decode()


def test_citations_found_after_the_text_stand_in_the_last_chunk(
    ready: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    provider: Provider,
) -> None:
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    text = "S-LoRA stores all adapters in the main memory."
    provider.responder = lambda body: text
    settings = settings_of(
        data_folder=str(ready), answer_base_url=provider.url, answer_model="test-model"
    )
    with Assistant.open(settings=settings) as assistant, served(assistant) as address:
        told = chunks(address, {"role": "user", "content": SERVING})
        assert {chunk.model for chunk in told} == {"test-model"}
        with client_of(address) as client:
            assert [one.id for one in client.models.list()] == [
                "assistant", "test-model", "embedded",
            ]  # fmt: skip
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in told)
    assert streamed == text
    assert told[-1].assistant["answer"] == "S-LoRA stores all adapters in the main memory. [1]"


# What clients send


def test_the_messages_become_a_question_and_its_history(
    stub: StubAssistant,
    address: Address,
) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "LoRA?"}]
    ask(
        address,
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi [1]."},
        {"role": "user", "content": "Nobody answered this"},
        {"role": "user", "content": parts},
    )
    (asked,) = stub.asked
    assert asked["question"] == "What is LoRA?"
    assert asked["history"] == (Turn("Hello", "Hi [1]."), Turn("Nobody answered this", ""))
    assert asked["model"] is None


def test_a_long_conversation_is_cut_to_its_end(
    stub: StubAssistant,
    address: Address,
) -> None:
    earlier = [
        {"role": role, "content": f"{number}" + "x" * 30_000}
        for number in range(30)
        for role in ("user", "assistant")
    ][-20:]
    short = [{"role": "user", "content": f"{number}"} for number in range(30)]
    ask(address, *short, *earlier, USER)
    history = stub.asked[0]["history"]
    assert len(history) == 20
    assert history[0].user == "20"
    assert len(history[-1].assistant) == 2 * QUESTION_LIMIT


def test_parameters_that_mean_nothing_here_are_accepted(address: Address) -> None:
    completion = ask(
        address,
        temperature=0.7,
        top_p=0.5,
        n=1,
        max_tokens=5,
        stop=["x"],
        seed=1,
        user="me",
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        extra_body={"something_new": True},
    )
    assert completion.choices[0].message.content == LORA


@pytest.mark.parametrize(
    ("messages", "options", "said"),
    [
        ([USER], {"n": 2}, "one answer"),
        ([{"role": "system", "content": "x"}], {}, "no message asks anything"),
        ([{"role": "user", "content": " "}], {}, "last user message is empty"),
        ([{"role": "user", "content": None}], {}, "last user message is empty"),
        ([], {}, "messages should have at least 1 item"),
        ([{"role": "user", "content": "x" * (QUESTION_LIMIT + 1)}], {}, "shorten it to 10,000"),
        ([{"role": "wizard", "content": "x"}], {}, "messages.0.role should be"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            {},
            "type 'image_url' cannot be read",
        ),
    ],
)
def test_a_request_that_cannot_be_used_is_told_so_in_openai_s_words(
    address: Address, messages: Any, options: Any, said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as caught, client_of(address) as client:
        client.chat.completions.create(model="assistant", messages=messages, **options)
    assert caught.value.type == "invalid_request_error"
    assert set(caught.value.body) == {"message", "type", "param", "code"}  # type: ignore[arg-type]


def test_an_unknown_model_is_404(address: Address) -> None:
    with pytest.raises(openai.NotFoundError, match="GET /v1/models") as caught:
        ask(address, model="gpt-17")
    assert caught.value.code == "model_not_found"


def test_models_are_listed_and_found(address: Address) -> None:
    with client_of(address) as client:
        assert [one.id for one in client.models.list()] == ["assistant", "embedded"]
        assert client.models.retrieve("embedded").owned_by == "assistant"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("org/other")


def test_a_chosen_model_is_handed_on(stub: StubAssistant, address: Address) -> None:
    ask(address, model="embedded")
    assert stub.asked[0]["model"] == "embedded"


def test_a_server_that_has_not_named_its_model_is_called_assistant(
    stub: StubAssistant,
    address: Address,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stub, "models", lambda: ("", "embedded"))
    assert {chunk.model for chunk in chunks(address)} == {"assistant"}
    with client_of(address) as client:
        assert [one.id for one in client.models.list()] == ["assistant", "embedded"]


# What they get


def test_a_stream_is_in_openai_s_form(address: Address) -> None:
    text = address.post(PATH, {"messages": [USER], "stream": True}).text
    *told, done = data_of(text)
    records = [json.loads(one) for one in told]
    assert done == "[DONE]"
    assert records[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert {record["object"] for record in records} == {"chat.completion.chunk"}
    assert "usage" not in records[-1]
    assert [record for record in records if "assistant" in record] == [records[-1]]


def test_the_further_field_is_the_record_of_ask(
    stub: StubAssistant,
    address: Address,
) -> None:
    expected = json.loads(dumps(answer_record(answer("What is LoRA?", *stub.sentences))))
    assert ask(address).assistant == expected
    assert chunks(address)[-1].assistant == expected


def test_a_stub_s_refusal_is_told_in_the_further_field(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.refusal = Refusal("not_in_corpus", "The corpus is silent.")
    assert ask(address).assistant["refusal"]["kind"] == "not_in_corpus"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (errors.ProviderAuthError("x"), openai.InternalServerError),
        (errors.ProviderRateLimit("x"), openai.RateLimitError),
        (errors.StoreError("x"), openai.InternalServerError),
        (errors.UsageError("x"), openai.BadRequestError),
        (RuntimeError(ABSTRACT), openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_raises_the_exception_that_clients_expect(
    stub: StubAssistant,
    address: Address,
    fault: Exception,
    kind: type[Exception],
    stream: bool,
) -> None:
    stub.fault = fault
    with pytest.raises(kind) as caught:
        ask(address, stream=stream)
    assert ABSTRACT not in str(caught.value)


def test_a_stream_that_breaks_off_raises_and_never_says_that_it_is_done(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.cut = errors.ProviderInterrupted("the reply broke off: ask again")
    with pytest.raises(openai.APIError, match="broke off"):
        chunks(address)
    text = address.post(PATH, {"messages": [USER], "stream": True}).text
    assert "[DONE]" not in text
    assert '"finish_reason": "stop"' not in text


def test_a_full_line_is_503_with_a_time_to_come_again(paced: Paced) -> None:
    with served(paced, server_concurrent=1, server_waiting=0) as address:
        body = {"messages": [USER], "stream": True}
        paced.go.release()
        with address.client.stream("POST", PATH, json=body) as response:
            address.until(running=1)
            with pytest.raises(openai.InternalServerError) as caught:
                ask(address)
            assert caught.value.status_code == 503
            assert caught.value.response.headers["retry-after"]
            paced.let_all()
            assert response.read().endswith(b"data: [DONE]\n\n")


def test_a_missing_or_wrong_token_raises_what_clients_expect() -> None:
    with served(StubAssistant(), settings_of({"ASSISTANT_TOKEN": "right"})) as address:
        with client_of(address, "wrong") as client, pytest.raises(openai.AuthenticationError):
            client.models.list()
        with client_of(address, "right") as client:
            assert len(list(client.models.list())) == 2
