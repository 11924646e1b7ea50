"""Whether what stands together in a claim stands together in its evidence."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned
from assistant.verify.wording import Quantity, quantities, same

Floats = NDArray[np.float32]
Rows = NDArray[np.float64]

WORD_FEATURES = (
    "same_stem", "same_likeness", "rival", "rival_margin", "pair_gap", "pair_gap_next", "order_gap",
    "contrary", "contrary_margin", "contrary_near", "target_strays",
)  # fmt: skip
FEATURES = (
    "gap_mean", "gap_most", "order_mean", "order_least", "same_mean", "same_least", "rivals",
    "contrary_most", "contrary_near_any", "number_gap", "number_gap_least", "parity_after",
    "parity_before", "parity_after_least", "names_gap", "strays",
)  # fmt: skip
_REACH = 6


@dataclass(frozen=True, slots=True)
class Bound:
    """How the words of a claim hang together in the evidence."""

    words: Rows
    """Shape (words, WORD_FEATURES)."""
    claim: Rows
    """Shape (FEATURES,)."""


def bind(aligned: Aligned) -> Bound:
    """The features of `aligned` that need word against word."""
    if not aligned.words or not aligned.there:
        return Bound(np.zeros((len(aligned.words), len(WORD_FEATURES))), np.zeros(len(FEATURES)))
    likeness = aligned.likeness
    reach = _reach(likeness, aligned.home)
    told = [at for at, word in enumerate(aligned.words) if not word.is_stop]
    same_stem, rival = _stems(aligned)
    gaps, orders = _pairs(aligned, told, reach)
    contrary = _contrary(aligned, told)
    target = likeness.argmax(axis=1)
    strays = _strays(aligned, told, target)
    table = np.column_stack(
        [same_stem > 0, same_stem, rival, np.where(same_stem > 0, same_stem - rival, 0),
         gaps, orders, contrary, strays]
    )  # fmt: skip
    names = [at for at in told if aligned.words[at].is_name]
    known = same_stem[told][same_stem[told] > 0]
    claim = [
        gaps[told, 0].mean() if told else 0.0,
        gaps[told, 0].max() if told else 0.0,
        orders[told].mean() if told else 0.0,
        orders[told].min() if told else 0.0,
        known.mean() if len(known) else 0.0,
        known.min() if len(known) else 0.0,
        float(((same_stem > 0) & (rival > same_stem)).sum()),
        contrary[:, 1].max(),
        contrary[:, 2].max(),
        *_numbers(aligned, told, reach),
        gaps[names, 0].max() if names else 0.0,
        strays[told].mean() if told else 0.0,
    ]
    return Bound(np.asarray(table, np.float64), np.array(claim, np.float64))


def _reach(likeness: Floats, home: NDArray[np.intp]) -> Floats:
    """The best likeness within reach of each word of the evidence, in its sentence."""
    best = likeness.copy()
    for step in range(1, _REACH + 1):
        if step >= likeness.shape[1]:
            break
        together = home[step:] == home[:-step]
        best[:, step:] = np.maximum(best[:, step:], np.where(together, likeness[:, :-step], 0))
        best[:, :-step] = np.maximum(best[:, :-step], np.where(together, likeness[:, step:], 0))
    return best


def _stems(aligned: Aligned) -> tuple[Rows, Rows]:
    """For each word its best likeness to the same word, and to any other that tells."""
    index: dict[str, list[int]] = {}
    for at, word in enumerate(aligned.there):
        index.setdefault(word.stem, []).append(at)
    stops = np.array([word.is_stop for word in aligned.there])
    own, other = np.zeros(len(aligned.words)), np.zeros(len(aligned.words))
    for at, word in enumerate(aligned.words):
        line = np.where(stops, 0, aligned.likeness[at])
        if places := index.get(word.stem):
            own[at] = aligned.likeness[at, places].max()
            line[places] = 0
        other[at] = line.max()
    return own, other


def _pairs(aligned: Aligned, told: list[int], reach: Floats) -> tuple[Rows, Rows]:
    """What the best match of neighbours loses by standing together, and by keeping order."""
    gaps, orders = np.zeros((len(aligned.words), 2)), np.zeros(len(aligned.words))
    alone = aligned.likeness.max(axis=1)
    n = aligned.likeness.shape[1]
    for step in (1, 2):
        for left, right in zip(told, told[step:], strict=False):
            free = min(alone[left], alone[right])
            joined = np.minimum(aligned.likeness[left], reach[right]).max()
            gap = float(free - joined)
            for at in (left, right):
                gaps[at, step - 1] = max(gaps[at, step - 1], gap)
            if step == 1 and n > 1:
                later = np.maximum.accumulate(aligned.likeness[right][::-1])[::-1]
                sooner = np.maximum.accumulate(aligned.likeness[right])
                kept = np.minimum(aligned.likeness[left][:-1], later[1:]).max()
                turned = np.minimum(aligned.likeness[left][1:], sooner[:-1]).max()
                for at in (left, right):
                    orders[at] = min(orders[at], float(kept - turned))
    return gaps, orders


def _contrary(aligned: Aligned, told: list[int]) -> Rows:
    """For each word: is its contrary said, how much more alike is it, and is it said nearby."""
    table = np.zeros((len(aligned.words), 3))
    lows = [word.text.lower() for word in aligned.there]
    target = aligned.likeness.argmax(axis=1)
    for at, word in enumerate(aligned.words):
        low = word.text.lower()
        if low not in lexicon.SIDES:
            continue
        against, along = lexicon.opposites(low), lexicon.alike(low)
        bad = [place for place, one in enumerate(lows) if one in against]
        good = [place for place, one in enumerate(lows) if one in along]
        if not bad:
            continue
        line = aligned.likeness[at]
        table[at, 0] = not good
        table[at, 1] = line[bad].max() - (line[good].max() if good else 0.3)
        others = np.array([one for one in told if one != at], np.intp)
        around = others[np.argsort(np.abs(others - at), kind="stable")[:3]]
        spots = target[around]
        near_bad = any(abs(place - spot) <= 3 for place in bad for spot in spots)
        near_good = any(abs(place - spot) <= 3 for place in good for spot in spots)
        table[at, 2] = near_bad and not near_good
    return table


def _strays(aligned: Aligned, told: list[int], target: NDArray[np.intp]) -> Rows:
    """How far each word's match stands from the matches of its neighbours, up to 12 words."""
    strays = np.zeros(len(aligned.words))
    for left, at, right in zip([None, *told], told, [*told[1:], None], strict=False):
        near = [
            min(12, abs(int(target[at]) - int(target[other])))
            for other in (left, right)
            if other is not None
        ]
        strays[at] = min(near, default=0)
    return strays


