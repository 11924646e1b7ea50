"""What went wrong at a model's server -> one typed error in one line: the thing, then its cure."""

import re
from typing import Literal, NamedTuple

from assistant.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderInterrupted,
    ProviderRateLimit,
    ProviderTimeout,
    ProviderUnreachable,
)
from assistant.llm.reasoning import thinks_aloud
from assistant.redact import HIDDEN, redacted

_CONTEXT = re.compile(
    r"context.?(length|size|window)|maximum context|too many (input )?tokens|prompt is too long"
)
_NO_MODEL = re.compile(
    r"model\b.*(not.?found|not exist|not.?a valid|unknown|invalid)|no such model|not a valid model"
    r"|(unknown|invalid) model|deployment.?not.?found|deployment.*not exist"
)
_QUOTA = re.compile(r"insufficient.?quota|billing|credit balance")


FaultKind = Literal["status", "timeout", "unreachable", "cut", "garbled", "page"]


class Server(NamedTuple):
    """What an error may say of a server; never its key."""

    host: str
    model: str
    local: bool = False
    has_key: bool = True
    key_name: str = "OPENAI_API_KEY"
    timeout_s: float = 60.0


class Fault(NamedTuple):
    """What a server did, in no library's terms."""

    kind: FaultKind
    status: int = 0
    message: str = ""
    """The server's own words, already made safe by `plain`."""
    searched: str = ""
    """The same at length, with its code, type and parameter: for matching only."""
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """All that the server said, in lower case, to be searched."""
        return self.searched.lower()

    @property
    def context_too_long(self) -> bool:
        """Whether the prompt does not fit the model."""
        return self.status == 413 or (self.status >= 400 and bool(_CONTEXT.search(self.text)))

    @property
    def quota_spent(self) -> bool:
        """Whether waiting will not help."""
        return self.status in {402, 429} and bool(_QUOTA.search(self.text))

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        if self.context_too_long or self.quota_spent:
            return False
        return self.kind == "cut" or self.status in {408, 409, 429} or self.status >= 500


def plain(text: str, key: str = "", longest: int = 160) -> str:
    """A server's words fit for an error: one short line, no markup, no control bytes, no key."""
    if key:
        text = text.replace(key, HIDDEN)
    text = redacted(text)
    if re.search(r"<(!doctype|html|body|head)\b", text, re.IGNORECASE):
        return "a web page"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def error_for(fault: Fault, server: Server, requests: int = 1) -> ProviderError:
    """The error that tells a person what happened and what to do."""
    if fault.kind == "status":
        return _refused_request(fault, server, requests)
    host = server.host
    start = "start the server, or check answer.base_url"
    cure = start if server.local else "check the network and answer.base_url"
    why = f" ({fault.message})" if fault.message else ""
    match fault.kind:
        case "timeout":
            return ProviderTimeout(
                f"no whole reply from {host} within {server.timeout_s:g} s:"
                " raise answer.timeout_s, or choose a faster model with `--model`"
            )
        case "unreachable":
            return ProviderUnreachable(f"nothing answers at {host}{why}: {cure}")
        case "cut":
            times = f" {requests} times" if requests > 1 else ""
            return ProviderUnreachable(
                f"the server at {host} hung up{times} without a reply: {cure}"
            )
        case "page":
            return ProviderError(
                f"the server at {host} answers with a web page:"
                " check answer.base_url (most end in /v1)"
            )
    return ProviderError(
        f"the server at {host} sends something that is no chat completion:"
        " check that answer.base_url is an OpenAI-compatible address"
    )


def _refused_request(fault: Fault, server: Server, requests: int) -> ProviderError:
    host, status = server.host, fault.status
    if fault.context_too_long:
        return ProviderError(
            f"the sources are longer than the model {server.model!r} can read:"
            " lower answer.context_tokens"
        )
    if status in {401, 403}:
        return _key_refused(status, server)
    if status in {402, 429}:
        return _slow_down(fault, server)
    if status in {400, 404, 422} and _NO_MODEL.search(fault.text):
        pull = " (a local server may have to download it first)" if server.local else ""
        return ProviderError(
            f"the server at {host} has no model {server.model!r}:"
            f" choose another with `--model`{pull}"
        )
    if status == 404:
        return ProviderError(
            f"the server at {host} has no chat completions at that address (404):"
            " check answer.base_url (most end in /v1)"
        )
    return _failed(fault, server, requests)


def _failed(fault: Fault, server: Server, requests: int) -> ProviderError:
    host, status = server.host, fault.status
    said = f"{status}: {fault.message}" if fault.message else str(status)
    if 300 <= status < 400:
        return ProviderError(
            f"the server at {host} sends us to another address ({status}):"
            " set answer.base_url to the final one"
        )
    if status == 408:
        return ProviderTimeout(f"the server at {host} gave up waiting (408): ask again later")
    if status >= 500:
        times = f" {requests} times" if requests > 1 else ""
        return ProviderError(f"the server at {host} failed{times} ({said}): ask again later")
    return ProviderError(
        f"the server at {host} refuses the request ({said}): check answer.model and answer.base_url"
    )


def _key_refused(status: int, server: Server) -> ProviderAuthError:
    if not server.has_key:
        return ProviderAuthError(f"the server at {server.host} wants a key: set {server.key_name}")
    if status == 403:
        return ProviderAuthError(
            f"the server at {server.host} refuses the key for the model {server.model!r} (403):"
            f" set {server.key_name} to one that may use it, or choose another with `--model`"
        )
    return ProviderAuthError(f"the server at {server.host} refuses the key: set {server.key_name}")


def _slow_down(fault: Fault, server: Server) -> ProviderRateLimit:
    if fault.quota_spent or fault.status == 402:
        return ProviderRateLimit(
            f"the quota at {server.host} is spent:"
            f" add credit, or set {server.key_name} to another account's"
        )
    after = fault.retry_after
    when = f"again in {after:.0f} s" if after and after >= 1 else "again later"
    return ProviderRateLimit(f"the server at {server.host} asks us to slow down (429): ask {when}")


def broken_off(fault: Fault, server: Server) -> ProviderError:
    """The error for a fault after the reply has begun."""
    if fault.kind == "timeout":
        return error_for(fault, server)
    why = f" ({fault.message})" if fault.message else ""
    return ProviderInterrupted(
        f"the reply of {server.model!r} at {server.host} broke off before its end{why}: ask again"
    )


def ending_error(finish: str, text: str, server: Server) -> ProviderError | None:
    """What is wrong with how a reply ended; None for a whole one."""
    host, model = server.host, server.model
    match finish.lower():
        case "length" | "max_tokens":
            return ProviderInterrupted(
                f"the reply of {model!r} reached answer.max_tokens before its end: raise it"
            )
        case "content_filter" | "safety":
            return ProviderError(
                f"the content filter of {host} stopped the reply: put the question in other words"
            )
        case "" | "error" | "abort" | "cancelled":
            return broken_off(Fault("cut"), server)
    if thinks_aloud(text):
        return ProviderError(
            f"{model!r} at {host} mixes its thinking into the reply:"
            " turn on the server's reasoning parser, or choose another with `--model`"
        )
    if text.strip():
        return None
    return ProviderError(
        f"the model {model!r} at {host} gave an empty reply:"
        " ask again, or choose another with `--model`"
    )
