"""A claim's words -> the words of the evidence that they were taken from, one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned
from assistant.verify.polarity import signs

Rows = NDArray[np.float64]

FEATURES = (
    "trail_share", "trail_sure", "trail_back", "trail_back_length", "trail_next", "trail_turned",
    "trail_home", "trail_back_count", "trail_gaps", "trail_pairs", "trail_order", "trail_run",
    "left_out",
)  # fmt: skip
WORD_FEATURES = (
    "traced", "traced_sure", "jump_before", "jump_after", "slot", "slot_likeness", "slot_words",
    "directs", "sign_kept", "to_the_end", "at_home", "sign_untraced",
)  # fmt: skip
_KEPT_PATHS = 8
_LEAST_LIKENESS = 0.55
# What a path pays: for a word traced at all, for another sentence, for each word passed over, and
# for going back.
_TOLL, _OTHER_SENTENCE, _STEP, _BACK, _BACK_STEP, _STAY = 0.25, 0.28, 0.03, 0.22, 0.02, 0.5


class Path(NamedTuple):
    """One way of tracing the words so far."""

    gain: float
    last: int
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """Where each word that tells was taken from."""

    told: tuple[int, ...]
    """The words of the claim that tell."""
    places: tuple[int, ...]
    """For each its word in the evidence, or -1."""
    sure: tuple[float, ...]
    """For each 1 where it is the same word, less where it is only alike, 0 where untraced."""
    rank: NDArray[np.intp]
    """For each word of the evidence how many before it tell."""

    @property
    def steps(self) -> list[int]:
        """The places of the traced words, in the order of the claim."""
        return [place for place in self.places if place >= 0]


def trace(aligned: Aligned) -> Trail:
    """The path through the evidence that explains the claim's words at the least cost."""
    told = tuple(at for at, word in enumerate(aligned.words) if not word.is_stop)
    rank = np.cumsum([not word.is_stop for word in aligned.there]).astype(np.intp) - 1
    if not told or not aligned.there:
        return Trail(told, (-1,) * len(told), (0.0,) * len(told), rank)
    found = _candidates(aligned, told)
    places = _cheapest(aligned, found).places
    sure = tuple(
        dict(one).get(place, 0.0) if place >= 0 else 0.0
        for one, place in zip(found, places, strict=True)
    )
    return Trail(told, places, sure, rank)


def _candidates(aligned: Aligned, told: Sequence[int]) -> list[list[tuple[int, float]]]:
    """For each word the places of the same word, and of the few most alike."""
    stems: dict[str, list[int]] = {}
    for at, word in enumerate(aligned.there):
        stems.setdefault(word.stem, []).append(at)
    stops = np.array([word.is_stop for word in aligned.there])
    found = []
    for at in told:
        line = np.where(stops, 0, aligned.likeness[at])
        places = dict.fromkeys(stems.get(aligned.words[at].stem, [])[:8], 1.0)
        for place in np.argsort(-line)[:4].tolist():
            if line[place] > _LEAST_LIKENESS:
                places.setdefault(place, 0.8 * float(line[place]))
        found.append(sorted(places.items()))
    return found


def _cheapest(aligned: Aligned, found: Sequence[Sequence[tuple[int, float]]]) -> Path:
    paths = [Path(0.0, -1, ())]
    for candidates in found:
        best: dict[int, Path] = {}
        for path in paths:
            _offer(best, Path(path.gain, path.last, (*path.places, -1)))
            for place, sure in candidates:
                gain = path.gain + sure - _TOLL - _cost(aligned, path.last, place)
                _offer(best, Path(gain, place, (*path.places, place)))
        paths = sorted(best.values(), key=lambda path: -path.gain)[:_KEPT_PATHS]
    return paths[0]


def _offer(best: dict[int, Path], path: Path) -> None:
    if path.last not in best or best[path.last].gain < path.gain:
        best[path.last] = path


def _cost(aligned: Aligned, last: int, place: int) -> float:
    if last < 0:
        return 0.0
    if aligned.home[place] != aligned.home[last]:
        return _OTHER_SENTENCE
    step = place - last
    if step == 0:
        return _STAY
    return _STEP * min(step - 1, 8) if step > 0 else _BACK + _BACK_STEP * min(-step, 8)


def row(aligned: Aligned, trail: Trail) -> list[float]:
    """How whole and how orderly the trail is, as `FEATURES` names it."""
    steps, home = trail.steps, aligned.home
    moves = [(a, b) for a, b in pairwise(steps) if home[a] == home[b]]
    ranks = [int(trail.rank[b] - trail.rank[a]) for a, b in moves]
    backs = [a - b for a, b in moves if b < a]
    count, told = max(1, len(steps) - 1), max(1, len(trail.told))
    return [
        len(steps) / told,
        sum(trail.sure) / told,
        len(backs) / count,
        sum(min(back, 20) for back in backs) / count / 10,
        sum(gap == 1 for gap in ranks) / count,
        sum(gap == -1 for gap in ranks) / count,
        (len(steps) - 1 - len(moves)) / count if steps else 0.0,
        min(len(backs), 5),
        sum(min(gap - 1, 10) for gap in ranks if gap > 1) / count,
        _neighbours_kept(aligned, trail),
        _in_order(aligned, steps),
        _longest_run(aligned, steps) / told,
        _left_out(aligned, steps),
    ]


