"""Text -> the same without keys, tokens and passwords; and log records likewise."""

import logging
import re
import traceback
from collections.abc import Callable
from typing import Any

HIDDEN = "***"
"""What stands in the place of a secret."""
_LIKE_A_KEY = re.compile(r"\bsk-[\w*.\-]{6,}|\b(?:Bearer|Basic)\s+[\w+/=.~\-]{4,}", re.IGNORECASE)
_CODE = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}\b")
_LINE = 40
# Shorter ones stand within common words; and these open no door, they only fill a place.
_SHORTEST = 8
_NO_SECRETS = frozenset({"lm-studio", "not-needed", "no-key-required"})
_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide `secret` from now on, in whatever this process says."""
    if _is_secret(secret):
        _known.add(secret)


def known() -> list[str]:
    """Every secret that is hidden."""
    return sorted(_known)


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
    """Pieces of a text -> the same pieces without some secrets, however they were cut."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret for secret in secrets if _is_secret(secret)]
        self._firsts = {secret[0] for secret in self._secrets}
        self._longest = max(map(len, self._secrets), default=0)
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be passed on; an end that may yet become a secret is held back."""
        text = self._held + piece
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        cut = self._safe_length(text)
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """What was held back to the end."""
        rest, self._held = self._held, ""
        return rest

    def _safe_length(self, text: str) -> int:
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._firsts and any(
                secret.startswith(text[at:]) for secret in self._secrets
            ):
                return at
        return len(text)


def confidential(instructions: str) -> list[str]:
    """The lines of our instructions that no reply may repeat, and whatever in them is a code."""
    lines = [line.strip() for line in instructions.splitlines()]
    codes = _CODE.findall(instructions)
    return [*(line for line in lines if len(line) >= _LINE), *codes]
