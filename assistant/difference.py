"""Two texts -> the words that went and the words that came."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

_TOKEN = re.compile(r"\S+")


class Change(NamedTuple):
    """Some words, and whether both texts have them."""

    kind: Literal["same", "gone", "new"]
    text: str


def changes(before: str, after: str) -> Iterator[Change]:
    """Both texts in one, word by word.

    >>> [tuple(one) for one in changes("It is slow.", "It is not slow.")]
    [('same', 'It is'), ('new', 'not'), ('same', 'slow.')]
    """
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    for tag, start, end, first, last in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            yield Change("same", " ".join(old[start:end]))
            continue
        if start < end:
            yield Change("gone", " ".join(old[start:end]))
        if first < last:
            yield Change("new", " ".join(new[first:last]))
