"""What differs between a claim and its evidence, in words that a person accepts."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned, edit
from assistant.verify.sentencewise import (
    missing_names,
    missing_numbers,
    swapped_numbers,
    turned,
)
from assistant.verify.wording import Quantity, Word, holds, quantities, stem, words
from assistant.verify.wordwise import is_opposite

# A negation denies one of so many words behind it.
_REACH = 3
# A number of something: not "two of the", not "3 and 4".
_NEXT_WORD = re.compile(
    r" (?!(?:of|and|or|to|in|on|at|for|with|by|from|as|is|are|was|were|more|less|times|the|a)\b)"
    r"([^\W\d_]{3,})"
)


class Finding(NamedTuple):
    """One difference."""

    reason: str
    is_conflict: bool
    """Whether the evidence says otherwise, rather than nothing."""
    is_certain: bool = False
    """Whether it overrules the score."""


def find(aligned: Aligned) -> list[Finding]:
    """All differences that rules can name, the surest first."""
    return [
        *_counts(aligned),
        *_numbers(aligned),
        *_swaps(aligned),
        *_names(aligned),
        *_negation(aligned),
        *_directions(aligned),
        *_order(aligned),
        *_bounds(aligned),
    ]


def doubtful(aligned: Aligned, doubts: NDArray[np.float64]) -> str:
    """The words of the claim that the evidence bears out least."""
    told = [at for at, word in enumerate(aligned.words) if not word.is_stop]
    if not told:
        return "the abstract does not say this"
    worst = max(told, key=lambda at: doubts[at])
    near = [at for at in told if abs(at - worst) <= 2 and doubts[at] > doubts[worst] - 1.5]
    quoted = aligned.claim[aligned.words[near[0]].start : aligned.words[near[-1]].end]
    return f"the abstract does not say “{quoted}”"


def _counts(aligned: Aligned) -> list[Finding]:
    """Another number of the same thing: "two branches" where the abstract has three."""
    there = [(one, stem(_counted(aligned.all_text, one))) for one in quantities(aligned.all_text)]
    found = []
    for one in aligned.quantities:
        thing = _counted(aligned.claim, one)
        others = [other for other, what in there if thing and what == stem(thing)]
        if others and not holds(one, others):
            mine, theirs = f"{one.text} {thing}", f"{others[0].text} {thing}"
            found.append(Finding(f"the abstract says {theirs}, not {mine}", True, True))
    return found


def _counted(text: str, number: Quantity) -> str:
    """The word right behind a number without a unit: "three branches", "4 GPU days"."""
    before, behind = text[: number.start][-1:], _NEXT_WORD.match(text, number.end)
    if number.unit or before.isalnum() or before in ("-", "."):
        return ""
    return behind[1] if behind else ""


def _numbers(aligned: Aligned) -> list[Finding]:
    found = []
    for one in missing_numbers(aligned):
        if one.is_spelt:
            found.append(Finding(f"the abstract does not give “{one.text}”", False))
            continue
        other = _instead(aligned, one)
        if other:
            found.append(Finding(f"the abstract says {other.text}, not {one.text}", True, True))
        else:
            found.append(Finding(f"the abstract does not give {one.text}", False))
    return found


def _instead(aligned: Aligned, one: Quantity) -> Quantity | None:
    """The number of the best sentence, of the same unit, that the claim leaves out."""
    there = [
        other
        for other in quantities(aligned.best.text)
        if not holds(other, aligned.quantities) and other.unit[:1] == one.unit[:1]
    ]
    digits = [other for other in there if not other.is_spelt]
    return next(iter(digits or there), None)


def _swaps(aligned: Aligned) -> list[Finding]:
    return [
        Finding(f"the abstract gives {one.text} and {other.text} the other way round", True)
        for one, other in swapped_numbers(aligned)[:1]
    ]


def _names(aligned: Aligned) -> list[Finding]:
    return [
        Finding(f"the abstract does not mention {word.text}", False)
        for word in missing_names(aligned)
    ]


def _negation(aligned: Aligned) -> list[Finding]:
    claim = [word.text.lower() for word in aligned.words]
    there = [word.text.lower() for word in words(aligned.best.text)]
    change = edit(claim, there)
    if change.kept < 0.6 * len(claim):
        return []
    mine = set(claim) & lexicon.NEGATIONS
    # A part of the evidence that the claim leaves out may be negated without denying it.
    theirs = {
        word
        for at, word in enumerate(there)
        if word in lexicon.NEGATIONS and set(there[at + 1 : at + 1 + _REACH]) & set(claim)
    }
    if bool(mine) == bool(theirs):
        return []
    if theirs:
        return [Finding(f"the abstract says “{sorted(theirs)[0]}”, the sentence does not", True)]
    return [Finding(f"the abstract does not say “{sorted(mine)[0]}”", True)]


def _directions(aligned: Aligned) -> list[Finding]:
    said = {word.text.lower() for word in words(aligned.chosen_text)}
    best = [word.text.lower() for word in words(aligned.best.text)]
    found = []
    for word in aligned.words:
        if is_opposite(word, said):
            contrary = lexicon.opposites(word.text.lower())
            other = next((one for one in best if one in contrary), None)
            if other:
                found.append(Finding(f"the abstract says “{other}”, not “{word.text}”", True))
    return found


def _order(aligned: Aligned) -> list[Finding]:
    if turned(aligned) or turned(aligned, reach=1):
        return [Finding("the abstract has it the other way round", True)]
    return []


def _bounds(aligned: Aligned) -> list[Finding]:
    said = {word.text.lower() for word in words(aligned.chosen_text)}
    new: list[Word] = [
        word
        for word in aligned.words
        if word.text.lower() in lexicon.UNIVERSAL and word.text.lower() not in said
    ]
    return [Finding(f"the abstract does not go as far as “{word.text}”", False) for word in new[:1]]
