"""A whole claim -> numbers that tell whether the evidence bears it out."""

import re
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned, Edit, edit, span
from assistant.verify.wording import Quantity, Word, compact, holds, quantities, words
from assistant.verify.wordwise import clause_of, is_opposite

FEATURES = (
    "cover_one", "cover_span", "cover_chosen", "cover_all", "poor", "very_poor", "worst", "worst2",
    "worst_clause", "stems_all", "stems_best", "stems_chosen",
    "names", "names_missing", "numbers", "numbers_missing",
    "numbers_astray", "spelt_missing", "numbers_swapped", "opposites", "negation_new",
    "negation_lost", "negation_differs", "universal_new", "hedge_lost", "hedge_lost_all", "kept",
    "longest", "moved", "inverted_near", "inverted_all", "comparative_swapped", "earlier_work",
    "length", "chosen", "inserted", "deleted", "edit_negations", "edit_hedges",
    "edit_universals", "soft_inverted", "twice_said",
)  # fmt: skip

Row = NDArray[np.float64]
_COMPARES = re.compile(
    r"\b(?:than|outperform\w*|surpass\w*|exceed\w*|beats?|over|versus|from|into|to|by|led|lead\w*|leads"
    r"|due|because|caus\w+|result\w*|follow\w*|before|after|instead|rather|unlike|whereas|while|compared)\b",
    re.I,
)


def row(aligned: Aligned) -> Row:
    """One row, shape (features,)."""
    values = (
        *_coverage(aligned),
        *_lexical(aligned),
        *_numbers(aligned),
        *_directions(aligned),
        *_shape(aligned),
    )
    return np.array(values, np.float64)


def _coverage(aligned: Aligned) -> tuple[float, ...]:
    weights, cosines = aligned.weights, aligned.cosines
    first, last = span(aligned)
    best_all = cosines.max(axis=1)
    chosen = cosines[:, list(aligned.chosen)].max(axis=1)
    told = np.sort(chosen[weights > 0]) if (weights > 0).any() else np.ones(1)
    clauses = clause_of(aligned)
    safe = weights + 1e-4
    by_clause = np.bincount(clauses, chosen * safe) / np.bincount(clauses, safe)
    heavy = np.bincount(clauses, weights) > 0.06
    return (
        float(weights @ cosines[:, aligned.chosen[0]]),
        float(weights @ cosines[:, first : last + 1].max(axis=1)),
        float(weights @ chosen),
        float(weights @ best_all),
        float(weights @ (chosen < 0.6)),
        float(weights @ (best_all < 0.5)),
        float(told[0]),
        float(told[:3].mean()),
        float(by_clause[heavy].min()) if heavy.any() else 1.0,
    )


def _lexical(aligned: Aligned) -> tuple[float, ...]:
    told = [word for word in aligned.words if not word.is_stop]
    count = max(1, len(told))
    shares = []
    for text in (aligned.all_text, aligned.best.text, aligned.chosen_text):
        stems = {word.stem for word in words(text)}
        shares.append(sum(word.stem in stems for word in told) / count)
    names = [word for word in aligned.words if word.is_name]
    return (*shares, float(len(names)), float(len(missing_names(aligned))))


def missing_names(aligned: Aligned) -> list[Word]:
    """The names in the claim that neither abstract nor title holds."""
    letters = compact(aligned.all_text)
    names = (word for word in aligned.words if word.is_name)
    return [word for word in names if compact(word.text).removesuffix("s") not in letters]


def missing_numbers(aligned: Aligned) -> list[Quantity]:
    """The numbers in the claim that neither abstract nor title holds."""
    there = quantities(aligned.all_text)
    return [one for one in aligned.quantities if not holds(one, there)]


def _numbers(aligned: Aligned) -> tuple[float, ...]:
    missing = missing_numbers(aligned)
    near = quantities(aligned.chosen_text)
    astray = [one for one in aligned.quantities if not holds(one, near)]
    return (
        float(len(aligned.quantities)),
        float(sum(not one.is_spelt for one in missing)),
        float(len(astray) - len(missing)),
        float(sum(one.is_spelt for one in missing)),
        float(len(swapped_numbers(aligned))),
    )


def swapped_numbers(aligned: Aligned) -> list[tuple[Quantity, Quantity]]:
    """Pairs of numbers whose owners stand the other way round in the evidence.

    Between two numbers the order may change only together with that of the words they belong to.
    """
    found = []
    evidence = aligned.best.text
    there = quantities(evidence)
    places = _single_places(evidence)
    held = [one for one in aligned.quantities if holds(one, there)]
    for one, other in combinations(held, 2):
        if one.value == other.value:
            continue
        here = [_first(quantity, there) for quantity in (one, other)]
        owners = [_owner(aligned, quantity, (one, other), places) for quantity in (one, other)]
        if None in owners or owners[0] == owners[1]:
            continue
        numbers_turned = here[0] > here[1]
        owners_turned = places[str(owners[0])] > places[str(owners[1])]
        if numbers_turned != owners_turned:
            found.append((one, other))
    return found


