"""A reply with marks such as [2] -> its sentences, and the sources that each one cites."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from assistant import sentences
from assistant.schema import ScoredPaper, Usage

# [2], [1, 3], [1-3], [^2], 【2】, [Source 2]: how models write what we ask them for.
# [0, 1] is an interval: sources count from 1.
MARK = re.compile(
    r"[\[【](?!\s*0\s*[,;–-])\s*(?:(?:sources?|refs?\.?|papers?)\s*)?\^?"
    r"(\d{1,3}(?:\s*[,;–-]\s*\^?\d{1,3})*)\s*(?:†[^\]】]{0,80})?[\]】]",
    re.I,
)
_MARKS = re.compile(rf"(?:\s*{MARK.pattern})+", re.I)
# The end of a text that may go on as a mark: marks already there, and the beginning of another.
_UNFINISHED = re.compile(
    rf"(?<!\s)(?:\s*{MARK.pattern})*\s*"
    r"(?:[\[【]\s*(?:[spr][a-z]{0,6}\.?)?[\s\d,;–^-]*(?:†[^\]】]{0,80})?)?\Z",
    re.I,
)
# The stop of "Lee et al. [3] show" ends no sentence.
_AFTER_STOP = re.compile(
    r"(?<!\bet al)(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)"
    rf"([.!?][\"'”’)]*)({_MARKS.pattern})",
    re.I,
)
_NUMBERS = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_ITEM = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_WIDEST = 20


class CitedSentence(NamedTuple):
    """A sentence without its marks, and the numbers of the sources that they named."""

    text: str
    numbers: tuple[int, ...]


class Draft(NamedTuple):
    """An answer before it is verified; its numbers are those of the citations, from 1."""

    text: str
    sentences: tuple[CitedSentence, ...]
    papers: tuple[ScoredPaper, ...]
    """The cited papers: [1] is the first."""
    others: tuple[ScoredPaper, ...] = ()
    """What was read and not cited."""
    usage: Usage = Usage()
    refused: bool = False
    reply: str = ""
    """The model's own words, its citations as it numbered them."""


def numbers_in(mark: str) -> list[int]:
    """The numbers of one mark, a range spelled out.

    >>> numbers_in("[1, 3-5]")
    [1, 3, 4, 5]
    """
    found: list[int] = []
    for first, last in _NUMBERS.findall(mark):
        start, end = int(first), int(last or first)
        found += range(start, min(end, start + _WIDEST) + 1) if end >= start else [start]
    return list(dict.fromkeys(found))


def without_marks(text: str) -> str:
    """`text` without its citations."""
    return " ".join(_MARKS.sub("", text).split())


def cited_sentences(text: str) -> list[CitedSentence]:
    """The sentences of a reply, list items apart; a mark after the full stop belongs before it."""
    found: list[CitedSentence] = []
    for line in text.splitlines():
        item = _ITEM.sub("", line).strip()
        if not item:
            continue
        moved = _AFTER_STOP.sub(_before_stop, item)
        for start, end in sentences.split(moved):
            sentence = moved[start:end]
            marks = [mark for match in MARK.finditer(sentence) for mark in [match.group()]]
            numbers = [number for mark in marks for number in numbers_in(mark)]
            if plain := _tidy(sentence):
                found.append(CitedSentence(plain, tuple(dict.fromkeys(numbers))))
    return found


def _before_stop(match: re.Match[str]) -> str:
    return f" {match.group(2).strip()}{match.group(1)}"


def _tidy(sentence: str) -> str:
    plain = re.sub(r"\s+([.,;:!?])", r"\1", without_marks(sentence))
    return plain if re.search(r"\w", plain) else ""


class Renumbering:
    """Sources' numbers -> citations' numbers, from 1 in the order of first citation."""

    def __init__(self, sources: int) -> None:
        self._sources = sources
        self._order: dict[int, int] = {}

    @property
    def order(self) -> tuple[int, ...]:
        """The numbers of the cited sources, the one that became [1] first."""
        return tuple(self._order)

    def cite(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """The citations' numbers of those of `numbers` that are sources."""
        real = [number for number in numbers if 1 <= number <= self._sources]
        return tuple(self._order.setdefault(number, len(self._order) + 1) for number in real)

    def text(self, text: str) -> str:
        """`text` with every mark renumbered, and those of no source taken out."""
        return _MARKS.sub(self._renumbered, text)

    def stream(self, pieces: Iterable[str]) -> Iterator[str]:
        """The same as it comes; a piece that ends inside a mark waits for the rest of it."""
        held = ""
        for piece in pieces:
            held += piece
            cut = _safe_length(held)
            if cut:
                yield self.text(held[:cut])
                held = held[cut:]
        if held:
            yield self.text(held)

    def _renumbered(self, match: re.Match[str]) -> str:
        numbers = [n for mark in MARK.finditer(match.group()) for n in numbers_in(mark.group())]
        marks = "".join(f"[{number}]" for number in dict.fromkeys(self.cite(numbers)))
        space = match.group()[: len(match.group()) - len(match.group().lstrip())]
        return f"{space}{marks}" if marks else ""


def _safe_length(text: str) -> int:
    """How much of `text` can be passed on: all before what may still become a mark."""
    unfinished = _UNFINISHED.search(text)
    return unfinished.start() if unfinished else len(text)
