"""A stand-in for `assistant.build.Assistant`, and a way to run commands against it."""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from assistant.cli import main
from assistant.config import Settings
from assistant.errors import UsageError
from assistant.schema import (
    Answer,
    Citation,
    Evidence,
    Filters,
    Paper,
    Reason,
    Receipt,
    Refusal,
    ScoredPaper,
    Sentence,
    Sighting,
    Usage,
    Verdict,
)

ABSTRACT = "LoRA freezes the weights. It trains low-rank factors, 10,000 times fewer."
PAPER = Paper(
    paper_id="0123456789ab",
    title="LoRA: Low-Rank Adaptation",
    abstract=ABSTRACT,
    date="2021-06",
    author_count=8,
    url="https://example.org/lora",
    extra={"venue": "ICLR"},
    sightings=(Sighting("page-1.txt", 3, 17, "LoRA: Low-Rank Adaptation", ABSTRACT, "2021-06"),),
)
HIT = ScoredPaper(PAPER, rank=1, score=0.91, dense=Reason(1, 0.8), lexical=Reason(2, 7.5))


def sentence(text: str, label: Any = "supported", score: float = 0.9, reason: str = "") -> Sentence:
    evidence = Evidence(PAPER.paper_id, ABSTRACT[:25], 0, 25)
    shown = None if label in ("uncited", "not_a_claim", "not_in_evidence") else evidence
    return Sentence(text, (1,), Verdict(label, score, shown, reason))


def answer(question: str, *sentences: Sentence, refusal: Refusal | None = None) -> Answer:
    cited = () if refusal else (Citation(1, PAPER.paper_id, PAPER.title, ABSTRACT[:25], PAPER.url),)
    return Answer(
        question=question,
        standalone_question=question,
        text=" ".join(one.text for one in sentences) if not refusal else "The corpus is silent.",
        sentences=sentences,
        citations=cited,
        papers=(HIT,),
        refusal=refusal,
        model="embedded",
        usage=Usage(12, 34, 0),
        timings_ms={"retrieve": 3.14159, "total": 10.0},
        receipt=Receipt("c", "p", "e", "0.1.0"),
    )


class Stream:
    """Pieces of an answer; an exception among them is raised where it stands."""

    def __init__(self, finished: Answer, pieces: Sequence[str | Sentence | BaseException]) -> None:
        self._finished, self._pieces = finished, pieces
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[str]:
        return (part for part in self.parts() if isinstance(part, str))

    def parts(self) -> Iterator[str | Sentence]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def answer(self) -> Answer:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
        return self._finished


class SearchResult(NamedTuple):
    question: str
    papers: tuple[ScoredPaper, ...]
    trouble: str = ""


class Note(NamedTuple):
    line: int
    kind: str
    text: str


@dataclass
class Report:
    pages: int = 5
    pages_unchanged: int = 0
    pages_removed: int = 0
    listings: int = 306
    papers: int = 249
    added: int = 249
    changed: int = 0
    removed: int = 0
    chunks: int = 482
    encoded: int = 482
    seconds: float = 4.2
    kind: str = "index"
    pages_gone: tuple[str, ...] = ()
    papers_gone: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, Note], ...] = (("page-1.txt", Note(3, "merged", "again")),)


class StubCatalog:
    """One paper."""

    def __init__(self) -> None:
        self.known = {"page-1.txt": "00"}
        self.holds = 1

    def paper(self, paper_id: str) -> Paper:
        if not PAPER.paper_id.startswith(paper_id):
            raise UsageError(f"no paper {paper_id!r}: did you mean {PAPER.paper_id}?")
        return PAPER

    def some_papers(self, limit: int, offset: int) -> list[Paper]:
        return [PAPER][offset : offset + limit]

    def papers(self, ids: Sequence[str] | None = None) -> list[Paper]:
        return [PAPER] if ids is None or PAPER.paper_id in ids else []

    def pages(self) -> dict[str, str]:
        return self.known

    def count(self) -> int:
        return self.holds

    def meta(self, key: str) -> str | None:
        return "1" if self.holds else None

    def check(self) -> None:
        """It is whole."""