def _neighbours_kept(aligned: Aligned, trail: Trail) -> float:
    pairs = list(pairwise(trail.places))
    kept = [
        a >= 0
        and b >= 0
        and a != b
        and bool(aligned.home[a] == aligned.home[b])
        and abs(int(trail.rank[b] - trail.rank[a])) <= 1
        for a, b in pairs
    ]
    return sum(kept) / len(kept) if kept else 0.5


def _in_order(aligned: Aligned, steps: Sequence[int]) -> float:
    places = np.array(steps, np.intp)
    later = np.triu(np.ones((len(places), len(places)), np.bool_), 1)
    homes = aligned.home[places] if len(places) else places
    counted = later & (homes[:, None] == homes[None, :]) & (places[:, None] != places[None, :])
    if not counted.any():
        return 0.5
    return float((places[:, None] < places[None, :])[counted].mean())


def _longest_run(aligned: Aligned, steps: Sequence[int]) -> int:
    run = best = 0
    last = -1
    for place in steps:
        joins = last >= 0 and aligned.home[place] == aligned.home[last] and 0 < place - last <= 3
        run = run + 1 if joins else 1
        best, last = max(best, run), place
    return best


def region(aligned: Aligned, steps: Sequence[int]) -> range:
    """The part of the evidence, within its main sentence, that the claim was taken from."""
    if not steps:
        return range(0)
    main = np.bincount(aligned.home[list(steps)]).argmax()
    inside = [place for place in steps if aligned.home[place] == main]
    return range(min(inside), max(inside) + 1)


def _left_out(aligned: Aligned, steps: Sequence[int]) -> float:
    told = [place for place in region(aligned, steps) if not aligned.there[place].is_stop]
    used = set(steps)
    return sum(place not in used for place in told) / max(1, len(told))


def word_rows(aligned: Aligned, trail: Trail) -> Rows:
    """One row a word, as `WORD_FEATURES` names it; zeros for words that tell nothing."""
    table = np.zeros((len(aligned.words), len(WORD_FEATURES)))
    here = signs([word.text.lower() for word in aligned.words])
    there = signs([word.text.lower() for word in aligned.there])
    for at, place in enumerate(trail.told):
        before, after = _around(trail, at)
        own = trail.places[at]
        slot = _slot(aligned, trail, at, before, after)
        sign = _sign_kept(aligned, trail, at, here[place], there) if here[place] else 0
        table[place] = (
            own >= 0,
            trail.sure[at],
            _jump(aligned, trail, before, own),
            _jump(aligned, trail, own, after),
            bool(slot),
            aligned.likeness[place, slot].max() if slot else 0,
            min(len(slot), 6),
            aligned.words[place].text.lower() in lexicon.SIDES,
            sign,
            (len(trail.told) - 1 - at) / len(trail.told),
            own >= 0 and aligned.home[own] == aligned.chosen[0],
            bool(here[place]) and own < 0,
        )
    return table


def _around(trail: Trail, at: int) -> tuple[int, int]:
    """The places of the nearest traced words before and after, or -1."""
    before = next((one for one in trail.places[:at][::-1] if one >= 0), -1)
    after = next((one for one in trail.places[at + 1 :] if one >= 0), -1)
    return before, after


def _jump(aligned: Aligned, trail: Trail, one: int, other: int) -> float:
    if one < 0 or other < 0:
        return 0.0
    if aligned.home[one] != aligned.home[other]:
        return 12.0
    return float(np.clip(trail.rank[other] - trail.rank[one], -10, 10))


def _slot(aligned: Aligned, trail: Trail, at: int, before: int, after: int) -> list[int]:
    """The unused words of the evidence where this word would stand between its neighbours."""
    if before < 0 and after < 0:
        return []
    if before >= 0 and after >= 0 and aligned.home[before] == aligned.home[after]:
        low, high = min(before, after), max(before, after)
    else:
        low, high = (before, before + 5) if before >= 0 else (after - 5, after)
    if high - low > 14:
        low, high = before, before + 5
    used = set(trail.steps) - {trail.places[at]}
    used |= {before, after}
    places = range(max(0, low), min(len(aligned.there), high + 1))
    return [one for one in places if one not in used and not aligned.there[one].is_stop]


def _sign_kept(aligned: Aligned, trail: Trail, at: int, sign: int, there: Sequence[int]) -> int:
    """Whether the nearest direction word by the neighbours' places has the same sign: 1, -1."""
    near = [
        trail.places[other]
        for other in range(max(0, at - 2), min(len(trail.told), at + 3))
        if other != at and trail.places[other] >= 0
    ]
    found = [
        (abs(one - place), sign * there[one])
        for place in near
        for one in range(max(0, place - 5), min(len(there), place + 6))
        if there[one] and aligned.home[one] == aligned.home[place]
    ]
    return min(found)[1] if found else 0
