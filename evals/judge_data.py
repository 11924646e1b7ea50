"""Labelled claims with their evidence, for fitting and measuring the judge."""

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from assistant import late, sentences
from assistant.schema import Chunk, ReadingEncoder
from evals.judge_faults import CORRUPTIONS, MADE, foreign_tail, other_word, trim

Papers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One claim, the abstract it is held against, and whether that supports it."""

    source: str
    group: str
    """Cross-validation keeps a group together: the paper, or the question."""
    answer: str
    """The claims of one answer carry one id; the pair's other side ends in another letter."""
    kind: str
    claim: str
    title: str
    abstract: str
    supported: bool
    faults: tuple[tuple[int, int], ...] | None = None
    """The spans at fault; None where they are not known."""


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file, packed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read(encoder: ReadingEncoder, title: str, abstract: str) -> list[late.Passage]:
    """The sentences of `abstract`, read in chunks of whole sentences behind the title."""
    budget = encoder.max_pieces - 6 - encoder.count(title)
    spans: list[tuple[int, int]] = []
    for start, end in sentences.split(abstract):
        if spans and encoder.count(abstract[spans[-1][0] : end]) <= budget:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    chunks = [Chunk(f"{a}", title, title, abstract[a:b], a, b) for a, b in spans]
    readings = encoder.read([chunk.embedded_text for chunk in chunks])
    return late.passages(abstract, late.parts_of(zip(chunks, readings, strict=True)))


def pairs(rows: Iterable[dict[str, Any]], papers: Papers) -> Iterator[Case]:
    """The `answer` / `unfaithful` pairs, sentence by sentence."""
    for row in rows:
        if not row.get("unfaithful") or row["gold_titles"][0] not in papers:
            continue
        title = row["gold_titles"][0]
        told = sentences.texts(row["answer"])
        for side, text in (("+", row["answer"]), ("-", row["unfaithful"])):
            for claim in sentences.texts(text):
                right = side == "+" or claim in told
                faults = () if right else changed(row["answer"], claim)
                yield Case("pairs", title, f"{title}|{row['id']}{side}", row["flaw"], claim,
                           title, papers[title], right, faults)  # fmt: skip


def changed(right: str, wrong: str) -> tuple[tuple[int, int], ...]:
    """The spans of `wrong` that are not in `right`."""
    spots = [match.span() for match in re.finditer(r"\S+", wrong)]
    matcher = SequenceMatcher(None, right.split(), wrong.split(), autojunk=False)
    return tuple(
        (spots[b][0], spots[d - 1][1])
        for tag, _, _, b, d in matcher.get_opcodes()
        if tag in ("replace", "insert") and d > b
    )


def adversarial(rows: Iterable[dict[str, Any]], papers: Papers) -> Iterator[Case]:
    """True sentences in other words, false ones in the abstract's own."""
    for row in rows:
        for side, key in (("+", "supported"), ("-", "unsupported")):
            title = row["title"]
            yield Case("adversarial", title, f"{title}|{row['id']}{side}", row["kind"], row[key],
                       title, papers[title], side == "+")  # fmt: skip


def written(rows: Iterable[dict[str, Any]], papers: Papers) -> Iterator[Case]:
    """Single sentences, each with its like that has one fault."""
    for row in rows:
        title = row["title"]
        for side, key in (("+", "supported"), ("-", "unsupported")):
            faults = () if side == "+" else changed(row["supported"], row["unsupported"])
            yield Case("written", title, f"{title}|{row['id']}{side}", row["kind"], row[key],
                       title, papers[title], side == "+", faults)  # fmt: skip


def single(rows: Iterable[dict[str, Any]], papers: Papers, source: str) -> Iterator[Case]:
    """Sentences that stand alone: true ones in other words, false ones in the abstract's own."""
    for row in rows:
        title = row["title"]
        yield Case(source, title, f"{title}|{row['id']}", row["kind"], row["claim"], title,
                   papers[title], row["supported"])  # fmt: skip


def neighbours(papers: Papers, encoder: ReadingEncoder) -> dict[str, list[str]]:
    """For each paper all others, the most alike first."""
    titles = sorted(papers)
    vectors = encoder.encode([f"{title}. {papers[title]}" for title in titles])
    order = np.argsort(-(vectors @ vectors.T), axis=1)
    return {
        title: [titles[other] for other in line if titles[other] != title]
        for title, line in zip(titles, order.tolist(), strict=True)
    }


