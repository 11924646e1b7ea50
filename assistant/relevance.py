"""A question and a paper's sentences -> how likely each is to be needed for the answer.

A logistic regression over how well the pieces of a sentence meet those of the question, where the
sentence stands, what its words promise, and which part it plays in its abstract: background, method
or result. That part is told by its mean state against the abstract's, on the few axes along which
sentences of abstracts differ most. evals/fit.py fits the weights and the axes.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant import question as questions
from assistant.errors import ConfigError
from assistant.late import Floats, Passage, Query, best_matches
from assistant.logistic import Logistic

AXES = 8
_STATE = 64
_PLAIN = (
    "share_best_covered", "coverage_below_best", "coverage_before", "coverage_after",
    "thing_covered", "thing_below_best", "last_clause_below_best", "echo", "unasked", "repeated",
    "shared_words", "number_not_wanted", "number_missing", "method_wanted", "method_not_wanted",
    "background", "link", "refers_back", "digit", "place_of_reason", "first", "last",
    "sentences_before", "sentences_after", "question_words",
)  # fmt: skip
_PARTS = ("part", "part_of_number", "part_of_reason", "part_of_method")
FEATURES = (*_PLAIN, *(f"{name}_{axis}" for name in _PARTS for axis in range(AXES)))

_NUMBER = re.compile(
    r"(?<!\w)\d[\d,.]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|hundred|thousand|million"
    r"|billion|orders? of magnitude|twice|half)\b",
    re.I,
)
_METHOD = re.compile(
    r"\b(?:we (?:propose|introduce|present|develop|design|use|employ|adopt|formulate|train|build"
    r"|combine)|(?:is|are) proposed|by (?:using|training|combining|introduc\w+|leverag\w+|first"
    r"|means)|consists? of|first(?:ly)?|second(?:ly)?|then|finally|specifically|which|modules?"
    r"|components?|stages?)\b",
    re.I,
)
_BACKGROUND = re.compile(
    r"(?:in recent|recent(?:ly)?|existing|traditional|deep learning|neural networks|with the|while"
    r"|despite|over the)\b",
    re.I,
)
LINK = re.compile(r"https?://|\bcode\b.*\bavailable|github", re.I)
_REFERS_BACK = re.compile(
    r"(?:this|these|it|its|they|such|the (?:proposed|resulting|former|latter))\b", re.I
)
_TOKEN = re.compile(r"[a-z]{4,}|\d[\d.]*")
_CLAUSE = re.compile(r"[,;:?]|\s(?:and|which|how|what|why)\s", re.I)
_NEARLY = 0.02
_UNLIKE = 0.4
_SHORTEST_CLAUSE = 3
# What a question asks a thing for is covered so well on average; it stands where none is named.
_NO_THING = 0.6


@dataclass(frozen=True, slots=True)
class Relevance:
    """The probability that the answer needs a sentence."""

    logistic: Logistic
    axes: NDArray[np.float64]
    """Where sentences of abstracts differ most, shape (AXES, 64)."""

    @classmethod
    def load(cls, path: Path) -> "Relevance":
        """The model at `path`, which must have these features."""
        logistic = Logistic.load(path, FEATURES)
        try:
            axes = np.array(json.loads(path.read_text(encoding="utf-8"))["axes"], np.float64)
            if axes.shape != (AXES, _STATE):
                raise ValueError("other axes")
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is damaged: reinstall assistant") from error
        return cls(logistic, axes)

    def probabilities(
        self, question: str, query: Query, passages: Sequence[Passage]
    ) -> NDArray[np.float64]:
        """The probability of each sentence of one paper, shape (n,)."""
        return self.logistic.probability(features(question, query, passages, self.axes))


def features(
    question: str, query: Query, passages: Sequence[Passage], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One row a sentence of one paper, one column for each of FEATURES."""
    matches = np.array([best_matches(query, passage.states) for passage in passages])
    matches = matches.reshape(len(passages), -1)
    want = questions.wanted(question)
    part = spread(passages) @ axes.T
    columns = [
        _covering(matches, query),
        _asked(question, query, matches),
        _repeating(query, passages),
        np.array([_worded(question, want, passage.text) for passage in passages]),
        _placed(question, want, len(passages)),
        part,
        part * want.number,
        part * want.reason,
        part * want.method,
    ]
    return np.concatenate(columns, axis=1, dtype=np.float64)


