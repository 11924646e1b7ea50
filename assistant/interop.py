"""Our model, search and answers -> the same as llama-index knows them, for its users and evals."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.base.response.schema import Response
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from assistant.rag import SearchResult
from assistant.schema import LLM, Answer, Filters, Message, ScoredPaper, Usage
from assistant.stream import AnswerStream

_CONTEXT_WINDOW = 16_000
_MAX_TOKENS = 512
_NO_FILTERS = Filters()


class Finds(Protocol):
    """What can be searched: an Assistant, or its pipeline."""

    def search(self, question: str, *, filters: Filters, top_k: int) -> SearchResult:
        """The papers nearest to `question`."""


class Answers(Protocol):
    """What can be asked: an Assistant, or its pipeline."""

    def ask(self, question: str, *, filters: Filters) -> AnswerStream:
        """The answer to `question`."""


class PortLLM(CustomLLM):
    """A model behind our port, as llama-index calls it."""

    context_window: int = _CONTEXT_WINDOW
    max_tokens: int = _MAX_TOKENS
    _llm: LLM = PrivateAttr()

    def __init__(self, llm: LLM, **options: Any) -> None:
        super().__init__(**options)
        self._llm = llm

    @property
    def metadata(self) -> LLMMetadata:
        """What llama-index plans its requests by."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_tokens,
            is_chat_model=True,
            model_name=self._llm.model or "unknown",
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole reply to a chat."""
        return deque(self._replies(messages), maxlen=1).pop()

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The reply to a chat as it comes."""
        return self._replies(messages)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The whole reply to one prompt."""
        return deque(self._completions(prompt), maxlen=1).pop()

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """The reply to one prompt as it comes."""
        return self._completions(prompt)

    @classmethod
    def class_name(cls) -> str:
        """The name that llama-index writes."""
        return "assistant_llm"

    def _completions(self, prompt: str) -> CompletionResponseGen:
        for reply in self._replies([ChatMessage(role=MessageRole.USER, content=prompt)]):
            text = reply.message.content or ""
            yield CompletionResponse(
                text=text, delta=reply.delta, additional_kwargs=reply.additional_kwargs
            )

    def _replies(self, messages: Sequence[ChatMessage]) -> ChatResponseGen:
        heard, usage = "", Usage()
        for piece in self._llm.stream([*map(_ours, messages)], max_tokens=self.max_tokens):
            heard, usage = heard + piece.text, piece.usage or usage
            yield ChatResponse(
                message=_said(heard), delta=piece.text, additional_kwargs=usage._asdict()
            )


class PaperRetriever(BaseRetriever):
    """Our search, a node a paper, best first."""

    def __init__(self, finds: Finds, *, top_k: int = 10, filters: Filters = _NO_FILTERS) -> None:
        super().__init__()
        self._finds, self._top_k, self._filters = finds, top_k, filters

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._finds.search(query_bundle.query_str, filters=self._filters, top_k=self._top_k)
        return [node_of(hit) for hit in found.papers]


class AnswerEngine(CustomQueryEngine):
    """Our answers, verified: the sentences and their verdicts stand in the metadata."""

    _answers: Answers = PrivateAttr()
    _filters: Filters = PrivateAttr()

    def __init__(self, answers: Answers, *, filters: Filters = _NO_FILTERS, **options: Any) -> None:
        super().__init__(**options)
        self._answers, self._filters = answers, filters

    def custom_query(self, query_str: str) -> Response:
        """The answer to one question."""
        return response_of(self._answers.ask(query_str, filters=self._filters).answer())


def node_of(hit: ScoredPaper) -> NodeWithScore:
    """A paper found, its abstract as the node's text."""
    paper = hit.paper
    metadata = {"title": paper.title, "date": paper.date, "url": paper.url, "rank": hit.rank}
    node = TextNode(id_=paper.paper_id, text=paper.abstract, metadata=metadata)
    return NodeWithScore(node=node, score=float(hit.score))


def response_of(answer: Answer) -> Response:
    """An answer with the papers it was made from, its verdicts and whether it is a refusal."""
    sentences = [
        {"text": one.text, "citations": list(one.citations), "verdict": one.verdict.label}
        for one in answer.sentences
    ]
    return Response(
        response=answer.text,
        source_nodes=[node_of(hit) for hit in answer.papers],
        metadata={"refused": answer.refused, "sentences": sentences, "model": answer.model},
    )


def _said(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


def _ours(message: ChatMessage) -> Message:
    role = message.role.value
    text = message.content or ""
    if role == "system":
        return Message("system", text)
    return Message("assistant" if role == "assistant" else "user", text)