def misplaced(
    cases: Iterable[Case], papers: Papers, near: Mapping[str, Sequence[str]], seed: int = 9
) -> Iterator[Case]:
    """True sentences in other words held against other papers, two alike and one unlike.

    The nearest two are left out: where papers are twins, a sentence may be true of both.
    """
    chance = random.Random(seed)
    for case in cases:
        others = near[case.title]
        for kind, choice in (("near", others[2:12]), ("far", others[20:]), ("near", others[2:25])):
            title = chance.choice(choice)
            yield Case(f"made {case.source}", case.group, case.answer, kind, case.claim, title,
                       papers[title], False)  # fmt: skip


def thinned(cases: Iterable[Case], percent: int) -> Iterator[Case]:
    """So many of a hundred, always the same ones whatever else is there."""
    for case in cases:
        if zlib.crc32(f"{case.claim}{case.kind}{case.title}".encode()) % 100 < percent:
            yield case


def scifact(rows: Iterable[dict[str, Any]]) -> Iterator[Case]:
    """Claims against one abstract each."""
    for row in rows:
        abstract = " ".join(text.strip() for text in row["abstract"])
        yield Case("scifact", f"s{row['doc_id']}", f"s{row['id']}", row["label"], row["claim"],
                   row["title"], abstract, row["label"] == "SUPPORT")  # fmt: skip


def ragtruth(rows: Iterable[dict[str, Any]]) -> Iterator[Case]:
    """Answers sentence by sentence; a sentence that a marked span touches is unsupported."""
    for row in rows:
        passages = re.sub(r"passage \d+:", "", row["passages"])
        for start, end in sentences.split(row["response"]):
            spans = [
                (max(0, span["start"] - start), min(end, span["end"]) - start, span["label_type"])
                for span in row["spans"]
                if span["start"] < end and span["end"] > start
            ]
            kind = spans[0][2] if spans else "none"
            yield Case("ragtruth", f"r{row['source_id']}", f"r{row['id']}", kind,
                       row["response"][start:end], row["question"], passages, not spans,
                       tuple((a, b) for a, b, _ in spans))  # fmt: skip


def controls(papers: Papers, seed: int = 7) -> Iterator[Case]:
    """Abstracts' own sentences, whole and trimmed, and the same with one fault each."""
    chance = random.Random(seed)
    titles = sorted(papers)
    for title in titles:
        texts = [text for text in sentences.texts(papers[title]) if len(text.split()) > 7]
        corrupted = set(chance.sample(texts, min(4, len(texts))))
        other = chance.choice([one for one in titles if one != title])
        foreign = chance.choice(sentences.texts(papers[other]))
        yield _control(title, papers, "foreign", foreign, False)
        for text in texts:
            yield _control(title, papers, "verbatim", text, True)
            trimmed = trim(text)
            if trimmed != text:
                yield _control(title, papers, "trimmed", trimmed, True)
            for kind, corrupt in CORRUPTIONS.items() if text in corrupted else ():
                wrong = corrupt(text, chance)
                if wrong and wrong != text and (kind != "clause" or chance.random() < 0.3):
                    faults = changed(text, wrong)
                    yield Case("controls", title, f"{title}|{text}", kind, wrong, title,
                               papers[title], False, faults)  # fmt: skip


def made(cases: Iterable[Case], papers: Papers, seed: int = 11) -> Iterator[Case]:
    """Supported claims with one fault each, and against another abstract."""
    chance = random.Random(seed)
    titles = sorted(papers)
    for case in cases:
        if not case.supported or len(case.claim.split()) < 6:
            continue
        for kind, corrupt in MADE.items():
            wrong = corrupt(case.claim, chance)
            if wrong and wrong != case.claim:
                yield _made(case, kind, wrong)
        wrong = other_word(case.claim, case.abstract, chance)
        yield _made(case, "word", wrong or case.claim + " not")
        tail = foreign_tail(papers[chance.choice(titles)])
        if tail:
            yield _made(case, "tail", f"{case.claim.rstrip('. ')}, {tail}.")
        other = chance.choice([title for title in titles if title != case.title])
        yield Case(f"made {case.source}", case.group, case.answer, "evidence", case.claim, other,
                   papers[other], False)  # fmt: skip


def _made(case: Case, kind: str, wrong: str) -> Case:
    return Case(f"made {case.source}", case.group, case.answer, kind, wrong, case.title,
                case.abstract, False, changed(case.claim, wrong))  # fmt: skip


def _control(title: str, papers: Papers, kind: str, claim: str, right: bool) -> Case:
    faults = () if right else ((0, len(claim)),)
    return Case(
        "controls", title, f"{title}|{claim}", kind, claim, title, papers[title], right, faults
    )
