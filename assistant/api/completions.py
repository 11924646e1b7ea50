"""The routes under /v1: what an OpenAI client asks, answered from the corpus."""

import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from assistant.api.asked import CompletionBody
from assistant.api.events import Streamed, finished
from assistant.api.native import as_json
from assistant.api.served import Served, answering, over
from assistant.api.wrong import Wrong
from assistant.errors import UsageError
from assistant.records import Record, answer_record, dumps
from assistant.schema import Answer, Usage

if TYPE_CHECKING:
    from assistant.build import Assistant

DEFAULT = "assistant"
"""The name under which whoever answers unasked can be called."""
_STARTED = int(time.time())
_DESCRIPTION = (
    "The last user message is the question, the messages before it are the conversation; system"
    " messages and sampling parameters are accepted and have no effect. The text carries its"
    " citations as [1]. The completion, or the last chunk that has a choice, has one field more:"
    " `assistant`, the record that POST /api/ask gives, with sentences, verdicts, citations, papers"
    " and refusal. Where `assistant.answer` is another text than was streamed, the citations were"
    " found after the text: it is the one that counts."
)
_FAILURE: dict[str, Any] = {
    "description": "What went wrong, as OpenAI tells it.",
    "content": {"application/json": {"example": Wrong(400, "…: …").openai_record}},
}
_FAILURES: dict[int | str, dict[str, Any]] = {
    status: _FAILURE for status in (400, 401, 404, 413, 429, 500, 502, 503, 504)
}


class _Chunks:
    """A completion, chunk by chunk."""

    def __init__(self, model: str, include_usage: bool) -> None:
        self._head = _head("chat.completion.chunk", model)
        self._include_usage = include_usage

    def opening(self) -> str:
        return self._chunk({"role": "assistant", "content": ""})

    def item(self, item: str | Answer) -> str:
        if not isinstance(item, Answer):
            return self._chunk({"content": item})
        chunks = self._chunk({}, finish="stop", assistant=answer_record(item))
        if self._include_usage:
            chunks += _data({**self._head, "choices": [], "usage": _usage(item.usage)})
        return f"{chunks}data: [DONE]\n\n"

    def failure(self, wrong: Wrong) -> str:
        # Without finish_reason and [DONE], so that no client takes what came for the whole.
        return _data(wrong.openai_record)

    def _chunk(self, delta: Mapping[str, str], finish: str | None = None, **fields: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._include_usage else {}
        return _data({**self._head, "choices": [choice], **usage, **fields})


def routes(served: Served) -> APIRouter:
    """The routes, over what is served."""
    router = APIRouter(prefix="/v1", responses=_FAILURES)
    assistant, turns, journal = served

    @router.get("/models", summary="Who can answer")
    def models() -> Response:
        listed = [_model(name) for name in _names(assistant)]
        return as_json({"object": "list", "data": listed})

    @router.get("/models/{name:path}", summary="One who can answer")
    def model(name: str) -> Response:
        if name not in _names(assistant):
            return _unknown(name).response("/v1/models")
        return as_json(_model(name))

    @router.post("/chat/completions", summary="A question, answered", description=_DESCRIPTION)
    async def complete(body: CompletionBody, request: Request) -> Response:
        if body.model not in _names(assistant):
            return _unknown(body.model).response("/v1/chat")
        if body.n not in (None, 1):
            raise UsageError("there is one answer to a question: leave n out, or set it to 1")
        model = None if body.model == DEFAULT else body.model
        chosen = over(assistant, body.corpus)
        again: dict[str, bool] = {"fresh": True} if body.fresh else {}
        asked = partial(answering, chosen, body.question, history=body.turns, model=model, **again)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            name = model or assistant.models()[0] or DEFAULT
            return Streamed(turns, asked, _Chunks(name, usage), journal)
        answer = await finished(request, turns, asked)
        assert isinstance(answer, Answer), "the answer comes last"
        return as_json(_completion(answer))

    return router


def _names(assistant: "Assistant") -> list[str]:
    # A server of one's own may name its model only when it is asked.
    return [DEFAULT, *filter(None, assistant.models())]


def _model(name: str) -> Record:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": DEFAULT}


def _unknown(name: str) -> Wrong:
    message = f"no model {name[:80]!r} here: GET /v1/models lists those there are"
    return Wrong(404, message, 2, "model_not_found", param="model")


def _completion(answer: Answer) -> Record:
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        **_head("chat.completion", answer.model),
        "choices": [choice],
        "usage": _usage(answer.usage),
        "assistant": answer_record(answer),
    }


def _head(kind: str, model: str) -> Record:
    number = f"chatcmpl-{secrets.token_hex(12)}"
    return {"id": number, "object": kind, "created": int(time.time()), "model": model}


def _usage(usage: Usage) -> Record:
    read, written, _ = usage
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def _data(record: Record) -> str:
    return f"data: {dumps(record)}\n\n"
