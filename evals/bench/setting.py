"""The options of a run -> what every group needs: how often, where, and over which papers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant import config
from assistant.build import Assistant
from assistant.schema import LLM, Encoder
from evals.dataset import load

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Setting:
    """What a run of the benchmark may use."""

    out: Path
    quick: bool = False
    at_most: int = 1_000
    """Rounds, where a group would take more."""
    many: Path | None = None
    """A data folder with tens of thousands of papers, the shipped ones among them."""
    papers: Path | None = None
    """JSON Lines of further abstracts."""
    encoded: Path | None = None
    """What the encoder made of them, in the format of evals/encoded.py."""
    peers: Path | None = None
    """A Python in which others are installed."""

    @property
    def data(self) -> Path:
        """The data folder of the shipped corpus."""
        return self.out / "data"

    @property
    def corpus(self) -> list[Path]:
        """The shipped pages."""
        return [config.resource("corpus")]

    @property
    def questions(self) -> list[str]:
        """Questions of the single-paper set, each once."""
        found = list(dict.fromkeys(sample.question for sample in load(["single"])))
        return found[:3] if self.quick else found

    def times(self, often: int, quick: int = 1) -> int:
        """So many questions or processes."""
        return quick if self.quick else often

    def rounds(self, often: int) -> int:
        """So many repetitions of everything."""
        return 1 if self.quick else min(often, self.at_most)


@contextmanager
def opened(
    folder: Path,
    llm: LLM | None = None,
    *,
    encoder: Encoder | None = None,
    cache_mb: int = 0,
    paths: list[Path] | None = None,
) -> Iterator[Assistant]:
    """An embedded assistant over a data folder, with nothing of anybody's own settings."""
    flags: dict[str, object] = {
        "data.folder": str(folder),
        "cache.size_mb": cache_mb,
        "answer.model": "" if llm else "embedded",
    }
    if paths:
        flags["corpus.paths"] = [str(path) for path in paths]
    with Assistant(config.load(flags=flags, environ={}), encoder, llm) as assistant:
        yield assistant


def command(*words: str) -> list[str]:
    """`assistant`, with the Python that runs this."""
    return [sys.executable, "-m", "assistant", *words]
