"""Whatever went wrong -> a status, one line in the shape that the client knows, and a log line."""

import logging
import re
import secrets
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from assistant import redact
from assistant.api.turns import Busy, Stopping
from assistant.errors import (
    AssistantError,
    ConfigError,
    ProviderAuthError,
    ProviderError,
    ProviderRateLimit,
    ProviderTimeout,
    StoreError,
    UsageError,
)
from assistant.records import Record, dumps

LOGGER = logging.getLogger("assistant.api")
_STATUS: Mapping[type, int] = {
    UsageError: 400,
    ConfigError: 500,
    ProviderAuthError: 502,
    ProviderRateLimit: 429,
    ProviderTimeout: 504,
    ProviderError: 502,
    StoreError: 503,
    Busy: 503,
    Stopping: 503,
}
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
_SOON_S = 2
# A provider's error says in words after how long to ask again.
_AGAIN = re.compile(r"\bagain in (\d+) s\b")


class Wrong(NamedTuple):
    """What a client is told."""

    status: int
    message: str
    code: int = 1
    """The code with which the same error ends a command."""
    kind: str = "UsageError"
    retry_after: int | None = None
    param: str | None = None
    """The part of the request that cannot be used."""

    @property
    def record(self) -> Record:
        """The body in our own shape."""
        return {"error": self.message, "code": self.code, "kind": self.kind}

    @property
    def openai_record(self) -> Record:
        """The body as OpenAI's clients expect it."""
        default = "api_error" if self.status >= 500 else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, default),
                "param": self.param,
                "code": self.kind,
            }
        }

    def response(self, path: str, **headers: str) -> Response:
        """The answer to a request for `path`."""
        body = self.openai_record if path.startswith("/v1/") else self.record
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Response(dumps(body), self.status, headers, "application/json")


class Journal:
    """Errors into what a client may know of them; the unexpected ones are logged under an id."""

    def __init__(self) -> None:
        redact.watch_logs()

    def wrong(self, error: Exception) -> Wrong:
        """What a client is told of `error`."""
        if isinstance(error, AssistantError):
            return _expected(error)
        if isinstance(error, HTTPException):
            return Wrong(error.status_code, f"{error.detail}: see /api/openapi.json", 2)
        number = secrets.token_hex(6)
        LOGGER.error("%s: %s", number, "".join(traceback.format_exception(error)))
        message = f"something failed here: whoever runs this address finds {number} in its log"
        return Wrong(500, message, 1, "Unexpected")


def _expected(error: AssistantError) -> Wrong:
    status = next((_STATUS[one] for one in type(error).__mro__ if one in _STATUS), 500)
    message = redact.redacted(" ".join(str(error).split()))
    again = _AGAIN.search(message) if status == 429 else None
    pause = int(again[1]) if again else _SOON_S if status == 503 else None
    return Wrong(status, message, error.exit_code, type(error).__name__, pause)


def invalid(errors: list[Any]) -> Wrong:
    """What a client is told of a body that is not as it should be; of its values nothing."""
    first = errors[0]
    if first["type"] == "json_invalid":
        return Wrong(400, "the body is no JSON: send one JSON object", 2)
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    if not where:
        message = "the body is no JSON object: send one with Content-Type: application/json"
        return Wrong(400, message, 2)
    name = " ".join(".".join(where).split())[:80]
    what = re.sub(r"^(Input|String|List|Value) |^Value error, ", "", first["msg"])
    what = {"extra_forbidden": "is not known", "missing": "is missing"}.get(first["type"], what)
    return Wrong(400, f"{name} {what}: see /api/openapi.json", 2, param=name)
