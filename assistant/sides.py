"""Papers that say the same, or the contrary -> one of the same, and both sides of the contrary.

Whoever can add papers can add many that tell one lie. Copies count once; and where a second paper
answers the question differently, the answer shows it beside the first.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from assistant import sentences
from assistant.answering import Steps
from assistant.citations import CitedSentence, Draft, without_marks
from assistant.late import Passage
from assistant.quoting import trimmed
from assistant.retriever import Ranking
from assistant.schema import ScoredPaper
from assistant.verify import is_claim
from assistant.words import STOP_WORDS

DIFFER = "The sources differ:"
# Two abstracts of one work share four words in five; two on one topic seldom share one in three.
_SAME = 0.6
_FEWEST = 8
_LOOKED_AT = 8
_SHARED = 0.6
_WORD = re.compile(r"\w+(?:[.,-]\w+)*")
_VALUE = re.compile(r"(?<![\w.])\d[\d.,]*\w*|\b[A-Z]\w*(?:[-.]\w+)*")
_DENIED = re.compile(
    r"\b(?:no|not|never|neither|without|fails? to|cannot)\b|n['’]t\b", re.IGNORECASE
)


class _Said(NamedTuple):
    """A sentence as it is compared."""

    words: frozenset[str]
    values: frozenset[str]
    """Numbers and names."""
    is_denied: bool


def collapsed(ranking: Ranking) -> Ranking:
    """The same ranking, near-identical papers once: the best placed stands for the others."""
    kept: list[ScoredPaper] = []
    words: list[frozenset[str]] = []
    for hit in ranking.papers:
        mine = _words(hit.paper.abstract)
        same = (one for one, theirs in zip(kept, words, strict=True) if _alike(mine, theirs))
        if not any(_tells_the_same(hit, one) for one in same):
            kept.append(hit)
            words.append(mine)
    return ranking if len(kept) == len(ranking.papers) else replace(ranking, papers=tuple(kept))


def both_sides(draft: Draft, ranking: Ranking, question: str) -> Steps:
    """The draft, and after it what another paper says to the contrary."""
    found = _contrary(draft, ranking, _said(question))
    if found is None:
        return draft
    first, hit, passage = found
    papers = [*draft.papers]
    if hit not in papers:
        papers.append(hit)
    number = papers.index(hit) + 1
    sentence = without_marks(trimmed(passage.text))
    if any(sentence == one.text for one in draft.sentences):
        told = CitedSentence(DIFFER, (first, number))
        piece = f"\n{DIFFER} [{first}][{number}]"
        said: tuple[CitedSentence, ...] = (told,)
    else:
        piece = f"\n{DIFFER} {sentence} [{number}]"
        said = (CitedSentence(DIFFER, ()), CitedSentence(sentence, (number,)))
    yield piece
    others = tuple(other for other in draft.others if other is not hit)
    return draft._replace(
        text=draft.text + piece,
        sentences=(*draft.sentences, *said),
        papers=tuple(papers),
        others=others,
    )


def _contrary(
    draft: Draft, ranking: Ranking, asked: _Said
) -> tuple[int, ScoredPaper, Passage] | None:
    """Who is contradicted, by its number, and by which sentence of which paper."""
    for sentence, first in _answers(draft, asked):
        mine = _said(sentence)
        cited = draft.papers[first - 1]
        for hit in ranking.papers[:_LOOKED_AT]:
            if hit.paper.paper_id == cited.paper.paper_id:
                continue
            if passage := _against(mine, asked, ranking.passages[hit.paper.paper_id]):
                return first, hit, passage
    return None


def _answers(draft: Draft, asked: _Said) -> Iterator[tuple[str, int]]:
    """The sentences that answer by themselves, each with the one source that it cites."""
    for one in draft.sentences:
        is_direct = len(one.numbers) == 1 and is_claim(one.text)
        if is_direct and _is_about(_said(one.text), asked):
            yield one.text, one.numbers[0]


def _against(mine: _Said, asked: _Said, passages: Sequence[Passage]) -> Passage | None:
    about = [one for one in passages if _is_about(_said(one.text), asked)]
    return next((one for one in about if _differs(mine, _said(one.text), asked)), None)


def _is_about(said: _Said, asked: _Said) -> bool:
    """Whether a sentence names what is asked of, and uses most of the question's other words."""
    if not asked.words or not asked.values <= said.values | _capitalised(said):
        return False
    return len(asked.words & said.words) >= _SHARED * len(asked.words)


def _capitalised(said: _Said) -> frozenset[str]:
    return frozenset(word.lower() for word in said.words)


def _differs(mine: _Said, theirs: _Said, asked: _Said) -> bool:
    """Whether each names a number or a name that the other lacks, or one denies the other."""
    ours, other = mine.values - asked.values, theirs.values - asked.values
    both_differ = bool(ours - other - theirs.words) and bool(other - ours - mine.words)
    return both_differ or (mine.is_denied != theirs.is_denied and ours <= other)


@lru_cache(maxsize=4_000)
def _said(text: str) -> _Said:
    # The first word is written large whatever it is.
    head = re.match(r"\W*\w+", text)
    rest = text[head.end() :] if head else text
    values = {value.rstrip(".,").lower() for value in _VALUE.findall(rest)}
    if head and re.search(r"[A-Z].*[A-Z]|\d", head[0]):
        values.add(head[0].strip().lower())
    return _Said(_words(text), frozenset(values - STOP_WORDS), bool(_DENIED.search(text)))


@lru_cache(maxsize=2_000)
def _words(text: str) -> frozenset[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return frozenset(_stem(word) for word in found if word not in STOP_WORDS)


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 4 else word


def _alike(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    if min(len(mine), len(theirs)) < _FEWEST:
        return mine == theirs
    return len(mine & theirs) >= _SAME * len(mine | theirs)


def _tells_the_same(hit: ScoredPaper, other: ScoredPaper) -> bool:
    # Who copies a paper and changes a number, a name or a "not" tells something else.
    return _told(hit.paper.abstract) == _told(other.paper.abstract)


def _told(abstract: str) -> tuple[frozenset[str], bool]:
    said = [_said(sentence) for sentence in sentences.texts(abstract)]
    values = frozenset(value for one in said for value in one.values)
    return values, any(one.is_denied for one in said)
