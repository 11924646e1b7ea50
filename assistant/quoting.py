"""Question and papers -> an answer of quoted sentences: the embedded default, when no model is set.

Each sentence of a paper has the probability that the answer needs it (relevance.py).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.late import Passage, Query
from assistant.relevance import LINK, Relevance
from assistant.schema import ScoredPaper

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


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """A sentence that the answer takes over, and how likely it is needed."""

    passage: Passage
    probability: float

    @property
    def words(self) -> int:
        """How many words it takes."""
        return len(trimmed(self.passage.text).split())

    @property
    def worth(self) -> float:
        """What it is likely to bring for the words it takes."""
        return self.probability / math.sqrt(max(1, self.words))


Quoted = tuple[ScoredPaper, list[Quote]]
"""A paper, and what is quoted of it."""


def quotes(
    model: Relevance, question: str, query: Query, passages: Sequence[Passage]
) -> list[Quote]:
    """Every sentence with its probability, in the order of the abstract."""
    if not passages:
        return []
    probabilities = model.probabilities(question, query, passages)
    found = [Quote(passage, float(p)) for passage, p in zip(passages, probabilities, strict=True)]
    if _ASKS_LINK.search(question):
        return found
    # Where the code lies answers nothing else.
    return [quote for quote in found if not _is_link(quote.passage.text)] or found


def _is_link(text: str) -> bool:
    return bool(LINK.search(text) and _ONLY_LINK.match(text))


def choose(found: Sequence[Quote], max_words: int, floor: float) -> list[Quote]:
    """The sentences worth their words, within `max_words`, in the order given.

    A sentence is worth the probability that it is needed by the root of its words; those below
    `floor` are left out, but the worthiest of the first paper is always there.
    """
    ranked = sorted(found, key=lambda quote: -quote.worth)
    first = [one for one in ranked if one.passage.paper_id == found[0].passage.paper_id][:1]
    chosen, left = first, max_words - sum(quote.words for quote in first)
    for quote in ranked:
        if quote not in chosen and quote.worth >= floor and quote.words <= left:
            chosen.append(quote)
            left -= quote.words
    return [quote for quote in found if quote in chosen]


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
    r"\s*\((?:e\.g\.|i\.e\.|see|code|https?:)(?![^()]*\bn(?:ot?|ever)\b)[^()]*\)"
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
