"""A reply with marks such as [2] -> its sentences, and the sources that each one cites."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from assistant import sentences

# [2], [1, 3], [1-3], [^2], 【2】, [Source 2]: how models write what we ask them for.
_MARK = re.compile(
    r"[\[【]\s*(?:(?:sources?|refs?\.?|papers?)\s*)?\^?(\d{1,3}(?:\s*[,;–-]\s*\^?\d{1,3})*)\s*(?:†[^\]】]*)?[\]】]",
    re.I,
)
_MARKS = re.compile(rf"(?:\s*{_MARK.pattern})+", re.I)
_NUMBERS = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_ITEM = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_LONGEST_MARK = 40
_WIDEST = 20


class CitedSentence(NamedTuple):
    """A sentence without its marks, and the numbers of the sources that they named."""

    text: str
    numbers: tuple[int, ...]


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
        moved = re.sub(rf"([.!?][\"'”’)]*)({_MARKS.pattern})", _before_stop, item, flags=re.I)
        for start, end in sentences.split(moved):
            sentence = moved[start:end]
            marks = [mark for match in _MARK.finditer(sentence) for mark in [match.group()]]
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
        numbers = [n for mark in _MARK.finditer(match.group()) for n in numbers_in(mark.group())]
        marks = "".join(f"[{number}]" for number in dict.fromkeys(self.cite(numbers)))
        space = match.group()[: len(match.group()) - len(match.group().lstrip())]
        return f"{space}{marks}" if marks else ""


def _safe_length(text: str) -> int:
    """How much of `text` can be passed on: all before what may still become a mark."""
    opened = max(text.rfind("["), text.rfind("【"))
    closed = max(text.rfind("]"), text.rfind("】"))
    end = opened if opened > closed and len(text) - opened < _LONGEST_MARK else len(text)
    if end == len(text) and closed == len(text) - 1:
        # Another mark may follow and belong to the same run.
        end = max(opened, 0)
    while end and text[end - 1].isspace():
        end -= 1
    return end