def spread(passages: Sequence[Passage]) -> NDArray[np.float64]:
    """How the mean state of each sentence differs from that of its abstract, shape (n, 64)."""
    means = np.array([passage.states.mean(axis=0) if len(passage.states) else _NOTHING
                      for passage in passages], np.float64)  # fmt: skip
    return np.asarray(means - means.mean(axis=0))


_NOTHING = np.zeros(_STATE)


def _covering(matches: Floats, query: Query) -> NDArray[np.float64]:
    cover = matches @ query.weights
    top = cover.max(initial=0)
    best = matches >= matches.max(axis=0, initial=0) - _NEARLY
    before, after = np.r_[top - 0.5, cover[:-1]], np.r_[cover[1:], top - 0.5]
    return np.asarray(np.c_[best @ query.weights, cover - top, before - top, after - top])


def _asked(question: str, query: Query, matches: Floats) -> NDArray[np.float64]:
    """How well each sentence covers the thing asked for, and the question's last clause."""
    span = questions.asked_for(question)
    thing = _mean_within(query, matches, *span) if span else None
    thing = np.full(len(matches), _NO_THING) if thing is None else thing
    told = [
        found
        for start, end in clauses(question)
        if (found := _mean_within(query, matches, start, end, _SHORTEST_CLAUSE)) is not None
    ]
    last = told[-1] if told else matches @ query.weights
    return np.asarray(np.c_[thing, thing - thing.max(initial=0), last - last.max(initial=0)])


def _mean_within(
    query: Query, matches: Floats, start: int, end: int, at_least: int = 1
) -> Floats | None:
    inside = (query.starts >= start) & (query.starts < end)
    return matches[:, inside].mean(axis=1) if inside.sum() >= at_least else None


def clauses(question: str) -> list[tuple[int, int]]:
    """Where the clauses of `question` begin and end."""
    cuts = [0, *(match.start() for match in _CLAUSE.finditer(question)), len(question)]
    return list(pairwise(cuts))


def _repeating(query: Query, passages: Sequence[Passage]) -> NDArray[np.float64]:
    """How much of each sentence stands in the question, how much not, how much elsewhere."""
    filled = [passage.states for passage in passages if len(passage.states)]
    if not filled or not len(query.states):
        return np.zeros((len(passages), 3))
    pieces = np.concatenate(filled)
    ends = np.cumsum([len(states) for states in filled])
    echoes = (pieces @ query.states.T).max(axis=1)
    # How well each piece finds its like in each sentence.
    alike = np.maximum.reduceat(pieces @ pieces.T, np.r_[0, ends[:-1]], axis=1)
    rows, place = [], 0
    for passage in passages:
        if not len(passage.states):
            rows.append([0.0, 0.0, 0.0])
            continue
        inside = slice(ends[place] - len(passage.states), ends[place])
        echo, elsewhere = echoes[inside], np.delete(alike[inside], place, axis=1)
        repeated = elsewhere.max(axis=1, initial=0).mean()
        rows.append([echo.mean(), (echo < _UNLIKE).mean(), repeated])
        place += 1
    return np.array(rows)


def _worded(question: str, want: questions.Wanted, text: str) -> list[float]:
    asked, said = (set(_TOKEN.findall(words.lower())) for words in (question, text))
    numbers = min(len(_NUMBER.findall(text)), 4) / 4
    method = bool(_METHOD.search(text))
    return [
        len(asked & said) / (len(asked) + 1),
        numbers * (not want.number),
        float(want.number and not numbers),
        float(method and want.method),
        float(method and not want.method),
        float(bool(_BACKGROUND.match(text))),
        float(bool(LINK.search(text))),
        float(bool(_REFERS_BACK.match(text))),
        float(any(sign.isdigit() for sign in text)),
    ]


def _placed(question: str, want: questions.Wanted, count: int) -> NDArray[np.float64]:
    before = np.arange(count)
    after = before[::-1]
    words = np.full(count, len(question.split()) / 20)
    reason = before / max(1, count) * want.reason
    return np.asarray(np.c_[reason, before == 0, after == 0, before, after, words])