def _numbers(aligned: Aligned, told: list[int], reach: Floats) -> tuple[float, ...]:
    spots = _spots(aligned)
    alone = aligned.likeness.max(axis=1)
    gaps = [0.0]
    words = np.array(told, np.intp)
    starts = np.array([aligned.words[at].start for at in told])
    for one in aligned.quantities:
        places = [spot for other, spot in spots if same(one, other)]
        if not places or not told:
            continue
        near = np.argsort(np.abs(starts - one.start), kind="stable")[:4]
        bound = reach[words[near]][:, places].max(axis=1)
        gaps.append(float((alone[words[near]] - bound).mean()))
    parities = swaps(aligned)
    after = [parity for _, _, parity, _ in parities]
    before = [parity for _, _, _, parity in parities]
    return (
        max(gaps),
        float(np.mean(gaps)),
        float(np.mean(after)) if after else 0.0,
        float(np.mean(before)) if before else 0.0,
        min(after, default=0.0),
    )


def _spots(aligned: Aligned) -> list[tuple[Quantity, int]]:
    """The numbers of the chosen sentences, each with the word that stands next to it."""
    found = []
    for home in sorted(set(aligned.home.tolist())):
        places = np.flatnonzero(aligned.home == home)
        starts = [aligned.there[place].start for place in places]
        for one in quantities(aligned.passages[home].text):
            next_word = min(len(starts) - 1, bisect_left(starts, one.start))
            found.append((one, int(places[next_word])))
    return found


def swaps(aligned: Aligned) -> list[tuple[Quantity, Quantity, float, float]]:
    """Pairs of numbers, each with how far their owners agree with their order: -1 to 1.

    Owners are sought after the numbers, and before them.
    """
    spots = _spots(aligned)
    found = []
    quantities_held = [one for one in aligned.quantities if any(same(one, o) for o, _ in spots)]
    for one, other in combinations(quantities_held[:6], 2):
        if same(one, other):
            continue
        here, there = (
            [spot for candidate, spot in spots if same(number, candidate)]
            for number in (one, other)
        )
        if len(here) != 1 or len(there) != 1 or aligned.home[here[0]] != aligned.home[there[0]]:
            continue
        turned = 1.0 if here[0] < there[0] else -1.0
        found.append(
            (
                one,
                other,
                turned * _after(aligned, one, other),
                turned * _before(aligned, one, other),
            )
        )
    return found


def _after(aligned: Aligned, one: Quantity, other: Quantity) -> float:
    stop = min(
        [q.start for q in aligned.quantities if q.start > other.start] or [len(aligned.claim)]
    )
    return _order(aligned, (one.end, other.start), (other.end, stop))


def _before(aligned: Aligned, one: Quantity, other: Quantity) -> float:
    start = max([q.end for q in aligned.quantities if q.end < one.start] or [0])
    return _order(aligned, (start, one.start), (one.end, other.start))


def _order(aligned: Aligned, left: tuple[int, int], right: tuple[int, int]) -> float:
    """1 where the words of `left` stand before those of `right` in the evidence, -1 turned."""
    first, second = (
        [
            int(aligned.likeness[at].argmax())
            for at, word in enumerate(aligned.words)
            if not word.is_stop and a <= word.start < b and aligned.likeness[at].max() > 0.7
        ]
        for a, b in (left, right)
    )
    own, others = set(first) - set(second), set(second) - set(first)
    if not own or not others:
        return 0.0
    return float(np.mean([np.sign(b - a) for a in own for b in others]))
