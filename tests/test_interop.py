"""Our model, search and answers, used as llama-index uses its own."""

import asyncio
from pathlib import Path

import pytest
from fakes import FakeLLM
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.base.response.schema import Response
from llama_index.core.query_engine import RetrieverQueryEngine
from provider import Provider, cuts, serve_provider  # noqa: F401
from whole import CORPUS, S_LORA, SERVING, ready  # noqa: F401

from assistant import config
from assistant.build import Assistant
from assistant.errors import ProviderInterrupted
from assistant.interop import AnswerEngine, PaperRetriever, PortLLM
from assistant.llm import OpenAILLM
from assistant.schema import Filters, Message


@pytest.fixture(scope="module")
def assistant(ready: Path) -> Assistant:  # noqa: F811
    flags = {"data.folder": str(ready), "corpus.paths": str(CORPUS), "answer.model": "embedded"}
    return Assistant(config.load(flags=flags, environ={}))


def test_a_prompt_and_its_reply_pass_the_port() -> None:
    model = FakeLLM("It is so.")
    reply = PortLLM(model, max_tokens=9).complete("Is it so?")
    assert reply.text == "It is so."
    assert reply.additional_kwargs == {"prompt_tokens": 100, "completion_tokens": 10, "requests": 1}
    assert model.asked == [[Message("user", "Is it so?")]]
    assert model.max_tokens == [9]


def test_a_chat_keeps_its_roles() -> None:
    model = FakeLLM("Yes.")
    said = [
        ChatMessage(role=MessageRole.SYSTEM, content="Be brief."),
        ChatMessage(role=MessageRole.USER, content="Is it?"),
        ChatMessage(role=MessageRole.ASSISTANT, content="What?"),
        ChatMessage(role=MessageRole.TOOL, content="It is."),
    ]
    reply = PortLLM(model).chat(said)
    assert reply.message.role == MessageRole.ASSISTANT
    assert reply.message.content == "Yes."
    roles = [message.role for message in model.asked[0]]
    assert roles == ["system", "user", "assistant", "user"]


def test_a_reply_streams_and_adds_up() -> None:
    pieces = list(PortLLM(FakeLLM("It is so.")).stream_complete("?"))
    assert "".join(piece.delta or "" for piece in pieces) == pieces[-1].text == "It is so."
    chat = list(PortLLM(FakeLLM("It is.")).stream_chat([ChatMessage(content="?")]))
    assert chat[-1].message.content == "It is."


def test_it_answers_where_llama_index_waits_for_it() -> None:
    assert asyncio.run(PortLLM(FakeLLM("Late.")).acomplete("?")).text == "Late."


def test_llama_index_is_told_the_model_and_its_limits() -> None:
    told = PortLLM(FakeLLM(), context_window=4_000, max_tokens=100).metadata
    assert (told.model_name, told.context_window, told.num_output) == ("fake", 4_000, 100)
    assert told.is_chat_model


def test_a_server_that_breaks_off_is_an_error_and_no_short_reply(provider: Provider) -> None:
    provider.enqueue(cuts("It is "))
    model = PortLLM(OpenAILLM("test-model", base_url=provider.url, max_retries=0))
    with pytest.raises(ProviderInterrupted):
        model.complete("?")


def test_our_search_is_a_retriever(assistant: Assistant) -> None:
    found = PaperRetriever(assistant, top_k=3).retrieve(SERVING)
    assert len(found) == 3
    assert found[0].node.metadata["title"] == S_LORA
    assert found[0].node.node_id == assistant.search(SERVING, top_k=1).papers[0].paper.paper_id
    assert "adapters" in found[0].text
    put_aside = Filters(without=(found[0].node.node_id,))
    others = PaperRetriever(assistant, filters=put_aside).retrieve(SERVING)
    assert S_LORA not in {one.node.metadata["title"] for one in others}


def test_our_answers_are_a_query_engine(assistant: Assistant) -> None:
    reply = AnswerEngine(assistant).query(SERVING)
    assert isinstance(reply, Response)
    assert reply.response == assistant.ask(SERVING).answer().text
    assert reply.source_nodes[0].node.metadata["title"] == S_LORA
    assert reply.metadata is not None
    assert reply.metadata["refused"] is False
    assert {one["verdict"] for one in reply.metadata["sentences"]} == {"supported"}


def test_search_and_model_work_together_in_an_engine_of_llama_index(assistant: Assistant) -> None:
    model = FakeLLM("It keeps them in main memory.")
    engine = RetrieverQueryEngine.from_args(PaperRetriever(assistant, top_k=2), llm=PortLLM(model))
    assert str(engine.query(SERVING)) == "It keeps them in main memory."
    assert "adapters" in model.asked[0][-1].content
