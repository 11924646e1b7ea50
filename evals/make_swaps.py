"""A question -> the same with another name, number or year, or with typing errors."""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from assistant.schema import Paper
from evals.make_questions import Asked

_NUMBER = re.compile(r"(?<![\w.)(-])\d+(?:[.,]\d+)*(?=%|\s|,|$)")
_NAME = re.compile(r"\b(?=\w*[A-Z][\w-]*[A-Z0-9])[A-Za-z][\w-]{2,24}\b")
_YEAR = re.compile(r"(?:19|20)\d\d")
_TRIES = 20
_LONG = 6


class Known(NamedTuple):
    """What stands anywhere in a corpus, gathered once."""

    text: str
    names: tuple[str, ...]
    first_year: int | None

    @classmethod
    def of(cls, papers: Sequence[Paper]) -> "Known":
        """All abstracts, the names in them, and the first year in which a paper appeared."""
        names = sorted({name for paper in papers for name in names_of(paper.abstract)})
        years = [int(year[0]) for paper in papers if (year := _YEAR.findall(paper.date or ""))]
        text = "\n".join(paper.abstract for paper in papers)
        return cls(text, tuple(names), min(years, default=None))


def names_of(text: str) -> list[str]:
    """Words that only a name is spelt like: ResNet-50, COCO, GPT-4."""
    return list(dict.fromkeys(_NAME.findall(text)))


def entity_swapped(asked: Asked, known: Known, chance: random.Random) -> tuple[str, str] | None:
    """The question about a name that its paper does not have; and what was swapped."""
    mine = f"{asked.paper.title} {asked.paper.abstract}".casefold()
    foreign = [name for name in known.names if name.casefold() not in mine]
    here = [name for name in names_of(asked.question) if name in asked.paper.abstract]
    if not foreign or not here:
        return None
    old, new = chance.choice(here), chance.choice(foreign)
    return asked.question.replace(old, new), f"{old} is {new} here"


def number_swapped(asked: Asked, known: Known, chance: random.Random) -> tuple[str, str] | None:
    """The question about a number that stands nowhere in the corpus; and what was swapped."""
    found = [number for number in _NUMBER.findall(asked.question) if len(number) > 1]
    if not found:
        return None
    old = chance.choice(found)
    for _ in range(_TRIES):
        new = re.sub(r"\d", lambda digit: str(chance.randrange(1, 10)), old)
        if new not in known.text:
            return asked.question.replace(old, new, 1), f"{old} is {new} here"
    return None


def date_swapped(asked: Asked, known: Known, chance: random.Random) -> tuple[str, str] | None:
    """The question about a year in which no paper of the corpus appeared; and what was swapped."""
    mine = _YEAR.match(asked.paper.date or "")
    if mine is None or known.first_year is None:
        return None
    year = chance.randrange(known.first_year - 40, known.first_year - 20)
    question = asked.question.replace("Which paper", f"Which paper of the year {year}", 1)
    return question, f"{mine.group()} is {year} here"


def mistyped(question: str, chance: random.Random) -> str | None:
    """The question with two letters exchanged in each of its two longest plain words."""
    words = question.split()
    plain = [at for at, word in enumerate(words) if word.isalpha() and len(word) >= _LONG]
    chosen = sorted(plain, key=lambda at: (-len(words[at]), at))[:2]
    for at in chosen:
        words[at] = _exchanged(words[at], chance)
    text = " ".join(words)
    return text if text != question else None


def _exchanged(word: str, chance: random.Random) -> str:
    places = [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]
    if not places:
        return word
    at = chance.choice(places)
    return f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
