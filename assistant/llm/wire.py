"""What a server sends, well-formed or not -> deltas and faults."""

import json
import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from math import isfinite
from socket import gaierror
from typing import Any, NamedTuple

import openai

from assistant.llm.faults import Fault, FaultKind, plain

FAULTS = (openai.OpenAIError, ValueError, RecursionError)
"""Whatever a server can make the client raise."""

# A lone half of a character cannot be printed or written to a file.
_SURROGATE = re.compile("[\ud800-\udfff]")


class Delta(NamedTuple):
    """One event of a reply; usage is tokens read and written."""

    text: str = ""
    finish: str = ""
    usage: tuple[int, int] | None = None


class NotAReplyError(ValueError):
    """The server sent something else than a chat completion."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def deltas(raw: Any, key: str) -> Iterator[Delta]:
    """The events of a response, streamed or (from a server that cannot stream) whole."""
    kind = raw.headers.get("content-type", "")
    if "html" in kind:
        raise NotAReplyError(Fault("page"))
    if "json" not in kind:
        # As `object`, events come as plain data, whatever their shape.
        yield from (_delta(event, key) for event in raw.parse(to=openai.Stream[object]))
        return
    whole = _delta(json.loads(_body(raw.http_response)), key)
    # A body that is well-formed to its last brace is whole, though it may not say so.
    yield whole._replace(finish=whole.finish or "stop")


def _body(response: Any) -> bytes:
    try:
        return bytes(response.read())
    except Exception as error:
        # Here openai does not wrap what its transport raises.
        raise openai.APIConnectionError(request=response.request) from error


def _delta(event: object, key: str) -> Delta:
    if not isinstance(event, dict):
        raise NotAReplyError(Fault("garbled"))
    if event.get("error"):
        raise NotAReplyError(_told(event["error"], 0, key))
    choices = event.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if choices is not None and not isinstance(choice, dict | None):
        raise NotAReplyError(Fault("garbled"))
    choice = choice or {}
    part = choice.get("delta") or choice.get("message")
    finish = choice.get("finish_reason")
    return Delta(
        _text(part.get("content")) if isinstance(part, dict) else "",
        finish if isinstance(finish, str) else "",
        _usage(event.get("usage")),
    )


def _text(content: object) -> str:
    """The words; some servers send a list of parts, of which thinking is one."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return _SURROGATE.sub("\ufffd", content) if isinstance(content, str) else ""


def _usage(told: object) -> tuple[int, int] | None:
    if not isinstance(told, dict):
        return None
    read, written = told.get("prompt_tokens"), told.get("completion_tokens")
    return (read, written) if isinstance(read, int) and isinstance(written, int) else None


def fault_of(error: Exception, key: str) -> Fault:
    """What happened, from whatever the client raised."""
    match error:
        case NotAReplyError():
            return error.fault
        case openai.APIStatusError():
            told = _told(error.body, error.status_code, key)
            return told._replace(retry_after=_retry_after(error.response.headers))
        case openai.APIConnectionError():
            return _no_connection(error)
        case openai.APIError():
            return _told(error.body, 0, key)
    return Fault("garbled")


def _no_connection(error: openai.APIConnectionError) -> Fault:
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    names = {type(cause).__name__ for cause in causes}
    kind: FaultKind = "cut"
    message = ""
    if any(isinstance(cause, gaierror) for cause in causes):
        kind, message = "unreachable", "no such host"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        kind, message = "unreachable", "connection refused"
    elif names & {"ConnectError", "ConnectTimeout", "ProxyError"}:
        kind, message = "unreachable", plain(str(causes[-1]))
    elif isinstance(error, openai.APITimeoutError):
        kind = "timeout"
    return Fault(kind, message=message)


def _told(body: object, status: int, key: str) -> Fault:
    """The fault that a server puts into words, in one of the shapes they use."""
    fields = body if isinstance(body, dict) else {}
    words = body if isinstance(body, str) else fields.get("message") or fields.get("detail") or ""
    marks = " ".join(str(fields.get(name, "")) for name in ("code", "type", "param"))
    code = str(fields.get("code"))
    # Within a stream the status stands in the body, if anywhere.
    status = status or (int(code) if re.fullmatch(r"[45]\d\d", code) else 500)
    searched = plain(f"{words} {marks}", key, longest=2000)
    return Fault("status", status, plain(str(words), key), searched)


def _retry_after(headers: Any) -> float | None:
    """Seconds, from a number or a date; None where the server does not say."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if isfinite(seconds) else None
