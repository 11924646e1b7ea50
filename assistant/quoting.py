"""Question and papers -> an answer of quoted sentences: the embedded default, when no model is set.

Each sentence of a paper gets the probability that the answer needs it, from a logistic regression
over how well its pieces cover those of the question and what kind of answer is wanted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant import question as questions
from assistant.late import Passage, Query, best_matches
from assistant.logistic import Logistic
from assistant.schema import ScoredPaper

FEATURES = (
    "coverage", "coverage_below_best", "share_best_covered", "shared_words", "neighbour_coverage",
    "number_wanted", "number_not_wanted", "number_missing", "cause_wanted", "cause_not_wanted",
    "method_wanted", "method_not_wanted", "result_wanted", "result_not_wanted", "background",
    "link", "place", "place_of_reason", "first", "last", "length",
)  # fmt: skip

_NUMBER = re.compile(
    r"(?<!\w)\d[\d,.]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|hundred|thousand|million"
    r"|billion|orders? of magnitude|twice|half)\b",
    re.I,
)
_CAUSE = re.compile(
    r"\b(?:because|due to|since|thus|therefore|leads? to|caus\w*|suffer\w*|limit\w*|however"
    r"|challeng\w*|lack\w*|fail\w*|difficult\w*|inability|issues?|problems?|overlook\w*|ignor\w*"
    r"|result(?:s|ing) in|so that|in order to|to (?:address|tackle|overcome|mitigate|alleviate))\b",
    re.I,
)
_METHOD = re.compile(
    r"\b(?:we (?:propose|introduce|present|develop|design|use|employ|adopt|formulate|train|build"
    r"|combine)|(?:is|are) proposed|by (?:using|training|combining|introduc\w+|leverag\w+|first"
    r"|means)|consists? of|first(?:ly)?|second(?:ly)?|then|finally|specifically|which|modules?"
    r"|components?|stages?)\b",
    re.I,
)
_RESULT = re.compile(
    r"\b(?:results?|experiments?|show[sn]?|demonstrat\w+|achiev\w+|outperform\w*|reach\w*|improv\w+"
    r"|obtain\w*|reduc\w+|surpass\w*|find|found|observe\w*|gain\w*|yield\w*|report\w*|evaluat\w+)\b",
    re.I,
)
_BACKGROUND = re.compile(
    r"(?:in recent|recent(?:ly)?|existing|traditional|deep learning|neural networks|with the|while"
    r"|despite|over the)\b",
    re.I,
)
_LINK = re.compile(r"https?://|\bcode\b.*\bavailable|github", re.I)
_ASKS_LINK = re.compile(
    r"\b(?:code|repository|github|links?|urls?|website|download|demos?|project page|open)\b"
    r"|\b(?:publicly )?available\b|\breleased?\b",
    re.I,
)
_ONLY_LINK = re.compile(
    r"(?:(?:the |our |all )?(?:source |pretrained |training )?(?:codes?|models?|data|datasets?"
    r"|demos?|implementation|project (?:page|website)|videos?)\b[^.]{0,60}"
    r"(?:available|released|found|public|at|:)|see |project page|we (?:open-?source|release))",
    re.I,
)
_TOKEN = re.compile(r"[a-z]{4,}|\d[\d.]*")
_LONG = 50
_NEARLY = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """A sentence that the answer takes over, and how likely it is needed."""

    passage: Passage
    probability: float


Quoted = tuple[ScoredPaper, list[Quote]]
"""A paper, and what is quoted of it."""


def features(question: str, query: Query, passages: Sequence[Passage]) -> NDArray[np.float64]:
    """One row a sentence, one column for each of FEATURES."""
    matches = np.array([best_matches(query, passage.states) for passage in passages])
    matches = matches.reshape(len(passages), -1)
    cover = matches @ query.weights
    best = matches >= matches.max(axis=0, initial=0) - _NEARLY
    around = np.maximum(np.r_[0, cover[:-1]], np.r_[cover[1:], 0])
    meaning = np.c_[cover, cover - cover.max(initial=0), best @ query.weights]
    words = [_word_features(question, passage.text) for passage in passages]
    place = np.arange(len(passages)) / max(1, len(passages))
    ends = np.c_[np.arange(len(passages)) == 0, np.arange(len(passages)) == len(passages) - 1]
    reason = place * questions.wanted(question).reason
    shared, rest, length = np.split(np.array(words), [1, -1], axis=1)
    columns = np.c_[meaning, shared, around, rest, place, reason, ends, length]
    return np.asarray(columns, np.float64)


def _word_features(question: str, text: str) -> list[float]:
    want = questions.wanted(question)
    asked, said = (set(_TOKEN.findall(words.lower())) for words in (question, text))
    numbers = min(len(_NUMBER.findall(text)), 4) / 4
    cause, method, result = (bool(pattern.search(text)) for pattern in (_CAUSE, _METHOD, _RESULT))
    return [
        len(asked & said) / (len(asked) + 1),
        numbers * want.number,
        numbers * (not want.number),
        float(want.number and not numbers),
        float(cause and want.reason),
        float(cause and not want.reason),
        float(method and want.method),
        float(method and not want.method),
        float(result and want.number),
        float(result and not want.number),
        float(bool(_BACKGROUND.match(text))),
        float(bool(_LINK.search(text))),
        min(len(text.split()), _LONG) / 25,
    ]


def quotes(
    model: Logistic, question: str, query: Query, passages: Sequence[Passage]
) -> list[Quote]:
    """Every sentence with its probability, in the order of the abstract."""
    if not _ASKS_LINK.search(question):
        # Where the code lies answers nothing else.
        told = [p for p in passages if not (_LINK.search(p.text) and _ONLY_LINK.match(p.text))]
        passages = told or passages
    if not passages:
        return []
    probabilities = model.probability(features(question, query, passages))
    return [Quote(passage, float(p)) for passage, p in zip(passages, probabilities, strict=True)]


def choose(found: Sequence[Quote], max_words: int, floor: float) -> list[Quote]:
    """The likeliest sentences that fit in `max_words`, at least one, in reading order.

    A sentence below `floor` is left out once one stands.
    """
    chosen: list[Quote] = []
    left = max_words
    for quote in sorted(found, key=lambda quote: -quote.probability):
        words = len(trimmed(quote.passage.text).split())
        if not chosen or (words <= left and quote.probability >= floor):
            chosen.append(quote)
            left -= words
    return sorted(chosen, key=lambda quote: quote.passage.start)


_OPENING = re.compile(
    r"(?:however|moreover|furthermore|additionally|in addition|besides|finally|specifically|hence"
    r"|thus|therefore|consequently|as a result|to this end|to begin with|in this paper|in this work"
    r"|in this study|in this article|meanwhile|nevertheless|nonetheless|also|then|further|overall"
    r"|in particular|more specifically|accordingly|notably|importantly|interestingly"
    r"|in this context|in summary|in conclusion"
    r"|by doing so|to \w+ (?:on |with |for |of )?(?:this|these|that|such)(?: [\w-]+)?),\s+(?=\S)",
    re.I,
)
_ASIDE = re.compile(
    r"\s*\((?:e\.g\.|i\.e\.|see|code|https?:)[^()]*\)"
    r"|[,;]?\s*(?:and )?(?:the |our )?(?:source )?codes?(?: \w+){0,4} (?:is|are|will be)"
    r"(?: \w+){0,4} available[^.]*(?:\.[^\s.]+)*(?=\.)",
    re.I,
)


def trimmed(text: str) -> str:
    """A sentence without its connecting word and asides, which mean little out of their place.

    >>> trimmed("However, it costs 3 GPU days (see the appendix).")
    'It costs 3 GPU days.'
    """
    short = _ASIDE.sub("", _OPENING.sub("", text, count=1))
    if short == text or len(short.split()) < 4:
        return text
    # A name keeps its own case (vLLM, t-SNE).
    first = short.split()[0]
    return short[0].upper() + short[1:] if first.islower() else short
