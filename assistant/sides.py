"""Papers that say the same, or the contrary -> one of the same, and both sides of the contrary.

Whoever can add papers can add many that tell one lie. Copies count once; and where a second paper
answers the question differently, the answer shows it beside the first. Of several that do, that is
the one which shares least with what most papers say: one more lie would share the lie.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from assistant import sentences
from assistant.answering import Steps
from assistant.citations import CitedSentence, Draft, without_marks
from assistant.late import Passage, coverage
from assistant.quoting import trimmed
from assistant.retriever import Ranking
from assistant.schema import ScoredPaper
from assistant.verify.wording import quantities, words

DIFFER = "The sources differ:"
# Two abstracts of one work share four words in five; two on one topic seldom share one in three.
_SAME = 0.6
_WORD = re.compile(r"\w+")
_FEWEST = 8
_LOOKED_AT = 8
# Of 273 questions that our corpus answers, 3 find so much of their words and meaning in two papers;
# of 60 on which papers contradict each other, 57.
_COVERED = 0.75
_SHARED = 0.6
_NAMED = 0.75
_LONGEST = 3
"""Sentences in which a paper answers a question."""
_DENIED = re.compile(
    r"\b(?:no|not|never|neither|without|fails? to|cannot)\b|n['’]t\b", re.IGNORECASE
)


class _Said(NamedTuple):
    """A text as it is compared."""

    words: frozenset[str]
    values: frozenset[object]
    """Numbers and names."""
    is_denied: bool


class _Side(NamedTuple):
    """What a paper says to a question, in its own sentences."""

    hit: ScoredPaper
    passages: tuple[Passage, ...]
    said: _Said


class _Contrary(NamedTuple):
    """Who is contradicted, by its number, and what by; the least is the clearest."""

    is_vague: bool
    agreement: float
    """The share of what most papers answer that this one has, too."""
    repeated: float
    """The share of its words that the other paper has, too."""
    length: int
    rank: int
    first: int
    side: _Side


def collapsed(ranking: Ranking) -> Ranking:
    """The same ranking, near-identical papers once: the best placed stands for the others."""
    kept: list[ScoredPaper] = []
    for hit in ranking.papers:
        if not any(_repeats(hit, one) for one in kept):
            kept.append(hit)
    return ranking if len(kept) == len(ranking.papers) else replace(ranking, papers=tuple(kept))


def _repeats(hit: ScoredPaper, other: ScoredPaper) -> bool:
    mine, theirs = hit.paper.abstract, other.paper.abstract
    # Reading a text takes longer than finding that two have little in common.
    if not _shares(_rough(mine), _rough(theirs), _SAME / 2):
        return False
    return _alike(_said(mine).words, _said(theirs).words) and _tells_the_same(hit, other)


def both_sides(draft: Draft, ranking: Ranking, question: str) -> Steps:
    """The draft, and after it what another paper says to the contrary."""
    found = min(_contrary(draft, ranking, question), default=None, key=lambda one: one[:5])
    if found is None:
        return draft
    papers, hit = [*draft.papers], found.side.hit
    if hit not in papers:
        papers.append(hit)
    number = papers.index(hit) + 1
    there = {one.text for one in draft.sentences}
    told = [without_marks(trimmed(one.text)) for one in found.side.passages]
    new = tuple(CitedSentence(one, (number,)) for one in told if one not in there)
    both = tuple(sorted((found.first, number)))
    told_of = "".join(f" {one.text} [{number}]" for one in new) or f" [{both[0]}][{both[1]}]"
    yield (piece := f"\n{DIFFER}{told_of}")
    others = tuple(other for other in draft.others if other is not hit)
    differ = CitedSentence(DIFFER, () if new else both)
    return draft._replace(
        text=draft.text + piece,
        sentences=(*draft.sentences, differ, *new),
        papers=tuple(papers),
        others=others,
    )


def _contrary(draft: Draft, ranking: Ranking, question: str) -> Iterator[_Contrary]:
    """Every paper that answers otherwise than one that is cited."""
    asked, numbers = _said(question), {hit.paper.paper_id: n for n, hit in _numbered(draft)}
    sides = [side for hit in ranking.papers[:_LOOKED_AT] for side in _sides(hit, ranking, asked)]
    # Of what is cited, the shortest sentences that answer.
    firsts = {one.hit.paper.paper_id: one for one in reversed(sides)}
    usual = _usual(ranking, asked) if len(firsts) > 1 else frozenset()
    for first in (one for paper_id, one in firsts.items() if paper_id in numbers):
        whole = _said(first.hit.paper.abstract).words
        for side in sides:
            if side.hit is first.hit or not _differ(first.said, side.said, asked):
                continue
            told = side.said.words - asked.words
            yield _Contrary(
                not _is_clear(first.said, side.said, asked),
                _share_of(usual, side.hit),
                round(len(told & whole) / max(1, len(told)), 2),
                len(side.passages),
                side.hit.rank,
                numbers[first.hit.paper.paper_id],
                side,
            )


def _usual(ranking: Ranking, asked: _Said) -> frozenset[object]:
    """What most of the papers that answer the question say, beyond its own words."""
    near = [hit for hit in ranking.papers[:_LOOKED_AT] if _is_near(hit, ranking)]
    counted = Counter(one for hit in near for one in _everything(hit))
    most = {one for one, papers in counted.items() if 2 * papers > len(near)}
    return frozenset(most - asked.words - asked.values)


def _is_near(hit: ScoredPaper, ranking: Ranking) -> bool:
    return ranking.coverages[hit.paper.paper_id] >= _COVERED


def _everything(hit: ScoredPaper) -> frozenset[object]:
    said = _said(hit.paper.abstract)
    return said.words | said.values


def _share_of(usual: frozenset[object], hit: ScoredPaper) -> float:
    return round(len(usual & _everything(hit)) / max(1, len(usual)), 2)


def _numbered(draft: Draft) -> Iterator[tuple[int, ScoredPaper]]:
    return enumerate(draft.papers, 1)


def _sides(hit: ScoredPaper, ranking: Ranking, asked: _Said) -> Iterator[_Side]:
    """Every run of a paper's sentences that answers the question, the shortest first."""
    # No part covers more than the whole, and of most papers that is less.
    if ranking.coverages[hit.paper.paper_id] < _COVERED or not asked.words:
        return
    passages = ranking.passages[hit.paper.paper_id]
    for length in range(1, _LONGEST + 1):
        for start in range(len(passages) - length + 1):
            run = tuple(passages[start : start + length])
            said = _said(" ".join(one.text for one in run))
            if _is_worded(said, asked) and _covers(ranking, run):
                yield _Side(hit, run, said)


