"""An answer and the texts it was made from -> how much of it is copied."""

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+(?:[-.'][^\W_]+)*")
_MARK = re.compile(r"\[\d+\]")


def longest_run(text: str, sources: Iterable[str]) -> int:
    """Words in the longest run that `text` shares with one of `sources`.

    >>> longest_run("It freezes the weights [1].", ["LoRA freezes the weights."])
    3
    """
    words = _words(_MARK.sub(" ", text))
    return max((_shared(words, _words(source)) for source in sources), default=0)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _shared(words: Sequence[str], others: Sequence[str]) -> int:
    """The longest common run, by the lengths of the runs that end at each word of `others`."""
    best, ending = 0, [0] * (len(others) + 1)
    for word in words:
        before = 0
        for at, other in enumerate(others, 1):
            before, ending[at] = ending[at], before + 1 if word == other else 0
            best = max(best, ending[at])
    return best
