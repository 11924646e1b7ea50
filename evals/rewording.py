"""A question -> the same question in other words, always the same ones."""

import random
import re
from collections.abc import Callable, Mapping

from evals.make_swaps import mistyped

_HOW = re.compile(r"^how (?=(?:does|do|did|can|could|is|are|was|were)\b)", re.I)
_WHY = re.compile(r"^why\b", re.I)
_WHICH = re.compile(r"^which (?!papers?\b|one\b)", re.I)


def polite(question: str) -> str:
    """Asked as people ask a person."""
    return f"Please tell me: {question}"


def small(question: str) -> str:
    """Typed without capital letters."""
    return question.lower()


def bare(question: str) -> str:
    """Typed without its question mark."""
    return question.rstrip(" ?.!")


def of_a_paper(question: str) -> str:
    """Asked of a paper that is said to be there."""
    # A name keeps its capitals.
    first = question.split(maxsplit=1)[0]
    rest = question[0].lower() + question[1:] if first[1:].islower() else question
    return f"In the paper on this, {rest}"


def otherwise(question: str) -> str:
    """Opened by another word that asks the same."""
    for pattern, words in ((_HOW, "In what way "), (_WHY, "For what reason"), (_WHICH, "What ")):
        if pattern.match(question):
            return pattern.sub(words, question)
    return question


def typo(question: str) -> str:
    """With two letters exchanged in each of its two longest words."""
    return mistyped(question, random.Random(question)) or question


WAYS: Mapping[str, Callable[[str], str]] = {
    "polite": polite,
    "no capitals": small,
    "no question mark": bare,
    "in the paper": of_a_paper,
    "other opening": otherwise,
    "typing errors": typo,
}


def rewordings(question: str) -> dict[str, str]:
    """The question in each way that changes it."""
    made = {name: way(question) for name, way in WAYS.items()}
    return {name: text for name, text in made.items() if text != question}
