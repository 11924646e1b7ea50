"""A claim and its evidence -> how well each word of the claim finds its like, and where."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from assistant import late
from assistant.schema import Reader, Splitter
from assistant.verify.wording import Quantity, Word, compact, quantities, words

Floats = NDArray[np.float32]
_MOST_SENTENCES = 3
_LEAST_GAIN = 0.015


@dataclass(frozen=True, slots=True)
class Aligned:
    """A claim held against every sentence of its evidence."""

    claim: str
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    weights: Floats
    """What each word tells, shape (words,), summing to 1."""
    cosines: Floats
    """The best match of each word in each sentence, shape (words, sentences)."""
    passages: Sequence[late.Passage]
    chosen: tuple[int, ...]
    """The few sentences that together cover the claim best, the best first."""
    titles: str
    """The titles of the papers, to find names in."""
    there: tuple[Word, ...]
    """The words of the chosen sentences, in the order of the abstract."""
    home: NDArray[np.intp]
    """The passage that each of these stands in."""
    likeness: Floats
    """The cosine of each word of the claim with each of these, shape (words, there)."""

    @property
    def best(self) -> late.Passage:
        """The sentence that covers the claim best."""
        return self.passages[self.chosen[0]]

    @property
    def chosen_text(self) -> str:
        """The chosen sentences in the order of the abstract."""
        return " ".join(self.passages[at].text for at in sorted(self.chosen))

    @property
    def all_text(self) -> str:
        """Titles and all sentences."""
        return " ".join([self.titles, *(passage.text for passage in self.passages)])


def align(
    reader: Reader, claim: str, passages: Sequence[late.Passage], titles: Mapping[str, str]
) -> Aligned:
    """`claim` read piece by piece, and held against `passages`, of which there is at least one."""
    (reading,) = reader.read([claim])
    found = words(claim)
    owner, inside = _owners(found, reading.starts)
    states = late.unit(reading.states[inside])
    told = reader.weights(reading.pieces[inside])
    by_piece = _best_per_passage(states, passages)
    cosines = np.zeros((len(found), len(passages)), np.float32)
    counts = np.maximum(np.bincount(owner, minlength=len(found)), 1)
    np.add.at(cosines, owner, by_piece)
    cosines /= counts[:, None].astype(np.float32)
    weights = np.bincount(owner, told, minlength=len(found)).astype(np.float32)
    weights /= weights.sum() or 1.0
    cited = {passage.paper_id for passage in passages}
    named = " ".join(titles[paper_id] for paper_id in titles if paper_id in cited)
    chosen = _chosen(weights, cosines)
    there: list[Word] = []
    home: list[int] = []
    parts: list[_Grouped] = []
    for at in sorted(chosen):
        said, states_said = _by_word(reader, passages[at])
        there += said
        home += [at] * len(said)
        parts.append(states_said)
    likeness = _likeness(states, owner, len(found), parts)
    return Aligned(
        claim, found, quantities(claim), weights, cosines, passages, chosen, named,
        tuple(there), np.array(home, np.intp), likeness,
    )  # fmt: skip


class _Grouped(NamedTuple):
    states: Floats
    owner: NDArray[np.intp]
    size: int


def _by_word(reader: Reader, passage: late.Passage) -> tuple[tuple[Word, ...], _Grouped]:
    """The words of a passage, and which of its pieces belong to which."""
    found = words(passage.text)
    places = _starts(cast(Any, reader), passage.text)
    if len(places) != len(passage.states):
        # Read in parts or cut: near enough where the pieces spread evenly.
        places = np.linspace(0, len(passage.text), len(passage.states), False).astype(np.int32)
    owner, inside = _owners(found, places)
    return found, _Grouped(passage.states[inside], owner, len(found))


@lru_cache(maxsize=2_000)
def _starts(reader: Any, text: str) -> NDArray[np.int32]:
    """Where the pieces of a sentence begin; reading one again would cost more than all the rest."""
    if isinstance(reader, Splitter):
        return reader.starts(text)
    return np.asarray(reader.read([text])[0].starts, np.int32)


def _owners(
    found: Sequence[Word], places: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The word that each piece belongs to, and which pieces belong to one."""
    starts = [word.start for word in found]
    owner = np.array([bisect_right(starts, int(at)) - 1 for at in places], np.intp)
    ends = np.array([word.end for word in found] or [0])
    inside = (owner >= 0) & (places < ends[owner])
    return owner[inside], inside