def _single_places(text: str) -> dict[str, int]:
    """Where each stem that is said once stands."""
    places: dict[str, list[int]] = {}
    for word in words(text):
        if not word.is_stop:
            places.setdefault(word.stem, []).append(word.start)
    return {stem: at[0] for stem, at in places.items() if len(at) == 1}


def _first(quantity: Quantity, there: tuple[Quantity, ...]) -> int:
    return next(other.start for other in there if holds(quantity, [other]))


def _owner(
    aligned: Aligned, quantity: Quantity, pair: tuple[Quantity, Quantity], places: dict[str, int]
) -> str | None:
    """The nearest word that follows the number before the next one, and stands in the evidence."""
    middle = pair[1].start
    after = [
        word
        for word in aligned.words
        if not word.is_stop
        and word.stem in places
        and word.start >= quantity.end
        and (quantity is pair[1] or word.start < middle)
    ]
    return after[-1].stem if after and quantity is pair[0] else after[0].stem if after else None


def _directions(aligned: Aligned) -> tuple[float, ...]:
    said = [word.text.lower() for word in words(aligned.chosen_text)]
    best = {word.text.lower() for word in words(aligned.best.text)}
    claimed = {word.text.lower() for word in aligned.words}
    here = claimed & lexicon.NEGATIONS
    there = best & lexicon.NEGATIONS
    universal = {word for word in claimed & lexicon.UNIVERSAL if word not in said}
    hedges = best & lexicon.HEDGES
    return (
        float(sum(is_opposite(word, set(said)) for word in aligned.words)),
        float(bool(here) and not set(said) & lexicon.NEGATIONS),
        float(bool(there) and not here),
        float(bool(here) != bool(there)),
        float(len(universal)),
        float(len(hedges - claimed)),
        float(bool(hedges) and not claimed & lexicon.HEDGES),
    )


def _shape(aligned: Aligned) -> tuple[float, ...]:
    claim = [word.text.lower() for word in aligned.words]
    change = edit(claim, [word.text.lower() for word in words(aligned.best.text)])
    count = max(1, len(claim))
    there = [word.text.lower() for word in words(aligned.best.text)]
    bag = sum(min(claim.count(word), there.count(word)) for word in set(claim))
    near, every = _inversions(aligned)
    return (
        change.kept / count,
        change.longest / count,
        (bag - change.kept) / count,
        near,
        every,
        float(turned(aligned)),
        float(lexicon.is_of_earlier_work(aligned.best.text)),
        float(min(count, 60)) / 20,
        float(len(aligned.chosen)),
        min(len(change.inserted), 20) / count,
        min(len(change.deleted), 20) / count,
        *_edits(change, change.kept / count),
        _soft_inversions(aligned),
        float(len(claim) - len(set(claim))) / count,
    )


def _edits(change: Edit, kept: float) -> tuple[float, ...]:
    """Negations, hedges and bounds put in or left out of words otherwise kept."""
    inserted, deleted = set(change.inserted), set(change.deleted)
    both = (inserted | deleted) - (inserted & deleted)
    return (
        kept * len(both & lexicon.NEGATIONS),
        kept * len((deleted - inserted) & lexicon.HEDGES),
        kept * len((inserted - deleted) & lexicon.UNIVERSAL),
    )


def _inversions(aligned: Aligned) -> tuple[float, float]:
    """The share of pairs of words that stand the other way round in the best sentence."""
    places = _single_places(aligned.best.text)
    held = [(at, places[word.stem]) for at, word in enumerate(aligned.words) if word.stem in places]
    pairs = [(b - a, q < p) for (a, p), (b, q) in combinations(held, 2) if p != q]
    near = [turned for gap, turned in pairs if gap <= 6]
    return (
        float(np.mean(near)) if near else 0.0,
        float(np.mean([turned for _, turned in pairs])) if pairs else 0.0,
    )


def turned(aligned: Aligned, reach: int = 4) -> bool:
    """Whether what stands left and right of a comparison or verb has changed sides."""
    places = _single_places(aligned.best.text)
    for match in _COMPARES.finditer(aligned.claim):
        again = re.search(rf"\b{re.escape(match.group())}\b", aligned.best.text, re.I)
        if not again:
            continue
        held = [word for word in aligned.words if word.stem in places]
        left = [places[w.stem] < again.start() for w in held if w.end <= match.start()][-reach:]
        right = [places[w.stem] > again.start() for w in held if w.start >= match.end()][:reach]
        if left and right and not any(left) and not any(right):
            return True
    return False


def _soft_inversions(aligned: Aligned) -> float:
    """The same share by likeness in sense: how far the words' sentences run backwards."""
    home = aligned.cosines.argmax(axis=1)[aligned.weights > 0]
    if len(home) < 2:
        return 0.0
    return float(np.mean(np.diff(home) < 0))