def _is_worded(said: _Said, asked: _Said) -> bool:
    """Whether a text names what is asked of, and uses most of the question's other words."""
    named = len(asked.values & said.values) + len(asked.values & said.words - said.values)
    if named < _NAMED * len(asked.values):
        return False
    return len(asked.words & said.words) >= _SHARED * len(asked.words)


def _covers(ranking: Ranking, run: Sequence[Passage]) -> bool:
    return coverage(ranking.query, np.concatenate([one.states for one in run])) >= _COVERED


def _differ(mine: _Said, theirs: _Said, asked: _Said) -> bool:
    """Whether two answers to one question are not the same: at the least, they share no word."""
    known = asked.words | asked.values
    ours, other = (mine.words | mine.values) - known, (theirs.words | theirs.values) - known
    return _is_clear(mine, theirs, asked) or bool(ours and other and not ours & other)


def _is_clear(mine: _Said, theirs: _Said, asked: _Said) -> bool:
    """Whether each names a number or a name that the other lacks, or one denies the other."""
    ours, other = mine.values - asked.values, theirs.values - asked.values
    both_differ = bool(ours - other - theirs.words) and bool(other - ours - mine.words)
    return both_differ or (mine.is_denied != theirs.is_denied and (ours <= other or other <= ours))


@lru_cache(maxsize=4_000)
def _said(text: str) -> _Said:
    found = words(text)
    values: set[object] = {one.stem for one in found if one.is_name}
    values |= {(one.value, one.unit) for one in quantities(text)}
    stems = frozenset(one.stem for one in found if not one.is_stop)
    return _Said(stems, frozenset(values), bool(_DENIED.search(text)))


def _alike(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    if min(len(mine), len(theirs)) < _FEWEST:
        return mine == theirs
    return _shares(mine, theirs, _SAME)


def _shares(mine: frozenset[str], theirs: frozenset[str], share: float) -> bool:
    return len(mine & theirs) >= share * len(mine | theirs)


@lru_cache(maxsize=1_000)
def _rough(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _tells_the_same(hit: ScoredPaper, other: ScoredPaper) -> bool:
    # Who copies a paper and changes a number, a name or a "not" tells something else.
    return _told(hit.paper.abstract) == _told(other.paper.abstract)


def _told(abstract: str) -> tuple[frozenset[object], bool]:
    said = [_said(sentence) for sentence in sentences.texts(abstract)]
    values = frozenset(value for one in said for value in one.values)
    return values, any(one.is_denied for one in said)
