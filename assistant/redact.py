"""Text -> the same without keys, tokens and passwords; and log records likewise."""

import logging
import re
import traceback
from collections.abc import Callable
from typing import Any

HIDDEN = "***"
"""What stands in the place of a secret."""
_LIKE_A_KEY = re.compile(r"\bsk-[\w*.\-]{6,}|\b(?:Bearer|Basic)\s+[\w+/=.~\-]{4,}", re.IGNORECASE)
# Shorter ones stand within common words; and these open no door, they only fill a place.
_SHORTEST = 8
_NO_SECRETS = frozenset({"lm-studio", "not-needed", "no-key-required"})
_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide `secret` from now on, in whatever this process says."""
    if _is_secret(secret):
        _known.add(secret)


def _is_secret(text: str) -> bool:
    return len(text) >= _SHORTEST and text.lower() not in _NO_SECRETS


def redacted(text: str) -> str:
    """`text` without any secret that is known, or looks like one."""
    # A longer secret may hold a shorter one.
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _LIKE_A_KEY.sub(HIDDEN, text)


def watch_logs() -> None:
    """From here on no log record of this process holds a secret, whichever library makes it."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Redacting):
        logging.setLogRecordFactory(_Redacting(make))


class _Redacting:
    """Makes records whose words are final and hold no secret."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        said = _said(record)
        if (clean := redacted(said)) != said:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)))
            # A handler that formats it anew would bring the secret back.
            record.exc_info = None
        return record


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # The handler tells of arguments that do not fit; we only take out what must not be told.
        return f"{record.msg} {record.args}"


class Stream:
    """Pieces of a text -> the same pieces without one secret, however it was cut."""

    def __init__(self, secret: str) -> None:
        self._secret = secret if _is_secret(secret) else ""
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be passed on; an end that may yet become the secret is held back."""
        if not self._secret:
            return piece
        text = (self._held + piece).replace(self._secret, HIDDEN)
        longest = min(len(text), len(self._secret) - 1)
        ends = (size for size in range(longest, 0, -1) if self._secret.startswith(text[-size:]))
        held = next(ends, 0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """What was held back to the end."""
        rest, self._held = self._held, ""
        return rest
