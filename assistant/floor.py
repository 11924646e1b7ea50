"""A corpus -> the floor under which its quoted answers are declined, and what that floor is worth.

Questions are made of the words of its own papers: with the paper there, with it put aside, and for
a detail that another paper has. They are not people's questions, and score otherwise: they only
tell how far this corpus differs from the shipped one, whose floor was fitted on questions written
by hand. So that floor is moved, by little data little (evals/experiments.md).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant import answerability, sentences
from assistant.blended import Blended
from assistant.catalog import Catalog
from assistant.question import content_words, stem
from assistant.quoting import quotes
from assistant.relevance import Relevance
from assistant.retriever import Ranking, Retriever
from assistant.schema import Paper

KEY = "floor"
"""Where the catalog keeps it."""
MOST = 40
"""Questions: so many take some seconds over any corpus."""
FEWEST = 30
"""Papers; of fewer nothing is fitted."""
_LOW = 0.1
_USUAL = 1.177
"""What this share of the questions made of the shipped corpus stays below, in log-odds."""
_OWN = 100
"""So many questions of a corpus weigh as much as all that the shipped floor was fitted on."""
_FURTHEST = 1.0
_CHANGED = 0.2
"""The share of papers that may come or go before the floor is fitted anew."""
_READ = 12
_LONG = 8
_SHORT, _TITLE_WORDS, _LEAST = 3, 4, 2


class Floor(NamedTuple):
    """How far the floor of a corpus is moved, and what it does to questions made of it."""

    shift: float
    """In log-odds."""
    declined: float
    """The share of the questions declined whose paper is there."""
    answered: float
    """The share of the questions answered that nothing answers."""
    n: int
    """Questions whose paper is there."""
    n_absent: int
    """Questions that nothing answers."""
    papers: int
    """In the corpus when it was fitted."""

    def moved(self, floor: float) -> float:
        """The probability under which this corpus declines, where `floor` is the usual one."""
        return 1 / (1 + math.exp(-_log_odds(floor) - self.shift))


def known(catalog: Catalog) -> Floor | None:
    """What was fitted for this corpus, if anything was."""
    try:
        return Floor(*json.loads(catalog.meta(KEY) or "null"))
    except (TypeError, ValueError):
        return None


def floor_of(catalog: Catalog, usual: float) -> float:
    """The probability under which the corpus declines."""
    found = known(catalog)
    return found.moved(usual) if found else usual


def is_due(catalog: Catalog) -> bool:
    """Whether the corpus is large enough, and no longer the one that was fitted on."""
    papers, floor = catalog.count(), known(catalog)
    if papers < FEWEST:
        return False
    return floor is None or abs(papers - floor.papers) > _CHANGED * floor.papers


def fit(
    catalog: Catalog, retriever: Retriever, quoting: Relevance, refusal: Blended, usual: float
) -> Floor | None:
    """The floor of the corpus, kept in its catalog; None where no question can be made of it."""
    found = _found(catalog, retriever)
    if not found.there:
        return None
    there, absent = (_odds(one, quoting, refusal) for one in found)
    n = len(there)
    away = float(np.quantile(there, _LOW)) - _USUAL
    shift = max(-_FURTHEST, min(_FURTHEST, away)) * n / (n + _OWN)
    fitted = Floor(round(shift, 2), 0.0, 0.0, n, len(absent), catalog.count())
    bar = _log_odds(fitted.moved(usual))
    shares = float(np.mean(there < bar)), float(np.mean(absent >= bar))
    fitted = fitted._replace(declined=round(shares[0], 3), answered=round(shares[1], 3))
    catalog.set_meta(KEY, json.dumps(fitted))
    return fitted


class _Found(NamedTuple):
    there: list[Ranking]
    absent: list[Ranking]
    """Where nothing that was found answers."""


def _found(catalog: Catalog, retriever: Retriever) -> _Found:
    """What is found for each made question."""
    # An id is a hash: the first ones are a sample, and the same whenever it is drawn.
    papers = catalog.papers(catalog.paper_ids_after("", MOST))
    found = _Found([], [])
    for paper, other in zip(papers, [*papers[1:], *papers[:1]], strict=True):
        own, foreign = question_of(paper), question_of(paper, other)
        if not own or not foreign:
            continue
        ranking = retriever.rank(own, _READ + 1)
        left = tuple(hit for hit in ranking.papers if hit.paper.paper_id != paper.paper_id)
        found.there.append(replace(ranking, papers=ranking.papers[:_READ]))
        found.absent.append(replace(ranking, papers=left))
        found.absent.append(retriever.rank(foreign, _READ))
    return found


def question_of(paper: Paper, other: Paper | None = None) -> str | None:
    """A question about a paper, for a detail of its own or for one that another paper has."""
    mine, theirs = _told(paper), _told(other or paper)
    if other:
        text = f"{paper.title} {paper.abstract}".lower()
        theirs = [word for word in theirs if stem(word) not in text]
    if len(mine) < _LEAST or len(theirs) < _LEAST:
        return None
    name, colon, _ = paper.title.partition(":")
    named = name if colon and len(name.split()) <= _SHORT else " ".join(_told_title(paper))
    return f"Which {theirs[-1]} does {named} use for {(theirs if other else mine)[0]}?"


def _told(paper: Paper) -> list[str]:
    """The words of one sentence, which hangs on nothing but the paper."""
    told = [one for one in sentences.texts(paper.abstract) if len(one.split()) >= _LONG]
    chosen = told[sum(paper.paper_id.encode()) % len(told)] if told else ""
    return list(dict.fromkeys(content_words(chosen)))


def _told_title(paper: Paper) -> list[str]:
    return list(dict.fromkeys(content_words(paper.title)))[:_TITLE_WORDS]


def _odds(rankings: Sequence[Ranking], quoting: Relevance, refusal: Blended) -> NDArray[np.float64]:
    rows = []
    for ranking in rankings:
        best = ranking.passages[ranking.papers[0].paper.paper_id]
        found = quotes(quoting, ranking.question, ranking.query, best)
        rows.append(answerability.features(ranking, found))
    return refusal.odds(np.stack(rows))


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share)) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)
