"""The shipped corpus and the sets in a folder -> what the figures are measured on."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant import Assistant, config
from assistant.prompts import Prompts
from evals import hostile


@dataclass
class Ground:
    """What the figures are measured on."""

    sets: Path | None
    soak: int
    assistant: Assistant
    prompts: Prompts

    def ready(self) -> Assistant:
        """The assistant over the shipped corpus, indexed once."""
        self.assistant.ensure_indexed()
        return self.assistant

    def texts(self, *names: str) -> list[hostile.Attack]:
        """The texts of these sets, or our own few."""
        return hostile.attacks(self.sets, names) if self.sets else hostile.attacks()


@contextmanager
def ground_of(sets: Path | None, soak: int) -> Iterator[Ground]:
    """The shipped corpus in a passing folder, quoted from; no answer is kept for the next time."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        flags = {"data.folder": passing, "answer.model": "embedded", "cache.size_mb": 0}
        with Assistant(config.load(flags=flags, environ={})) as assistant:
            yield Ground(sets, soak, assistant, Prompts.load(config.resource("prompts")))


def tell(name: str, done: int, of: int, each: int = 500) -> None:
    """Say on standard error how far a row has come."""
    if done % each == 0:
        print(f"{name}: {done:,} of {of:,}", file=sys.stderr, flush=True)
