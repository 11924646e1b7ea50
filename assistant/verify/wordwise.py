"""Every word of a claim -> numbers that tell whether the evidence bears it out."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned
from assistant.verify.wording import Word, compact, quantities, words

FEATURES = (
    "weight", "best_all", "best_one", "best_chosen", "stem_all", "stem_chosen", "stem_best",
    "is_name", "name_missing", "is_stop", "opposite", "universal_new", "negation_new",
    "hedge_new", "near", "above_near", "wide", "above_wide", "pair_kept", "pair_seen",
    "coverage", "place", "clause", "prefix_all", "sentences_apart",
)  # fmt: skip

Rows = NDArray[np.float64]


def rows(aligned: Aligned) -> Rows:
    """One row a word, shape (words, features)."""
    n = len(aligned.words)
    if not n:
        return np.zeros((0, len(FEATURES)))
    cosines, chosen = aligned.cosines, list(aligned.chosen)
    best_all = cosines.max(axis=1)
    best_chosen = cosines[:, chosen].max(axis=1)
    coverage = float(aligned.weights @ best_chosen)
    near, wide = _smooth(best_chosen, aligned, 2), _smooth(best_chosen, aligned, 5)
    lexical = _lexical(aligned)
    order = _order(aligned)
    table = np.column_stack(
        [
            aligned.weights * n, best_all, cosines[:, chosen[0]], best_chosen,
            lexical, near, best_chosen - near, wide, best_chosen - wide, order,
            np.full(n, coverage), np.arange(n) / max(1, n - 1), _clause(aligned, best_chosen),
            _prefixed(aligned), _apart(cosines),
        ]
    )  # fmt: skip
    return np.asarray(table, np.float64)


def _smooth(values: NDArray[np.float32], aligned: Aligned, reach: int) -> Rows:
    """The weighted mean of each word's neighbours, itself left out."""
    weights = aligned.weights.astype(np.float64) + 1e-4
    kernel = np.ones(2 * reach + 1)
    kernel[reach] = 0
    up = np.convolve(values * weights, kernel)[reach : reach + len(values)]
    return np.asarray(
        up / np.maximum(np.convolve(weights, kernel)[reach : reach + len(values)], 1e-9)
    )


def _lexical(aligned: Aligned) -> Rows:
    everywhere, chosen, best = aligned.all_text, aligned.chosen_text, aligned.best.text
    letters = compact(everywhere)
    stems_all, stems_chosen, stems_best = (
        {word.stem for word in words(text)} for text in (everywhere, chosen, best)
    )
    said = {word.text.lower() for word in words(chosen)}
    numbers = {part.text.lower() for part in quantities(chosen)}
    table = np.zeros((len(aligned.words), 10))
    for row, word in zip(table, aligned.words, strict=True):
        low = word.text.lower()
        new = low not in said and low not in numbers
        row[:] = (
            word.stem in stems_all,
            word.stem in stems_chosen,
            word.stem in stems_best,
            word.is_name,
            word.is_name and compact(word.text).removesuffix("s") not in letters,
            word.is_stop,
            is_opposite(word, said),
            new and low in lexicon.UNIVERSAL,
            new and low in lexicon.NEGATIONS and not said & lexicon.NEGATIONS,
            new and low in lexicon.HEDGES,
        )
    return table


def is_opposite(word: Word, said: set[str]) -> bool:
    """Whether the contrary of `word` is said, and neither it nor anything like it."""
    low = word.text.lower()
    if low not in lexicon.SIDES:
        return False
    return bool(said & lexicon.opposites(low)) and not said & lexicon.alike(low)


def _order(aligned: Aligned) -> Rows:
    """For each word: does it stand by its neighbour in the evidence, and does it by any."""
    places: dict[str, list[int]] = {}
    for at, word in enumerate(words(aligned.chosen_text)):
        places.setdefault(word.stem, []).append(at)
    told = [at for at, word in enumerate(aligned.words) if not word.is_stop]
    table = np.full((len(aligned.words), 2), 0.5)
    for left, right in pairwise(told):
        one, other = aligned.words[left].stem, aligned.words[right].stem
        if one in places and other in places:
            gaps = [b - a for a in places[one] for b in places[other]]
            kept = any(0 < gap <= 5 for gap in gaps)
            for at in (left, right):
                table[at, 0] = min(table[at, 0], float(kept)) if table[at, 1] == 1 else kept
                table[at, 1] = 1
    return table


def _clause(aligned: Aligned, values: NDArray[np.float32]) -> Rows:
    """The coverage of the clause that each word stands in."""
    clauses = clause_of(aligned)
    weights = aligned.weights.astype(np.float64) + 1e-4
    sums = np.bincount(clauses, values * weights) / np.bincount(clauses, weights)
    return np.asarray(sums[clauses])


def clause_of(aligned: Aligned) -> NDArray[np.intp]:
    """The number of the clause of each word: clauses end at commas, brackets, `and`, `while`."""
    clauses = np.zeros(len(aligned.words), np.intp)
    number = 0
    for at, (left, right) in enumerate(pairwise(aligned.words), 1):
        gap = aligned.claim[left.end : right.start]
        joins = right.text.lower() in (
            "and",
            "while",
            "but",
            "which",
            "whereas",
            "so",
            "plus",
            "with",
        )
        number += bool(set(gap) & set(",;:()—–")) or joins
        clauses[at] = number
    return clauses


def _prefixed(aligned: Aligned) -> Rows:
    """Whether a word of the evidence begins as this one does."""
    heads = {word.text.lower()[:5] for word in words(aligned.all_text)}
    return np.array([word.text.lower()[:5] in heads for word in aligned.words], np.float64)


def _apart(cosines: NDArray[np.float32]) -> Rows:
    """How far the sentence that fits a word best is from that of its neighbour."""
    home = cosines.argmax(axis=1)
    apart = np.abs(np.diff(home, prepend=home[:1])) + np.abs(np.diff(home, append=home[-1:]))
    return np.asarray(np.minimum(apart, 6), np.float64)
