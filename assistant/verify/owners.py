"""Numbers of a claim -> whether they stand with the things they stand with in the evidence."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from assistant.verify.alignment import Aligned
from assistant.verify.tracing import Trail
from assistant.verify.wording import Quantity, quantities, same

FEATURES = ("owners_taken", "owner_taken", "owners_closer", "owners_closer_least")
_FAR = 99.0


class Spot(NamedTuple):
    """A number of the evidence, and where it stands among the words."""

    quantity: Quantity
    place: float
    home: int


def row(aligned: Aligned, trail: Trail) -> list[float]:
    """The shares of a number's neighbours that belong to it, as `FEATURES` names it."""
    places = {at: to for at, to in zip(trail.told, trail.places, strict=True) if to >= 0}
    spots = _spots(aligned) if aligned.quantities else []
    held = [one for one in aligned.quantities if any(same(spot.quantity, one) for spot in spots)]
    taken = [one for quantity in held for one in _taken(aligned, places, quantity, spots)]
    found = [_closer(aligned, places, *pair, spots) for pair in combinations(held[:6], 2)]
    closer = [pair for pair in found if pair]
    every = [one for pair in closer for one in pair]
    return [
        sum(taken) / len(taken) if taken else 0.0,
        float(any(taken)),
        sum(every) / len(every) if every else 0.5,
        min((sum(pair) / len(pair) for pair in closer), default=0.5),
    ]


def _spots(aligned: Aligned) -> list[Spot]:
    found = []
    for home in sorted(set(aligned.home.tolist())):
        first = aligned.home.tolist().index(home)
        starts = [
            word.start for word, at in zip(aligned.there, aligned.home, strict=True) if at == home
        ]
        for one in quantities(aligned.passages[home].text):
            found.append(Spot(one, first + bisect_left(starts, one.start) - 0.5, home))
    return found


def _place(aligned: Aligned, quantity: Quantity) -> float:
    return bisect_left([word.start for word in aligned.words], quantity.start) - 0.5


def _distance(spots: Sequence[Spot], place: int, home: int) -> float:
    return min((abs(spot.place - place) for spot in spots if spot.home == home), default=_FAR)


def _taken(
    aligned: Aligned, places: Mapping[int, int], quantity: Quantity, spots: Sequence[Spot]
) -> list[bool]:
    """For each word next to the number, whether another number stands closer to it there."""
    here = _place(aligned, quantity)
    near = sorted((abs(at - here), at) for at in places if abs(at - here) <= 5)[:4]
    mine = [spot for spot in spots if same(spot.quantity, quantity)]
    others = [spot for spot in spots if not same(spot.quantity, quantity)]
    found = []
    for _, at in near:
        home = int(aligned.home[places[at]])
        own = _distance(mine, places[at], home)
        other = _distance(others, places[at], home)
        if min(own, other) < _FAR:
            found.append(other < own)
    return found


def _closer(
    aligned: Aligned, places: Mapping[int, int], one: Quantity, other: Quantity,
    spots: Sequence[Spot],
) -> list[bool]:  # fmt: skip
    """For each word closer to one of two numbers, whether it is closer to the same one there."""
    if same(one, other):
        return []
    here = [_place(aligned, quantity) for quantity in (one, other)]
    there = [[spot for spot in spots if same(spot.quantity, quantity)] for quantity in (one, other)]
    found = []
    for at, place in places.items():
        home = int(aligned.home[place])
        left, right = (_distance(mine, place, home) for mine in there)
        if _FAR in (left, right) or left == right or abs(at - here[0]) == abs(at - here[1]):
            continue
        found.append((abs(at - here[0]) < abs(at - here[1])) == (left < right))
    return found
