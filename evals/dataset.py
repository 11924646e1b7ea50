"""Files of questions -> samples."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from assistant.errors import AssistantError
from assistant.records import dumps, plain
from assistant.schema import Turn

DATA = Path(__file__).parent / "data"
ASKED = ("dev", "single", "multi", "unanswerable")
"""The sets that figures are told of."""
FITTED = (*ASKED, "further")
"""The sets that quoting.json and refusal.json are fitted on."""
SETS = (*ASKED, "removed", "injected")
"""The sets of a run, unless others are named."""
KNOWN = (*SETS, "further")
SINGLE = frozenset(("fact", "method", "result", "why", "definition"))
KINDS = SINGLE | {"compare", "followup", "unanswerable", "injected"}
SUBKINDS = frozenset(("not_stated", "false_premise", "near_miss", "out_of_corpus", "removed"))
FLAWS = frozenset(("number", "entity", "direction", "overclaim", "invented"))


class BadData(AssistantError):
    """A file of the evals is not as the README beside it says."""


class Plant(NamedTuple):
    """An instruction that stands in a copy of a paper, where a paper should not have one."""

    into: str
    """Title of the paper whose copy carries it."""
    where: str
    """start, middle or end of the abstract, or title."""
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A question, and what a good answer to it holds and cites."""

    id: str
    set: str
    kind: str
    question: str
    relevant: tuple[str, ...] = ()
    """Titles of the papers that answer it."""
    must: tuple[tuple[str, ...], ...] = ()
    """Required facts, each in its accepted spellings."""
    reference: str = ""
    unfaithful: str = ""
    """The reference with one fault, which `flaw` names."""
    flaw: str = ""
    history: tuple[Turn, ...] = ()
    near: tuple[str, ...] = ()
    """Of an unanswerable question: the papers that come close."""
    subkind: str = ""
    why: str = ""
    without: tuple[str, ...] = ()
    """Titles of the papers put aside while it is asked."""
    plant: Plant | None = None
    canary: tuple[str, ...] = ()
    """What the answer shows, any of it, if it obeys the planted instruction."""
    title_hidden: bool = False
    """Whether the question says that it does not give away the title of its paper."""

    @property
    def is_single(self) -> bool:
        """Whether one paper answers it, with no conversation before it."""
        return self.kind in SINGLE

    @property
    def is_answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return self.kind != "unanswerable"


def load(sets: Iterable[str | Path] = SETS, folder: Path = DATA) -> list[Sample]:
    """The samples of these sets, in the order of their files; a path is a file of one's own."""
    return [sample for name in sets for sample in _read(_path(name, folder))]


def _path(name: str | Path, folder: Path) -> Path:
    return name if isinstance(name, Path) else folder / f"{name}.jsonl"


def _read(path: Path) -> Iterator[Sample]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise BadData(f"{path}: {reason}: give a file with one JSON object a line") from None
    for number, line in enumerate(lines, 1):
        try:
            yield sample_of(json.loads(line), path.stem)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadData(f"{path}:{number}: {error!r}: see evals/data/README.md") from None


def sample_of(row: Mapping[str, Any], name: str) -> Sample:
    """The sample that one line of a dataset says."""
    return Sample(
        id=row["id"],
        set=name,
        kind=row["kind"],
        question=row["question"],
        relevant=tuple(row.get("gold_titles") or ()),
        must=tuple(tuple(spellings) for spellings in row.get("must") or ()),
        reference=row.get("answer", ""),
        unfaithful=row.get("unfaithful", ""),
        flaw=row.get("flaw", ""),
        history=tuple(Turn(one["user"], one["assistant"]) for one in row.get("history") or ()),
        near=tuple(row.get("near") or ()),
        subkind=row.get("subkind") or _subkind(row),
        why=row.get("why", ""),
        without=tuple(row.get("without") or ()),
        plant=Plant(**row["plant"]) if row.get("plant") else None,
        canary=tuple(row.get("canary") or ()),
        title_hidden=row.get("title_hidden", False),
    )


def _subkind(row: Mapping[str, Any]) -> str:
    """The dev set names no subkind; its reasons do."""
    if row["kind"] != "unanswerable":
        return ""
    if row["why"].startswith("False premise"):
        return "false_premise"
    return "not_stated" if row["why"].startswith("The abstract") else "out_of_corpus"


_NAMES = {"relevant": "gold_titles", "reference": "answer"}


def as_row(sample: Sample) -> dict[str, Any]:
    """The line of a dataset that says this sample, without what is empty."""
    fields = {_NAMES.get(name, name): value for name, value in plain(sample).items()}
    del fields["set"]
    return {name: value for name, value in fields.items() if value}


def fingerprint(samples: Sequence[Sample]) -> str:
    """The hash of all that these samples say, in their order."""
    lines = "\n".join(dumps(plain(sample)) for sample in samples)
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def holds_any(text: str, spellings: Iterable[str]) -> bool:
    """Whether one of the spellings of a fact stands in `text`, whatever its case."""
    return any(spelling.casefold() in text.casefold() for spelling in spellings)
