"""Labelled claims with their evidence, for fitting and measuring the judge."""

import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from assistant import late, sentences
from assistant.schema import Chunk, ReadingEncoder
from assistant.verify import lexicon
from assistant.verify.wording import quantities, words

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
    return late.passages(abstract, list(zip(chunks, readings, strict=True)))


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
        other = chance.choice([one for one in titles if one != title])
        foreign = chance.choice(sentences.texts(papers[other]))
        yield _control(title, papers, "foreign", foreign, False)
        for text in texts:
            yield _control(title, papers, "verbatim", text, True)
            trimmed = trim(text)
            if trimmed != text:
                yield _control(title, papers, "trimmed", trimmed, True)
            for kind, corrupt in CORRUPTIONS.items():
                wrong = corrupt(text, chance)
                if wrong and wrong != text and (kind != "clause" or chance.random() < 0.3):
                    faults = changed(text, wrong)
                    yield Case("controls", title, f"{title}|{text}", kind, wrong, title,
                               papers[title], False, faults)  # fmt: skip


def _control(title: str, papers: Papers, kind: str, claim: str, right: bool) -> Case:
    faults = () if right else ((0, len(claim)),)
    return Case(
        "controls", title, f"{title}|{claim}", kind, claim, title, papers[title], right, faults
    )


def trim(text: str) -> str:
    """`text` without its opening adverb and its brackets."""
    bare = re.sub(r"^(?:However|Moreover|Furthermore|Specifically|In addition|Finally|Firstly), ", "", text)
    bare = re.sub(r"\s*\([^()]*\)", "", bare)
    return bare[:1].upper() + bare[1:]


def wrong_number(text: str, chance: random.Random) -> str | None:
    """One number changed."""
    found = [one for one in quantities(text) if not one.is_spelt and one.value]
    if not found:
        return None
    one = chance.choice(found)
    digits = re.match(r"[+-]?[\d.,]*\d", text[one.start :])
    if not digits:
        return None
    old = digits.group()
    factor = chance.choice((0.1, 10, 0.5, 1.5, 2, 1.1, 0.8))
    decimals = len(old.partition(".")[2])
    new = f"{float(old.replace(',', '')) * factor:.{decimals}f}"
    return text[: one.start] + new + text[one.start + len(old) :] if new != old else None


def swapped_numbers(text: str, chance: random.Random) -> str | None:
    """Two numbers exchanged."""
    found = [one for one in quantities(text) if not one.is_spelt]
    if len(found) < 2:
        return None
    left, right = sorted(chance.sample(found, 2), key=lambda one: one.start)
    return _swap(text, left.start, left.end, right.start, right.end)


def _swap(text: str, a: int, b: int, c: int, d: int) -> str | None:
    if text[a:b] == text[c:d] or b > c:
        return None
    return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def negated(text: str, chance: random.Random) -> str | None:
    """A negation put in, or one taken out."""
    for pattern, new in ((r"\b(?:not|never) ", ""), (r"\bwithout\b", "with"), (r"\bcannot\b", "can")):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    for pattern, new in (
        (r"\b(is|are|was|were|can|does|do|has been|have been|will)\b", r"\1 not"),
        (r"\bwith\b", "without"),
        (r"\b(we) (\w+)\b", r"\1 do not \2"),
        (r"\b(\w+(?:ches|zes|ves|ses|tes|des|ces|ns|ts|ms|rs)) (the|a|an|both|high|state)\b", r"never \1 \2"),
    ):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    return None


def turned(text: str, chance: random.Random) -> str | None:
    """A direction word turned into its contrary."""
    found = [word for word in words(text) if word.text.lower() in lexicon.SIDES]
    if not found:
        return None
    word = chance.choice(found)
    row, side = chance.choice(lexicon.SIDES[word.text.lower()])
    new = chance.choice(sorted(lexicon.ROWS[row][1 - side]))
    return text[: word.start] + new + text[word.end :]


def swapped_names(text: str, chance: random.Random) -> str | None:
    """Two names, or two nouns either side of a comparison, exchanged."""
    names = [word for word in words(text) if word.is_name]
    if len(names) < 2:
        return None
    left, right = sorted(chance.sample(names, 2), key=lambda one: one.start)
    return _swap(text, left.start, left.end, right.start, right.end)


_NAMES = "ImageNet CIFAR-10 COCO BERT ResNet-50 GPT-4 LSTM U-Net Transformer MNIST Kinetics LLaMA".split()


def other_name(text: str, chance: random.Random) -> str | None:
    """A name replaced by one of another paper."""
    names = [word for word in words(text) if word.is_name]
    if not names:
        return None
    word = chance.choice(names)
    new = chance.choice([name for name in _NAMES if name.lower() not in text.lower()])
    return text[: word.start] + new + text[word.end :]


def sides_swapped(text: str, chance: random.Random) -> str | None:
    """What stands left and right of a comparison or a verb exchanged."""
    pattern = (
        r"\b((?:\w[\w-]* ){1,3}\w[\w-]*) (outperforms?|surpass(?:es)?|than|exceeds?|leads? to|improves?|from"
        r"|enables?|requires?|rather than|instead of|uses?|using|over|by|into) ((?:\w[\w-]* ){1,2}\w[\w-]*)"
    )
    match = re.search(pattern, text)
    return _swap(text, *match.span(1), *match.span(3)) if match else None


def overclaimed(text: str, chance: random.Random) -> str | None:
    """A hedge taken away, or a bound made universal."""
    for pattern, new in (
        (r"\b(?:may|might|can|could) (\w+)", r"always \1"),
        (r"\b(?:some|many|most|several|various)\b", "all"),
        (r"\b(?:often|usually|generally|typically)\b", "always"),
        (r"\b(?:nearly|almost|approximately|about) ", ""),
        (r"\b(?:reduces|mitigates|alleviates)\b", "completely eliminates"),
        (r"\b(?:suggests?|indicates?)\b", "proves"),
        (r"\bcomparable\b", "far superior"),
        (r"\b(\w+) (datasets|tasks|benchmarks|models|domains|methods)\b", r"all \1 \2 without exception"),
    ):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    return None


_CLAUSES = (
    "and it was deployed in production by two companies", "while halving the training time",
    "as confirmed by a study with thirty users", "without any loss of accuracy",
    "and it runs in real time on a phone", "which the authors release as open source",
    "with a mean accuracy of 92%", "in under ten seconds", "and it needs no labelled data",
    "corrected by two experts", "plus reinforcement learning from feedback", "across five languages",
)  # fmt: skip


def clause_added(text: str, chance: random.Random) -> str | None:
    """A clause put at the end that the abstract knows nothing of."""
    return text.rstrip(". ") + (", " if chance.random() < 0.5 else " ") + chance.choice(_CLAUSES) + "."


CORRUPTIONS = {
    "number": wrong_number, "numbers_swapped": swapped_numbers, "negation": negated,
    "direction": turned, "names_swapped": swapped_names, "name": other_name,
    "sides": sides_swapped, "overclaim": overclaimed, "clause": clause_added,
}  # fmt: skip
