"""A model -> the same, until the day's tokens are spent; what was spent is kept in the folder."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from assistant.errors import BudgetSpent, StoreError
from assistant.schema import LLM, Message, Piece, Usage
from assistant.tokens import count

FILE = "spent.json"
_PATIENCE_S = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """The tokens spent today (UTC), by every process that shares the data folder."""

    def __init__(self, folder: Path, limit: int, now: Callable[[], datetime] = _now) -> None:
        self._path, self.limit, self._now = folder / FILE, limit, now

    def spent(self) -> int:
        """Tokens of today, read and written."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return int(kept["tokens"]) if kept["day"] == self._today else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def add(self, tokens: int) -> None:
        """Note what was spent; whole or not at all."""
        passing = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=_PATIENCE_S):
                line = json.dumps({"day": self._today, "tokens": self.spent() + tokens})
                passing.write_text(line, encoding="utf-8")
                passing.replace(self._path)
        except (OSError, Timeout) as error:
            raise StoreError(
                f"{self._path}: {error}: make room, or set answer.tokens_per_day = 0"
            ) from None

    def check(self) -> None:
        """An error where today's tokens are spent."""
        if self.spent() >= self.limit:
            raise BudgetSpent(
                f"today's {self.limit:,} tokens are spent: ask for quoted sentences with --model"
                f" embedded, raise answer.tokens_per_day, or ask again in {self._left_s} s"
            )

    @property
    def _today(self) -> str:
        return self._now().date().isoformat()

    @property
    def _left_s(self) -> int:
        now = self._now()
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return int((tomorrow - now).total_seconds()) + 1


class Budgeted:
    """A model that writes in the ledger, and is not asked once the day's tokens are spent."""

    def __init__(self, llm: LLM, ledger: Ledger) -> None:
        self._llm, self._ledger = llm, ledger

    @property
    def model(self) -> str:
        """The model's name."""
        return self._llm.model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The reply as it comes; what it took is noted, however it ends."""
        self._ledger.check()
        said: list[str] = []
        usage: Usage | None = None
        pieces = cast(Any, self._llm.stream(messages, max_tokens=max_tokens))
        try:
            with closing(pieces):
                for piece in pieces:
                    said.append(piece.text)
                    usage = piece.usage or usage
                    yield piece
        finally:
            self._ledger.add(_tokens(usage, messages, said, self.model))


def _tokens(usage: Usage | None, asked: Sequence[Message], said: list[str], model: str) -> int:
    """What the server counted; where the reply broke off, what we count."""
    if usage is None:
        read = sum(count(message.content, model) for message in asked)
        return read + count("".join(said), model)
    return usage[0] + usage[1]
