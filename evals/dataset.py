"""Files of questions -> samples, checked against the papers they were written from."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.schema import Turn

DATA = Path(__file__).parent / "data"
SETS = ("dev", "single", "multi", "unanswerable")
SINGLE = frozenset(("fact", "method", "result", "why", "definition"))
KINDS = SINGLE | {"compare", "followup", "unanswerable"}
SUBKINDS = frozenset(("not_stated", "false_premise", "near_miss", "out_of_corpus"))
FLAWS = frozenset(("number", "entity", "direction", "overclaim", "invented"))


class BadData(Exception):
    """A row of a dataset is not as the README beside it says."""


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

    @property
    def is_single(self) -> bool:
        """Whether one paper answers it, with no conversation before it."""
        return self.kind in SINGLE

    @property
    def is_answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return self.kind != "unanswerable"


def load(sets: Iterable[str] = SETS, folder: Path = DATA) -> list[Sample]:
    """The samples of these sets, in the order of their files."""
    return [sample for name in sets for sample in _read(folder / f"{name}.jsonl")]


def _read(path: Path) -> Iterator[Sample]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield _sample(json.loads(line), path.stem)
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(f"{path}:{number}: {error!r}: see evals/data/README.md") from error


def _sample(row: Mapping[str, Any], name: str) -> Sample:
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
    )


def _subkind(row: Mapping[str, Any]) -> str:
    """The dev set names no subkind; its reasons do."""
    if row["kind"] != "unanswerable":
        return ""
    if row["why"].startswith("False premise"):
        return "false_premise"
    return "not_stated" if row["why"].startswith("The abstract") else "out_of_corpus"


def check(samples: Sequence[Sample], abstracts: Mapping[str, str]) -> list[str]:
    """Every fault of `samples`, a line each; `abstracts` are those of the corpus, by title."""
    counts = Counter(sample.id for sample in samples)
    faults = [f"{id_}: stands {count} times" for id_, count in counts.items() if count > 1]
    for sample in samples:
        faults += [f"{sample.id}: {fault}" for fault in _faults(sample, abstracts)]
    return faults


def _faults(sample: Sample, abstracts: Mapping[str, str]) -> Iterator[str]:
    if sample.kind not in KINDS:
        yield f"unknown kind {sample.kind!r}"
    for title in (*sample.relevant, *sample.near):
        if title not in abstracts:
            yield f"no paper is called {title!r}"
    if sample.is_answerable:
        yield from _faults_of_answerable(sample, abstracts)
    elif sample.subkind not in SUBKINDS:
        yield f"unknown subkind {sample.subkind!r}"
    elif sample.relevant or sample.must:
        yield "an unanswerable question has neither relevant papers nor required facts"


def _faults_of_answerable(sample: Sample, abstracts: Mapping[str, str]) -> Iterator[str]:
    for name in ("question", "relevant", "must", "reference"):
        if not getattr(sample, name):
            yield f"{name} is missing"
    if (sample.kind == "followup") != bool(sample.history):
        yield "a follow-up has a history, and nothing else has"
    yield from _facts_missing(sample, abstracts)
    if sample.flaw and sample.flaw not in FLAWS:
        yield f"unknown flaw {sample.flaw!r}"
    if sample.unfaithful == sample.reference:
        yield "unfaithful is the reference itself"


def _facts_missing(sample: Sample, abstracts: Mapping[str, str]) -> Iterator[str]:
    text = " ".join(f"{title} {abstracts.get(title, '')}" for title in sample.relevant)
    for spellings in sample.must:
        if not holds_any(text, spellings):
            yield f"the abstract does not hold {spellings[0]!r}"
        if not holds_any(sample.reference, spellings):
            yield f"the reference does not hold {spellings[0]!r}"


def holds_any(text: str, spellings: Iterable[str]) -> bool:
    """Whether one of the spellings of a fact stands in `text`, whatever its case."""
    return any(spelling.casefold() in text.casefold() for spelling in spellings)