def _likeness(
    states: Floats, owner: NDArray[np.intp], count: int, parts: Sequence[_Grouped]
) -> Floats:
    tables = []
    for part in parts:
        cosines = states @ part.states.T
        best = np.zeros((len(states), part.size), np.float32)
        np.maximum.at(best.T, part.owner, cosines.T)
        table = np.zeros((count, part.size), np.float32)
        np.add.at(table, owner, best)
        tables.append(table / np.maximum(np.bincount(owner, minlength=count), 1)[:, None])
    return np.asarray(np.concatenate(tables, axis=1), np.float32)


def _best_per_passage(states: Floats, passages: Sequence[late.Passage]) -> Floats:
    filled = [passage.states for passage in passages if len(passage.states)]
    best = np.zeros((len(states), len(passages)), np.float32)
    if not filled or not len(states):
        return best
    cosines = states @ np.concatenate(filled).T
    sizes = np.array([len(passage.states) for passage in passages])
    ends = np.concatenate([[0], np.cumsum(sizes[sizes > 0])[:-1]])
    best[:, sizes > 0] = np.maximum.reduceat(cosines, ends, axis=1)
    return best


def _chosen(weights: Floats, cosines: Floats) -> tuple[int, ...]:
    """Sentence after sentence, as long as one still adds to the coverage."""
    covered = np.zeros(len(weights), np.float32)
    chosen: list[int] = []
    while len(chosen) < _MOST_SENTENCES:
        gains = weights @ (np.maximum(cosines, covered[:, None]) - covered[:, None])
        at = int(gains.argmax())
        if chosen and gains[at] < _LEAST_GAIN:
            break
        chosen.append(at)
        covered = np.maximum(covered, cosines[:, at])
    return tuple(chosen)


def span(aligned: Aligned) -> tuple[int, int]:
    """The best sentence, or the best two that stand side by side: first and last index."""
    weights, cosines, at = aligned.weights, aligned.cosines, aligned.chosen[0]
    alone = float(weights @ cosines[:, at])
    best = (alone + 0.03, at, at)
    for other in (at - 1, at + 1):
        if 0 <= other < len(aligned.passages) and (
            aligned.passages[other].paper_id == aligned.best.paper_id
        ):
            both = float(weights @ np.maximum(cosines[:, at], cosines[:, other]))
            best = max(best, (both, min(at, other), max(at, other)))
    return best[1], best[2]


def known(name: str, text: str) -> bool:
    """Whether `name` stands in `text`, however it is spelt."""
    return compact(name) in compact(text)


@dataclass(frozen=True, slots=True)
class Edit:
    """What one must do to the evidence's words to get the claim's."""

    kept: int
    longest: int
    inserted: tuple[str, ...]
    deleted: tuple[str, ...]
    """Words of the evidence left out between the first and the last that are kept."""


def edit(claim: Sequence[str], evidence: Sequence[str]) -> Edit:
    """The difference of two texts, word by word."""
    matcher = SequenceMatcher(None, evidence, claim, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size]
    if not blocks:
        return Edit(0, 0, tuple(claim), ())
    kept = {at for block in blocks for at in range(block.b, block.b + block.size)}
    held = {at for block in blocks for at in range(block.a, block.a + block.size)}
    hull = range(blocks[0].a, blocks[-1].a + blocks[-1].size)
    return Edit(
        len(kept),
        max(block.size for block in blocks),
        tuple(word for at, word in enumerate(claim) if at not in kept),
        tuple(evidence[at] for at in hull if at not in held),
    )
