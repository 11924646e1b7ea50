"""Sightings -> families: those that share an identifier, or else their title and text."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from assistant.identifiers import names, paper_id, text_id
from assistant.schema import Sighting

# Two abstracts of one paper share most of their words, whatever a version or a publisher changed.
_ALIKE = 0.5
# Thousands of texts are called "Editorial"; each is compared with so many others at most.
_MOST_COMPARED = 50
_WORD = re.compile(r"\w+")


class _Kin(NamedTuple):
    """Sightings that are surely one paper, and what tells it from another."""

    members: list[int]
    names: frozenset[str]


def families(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """The sightings of each paper, in the order of first sight.

    One identifier is one paper. One title is one paper, unless two identifiers say otherwise and
    the abstracts are not alike. One abstract below two titles is one paper if the titles are alike.
    """
    seen = list(sightings)
    own = [names(one) for one in seen]
    sets = _Sets(len(seen))
    for group in _sharing(own):
        sets.join_all(group)
    for group in _sharing([paper_id(one.title)] for one in seen):
        _join_same_titles(seen, own, sets, group)
    for group in _sharing([text_id(one.abstract)] for one in seen):
        _join_same_texts(seen, own, sets, group)
    return [[seen[index] for index in members] for members in sets.groups()]


def _sharing(keys: Iterable[Iterable[str]]) -> Iterator[list[int]]:
    """The indexes of those that have one key in common, where there are two or more."""
    by_key: dict[str, list[int]] = {}
    for index, some in enumerate(keys):
        for key in sorted(some):
            if key:
                by_key.setdefault(key, []).append(index)
    yield from (group for group in by_key.values() if len(group) > 1)


def _join_same_titles(
    seen: list[Sighting], own: list[frozenset[str]], sets: "_Sets", group: list[int]
) -> None:
    kept: list[_Kin] = []
    # Who is named first, by what it is named; who has no name then joins the one it is most like.
    for one in sorted(_kin(own, sets, group), key=lambda kin: (not kin.names, sorted(kin.names))):
        near = kept[:_MOST_COMPARED]
        like = max(near, key=lambda other: _likeness(seen, one, other), default=None)
        if not one.names:
            same = like
        else:
            free = (other for other in near if not _conflict(one.names, other.names))
            same = next(free, None)
            if same is None and like and _likeness(seen, one, like) >= _ALIKE:
                same = like
        if same is None:
            kept.append(one)
        else:
            sets.join_all([same.members[0], one.members[0]])
            kept[kept.index(same)] = _Kin(same.members + one.members, same.names | one.names)


def _join_same_texts(
    seen: list[Sighting], own: list[frozenset[str]], sets: "_Sets", group: list[int]
) -> None:
    first, *others = _kin(own, sets, group)
    for one in others[:_MOST_COMPARED]:
        titles = (seen[first.members[0]].title, seen[one.members[0]].title)
        if _titles_alike(*titles) and not _conflict(first.names, one.names):
            sets.join_all([first.members[0], one.members[0]])


def _kin(own: list[frozenset[str]], sets: "_Sets", group: list[int]) -> list[_Kin]:
    """The members of a group by the sets that they are in already."""
    by_root: dict[int, list[int]] = {}
    for index in group:
        by_root.setdefault(sets.root(index), []).append(index)
    return [
        _Kin(members, frozenset().union(*(own[index] for index in members)))
        for members in by_root.values()
    ]


def _conflict(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one way of naming papers gives them two names, and no way gives them one."""
    schemes = {name.partition(":")[0] for name in one} & {name.partition(":")[0] for name in other}
    return bool(schemes) and not one & other


def _likeness(seen: list[Sighting], one: _Kin, other: _Kin) -> float:
    return overlap(seen[one.members[0]].abstract, seen[other.members[0]].abstract)


def _titles_alike(one: str, other: str) -> bool:
    """Whether two titles say the same in other spelling; part 1 is not part 2."""
    numbers = re.compile(r"\d+|\b[IVX]+\b")
    return numbers.findall(one) == numbers.findall(other) and overlap(one, other) >= _ALIKE


def overlap(one: str, other: str) -> float:
    """The share of words that two texts have in common."""
    words, others = (set(_WORD.findall(text.casefold())) for text in (one, other))
    return len(words & others) / max(1, len(words | others))


class _Sets:
    """Disjoint sets of indexes."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def root(self, index: int) -> int:
        while self._above[index] != index:
            self._above[index] = self._above[self._above[index]]
            index = self._above[index]
        return index

    def join_all(self, indexes: list[int]) -> None:
        first, *others = sorted(self.root(index) for index in indexes)
        for other in others:
            self._above[self.root(other)] = first

    def groups(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for index in range(len(self._above)):
            found.setdefault(self.root(index), []).append(index)
        return list(found.values())