class StubAssistant:
    """Says what the test put in its hands, and records what it was asked."""

    trouble = ""

    def __init__(self) -> None:
        self.catalog = StubCatalog()
        self.indexed = True
        self.asked: list[dict[str, Any]] = []
        self.settings: Settings | None = None
        self.sentences = (sentence("LoRA freezes the weights [1]."),)
        self.refusal: Refusal | None = None
        self.fault: BaseException | None = None
        self.cut: BaseException | None = None
        self.early: tuple[Sentence, ...] = ()
        self.hits: tuple[ScoredPaper, ...] = (HIT,)
        self.report = Report()
        self.closed = 0

    def open(self, config: Path | None = None, *, settings: Settings | None = None) -> Any:
        self.settings = settings
        return self

    def __enter__(self) -> "StubAssistant":
        return self

    def __exit__(self, *_: object) -> None:
        self.closed += 1

    def corpus(self, name: str | None) -> "StubAssistant":
        if name not in (None, "default"):
            raise UsageError(f"there is no corpus {name!r}: there are default")
        return self

    def corpora(self) -> list[str]:
        return ["default"]

    def models(self) -> tuple[str, ...]:
        return ("embedded",)

    def ask(self, question: str, **options: Any) -> Stream:
        self.asked.append({"question": question, **options})
        if self.fault:
            raise self.fault
        finished = answer(question, *self.sentences, refusal=self.refusal)
        words = [f"{word} " for word in finished.text.split(" ")]
        # Verdicts come before the last word.
        pieces: list[str | Sentence | BaseException] = [*words[:-1], *self.early, *words[-1:]]
        if self.cut:
            pieces = [*words[:2], self.cut]
        return Stream(finished, pieces)

    def search(self, question: str, *, filters: Filters = Filters(), top_k: int = 10) -> Any:  # noqa: B008
        self.asked.append({"question": question, "filters": filters, "top_k": top_k})
        if self.fault:
            raise self.fault
        return SearchResult(question, self.hits, self.trouble)

    def verify(
        self, text: str, *, sources: Any = None, as_of: str | None = None
    ) -> tuple[Sentence, ...]:
        then = {"as_of": as_of} if as_of else {}
        self.asked.append({"text": text, "sources": sources, **then})
        return self.sentences

    def ensure_indexed(self, progress: Any) -> Any:
        if not self.indexed:
            progress("embed", 0, 2)
            progress("embed", 2, 2)
            self.indexed = True

    def index(self, paths: Any, *, rebuild: bool, prune: bool, progress: Any, **_more: Any) -> Any:
        self.asked.append({"paths": paths, "rebuild": rebuild, "prune": prune})
        progress("read", 1, 1)
        return self.report

    def preview(self, paths: Any, *, prune: bool) -> Any:
        return self.report


class Ran(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Cli:
    """Runs commands in this process, each in an empty folder with no settings of anyone's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: Any, folder: Path) -> None:
        self.assistant = StubAssistant()
        self.folder = folder
        self.monkeypatch, self._capsys = monkeypatch, capsys
        build = ModuleType("assistant.build")
        build.Assistant = self.assistant  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "assistant.build", build)
        monkeypatch.chdir(folder)
        isolate(monkeypatch, folder)

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ran:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8"))
        self._capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        return Ran(code, *self._capsys.readouterr())

    def terminal(self) -> None:
        """From here on a person looks on."""
        self.monkeypatch.setenv("FORCE_COLOR", "1")
        self.monkeypatch.setenv("COLUMNS", "60")

    def write(self, name: str, *rows: Any) -> str:
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        (self.folder / name).write_text("\n".join(lines), encoding="utf-8")
        return name


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No variable and no file of the machine has a say."""
    for name in list(os.environ):
        if name.startswith(("ASSISTANT_", "OPENAI_", "AZURE_")):
            monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
