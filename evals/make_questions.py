"""A paper's abstract -> questions that only it answers, without its title and without a model."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from assistant import sentences
from assistant.schema import Paper
from evals.checks import gives_away

_FEWEST, _MOST = 6, 18
"""Words of an abstract's sentence that a question takes over."""
_LONGEST = 400
_EACH = 6
_WE = re.compile(
    r"^(?:[^,.;:]{0,60},\s+)?(?:[Ww]e|[Tt]his (?:paper|work|article|study)|[Tt]he authors)"
    r"\s+(?:also\s+|further\s+|then\s+|thus\s+|therefore\s+)?(?P<verb>[a-z]+)\s+(?P<rest>.+)$"
)
_VERB_WORDS = """
    propose introduce present show demonstrate develop design describe study investigate find
    report evaluate provide prove analyze analyse explore build create release construct apply
    compare argue review survey examine address establish derive identify offer suggest observe
    formulate extend train use revisit define reveal discuss adopt employ tackle collect
"""
_VERBS = frozenset(_VERB_WORDS.split())
_ENDS = re.compile(r"(?:,|;|:|\s+\(|\s+(?:which|that|where|while|because|whereas|so that|by|to)\b)")
_LEADS = re.compile(
    r"^(?:However|Moreover|Furthermore|Specifically|In addition|Finally|First|Firstly|Second|Also"
    r"|Then|Thus|Therefore|In particular|To this end|As a result|Consequently),?\s+"
)
_TELLING = re.compile(r"\d[\d.,]*(?:%|[A-Za-z]+)?|[^\W\d_][\w-]{4,}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the sentence that answers it, and a fact of that sentence."""

    paper: Paper
    question: str
    sentence: str
    fact: str
    """A number or a rare word of the sentence, as it stands there."""


def asked(papers: Sequence[Paper]) -> list[list[Asked]]:
    """For each paper that can be asked about, its questions, the best one first."""
    rare = rarity(papers)
    found = [list(islice(_of(paper, rare), _EACH)) for paper in papers]
    counts = Counter(one.question for mine in found for one in mine)
    # What two papers say alike asks for neither.
    unique = [[one for one in mine if counts[one.question] == 1] for mine in found]
    return [mine for mine in unique if mine]


def rarity(papers: Iterable[Paper]) -> Mapping[str, int]:
    """In how many abstracts each word stands."""
    counts: Counter[str] = Counter()
    for paper in papers:
        counts.update({word.casefold() for word in _TELLING.findall(paper.abstract)})
    return counts


def _of(paper: Paper, rare: Mapping[str, int]) -> Iterator[Asked]:
    texts = sentences.texts(paper.abstract)
    # What authors say they did tells papers apart; what they say of the field does not.
    ranked = sorted(texts, key=lambda text: (_we(text) is None, -len(text)))
    for text in ranked:
        question = _question(text, paper.title)
        if question is None or len(question) > _LONGEST or gives_away(question, paper.title):
            continue
        if fact := _fact(text, question, rare):
            yield Asked(paper, question, text, fact)


def _we(text: str) -> re.Match[str] | None:
    found = _WE.match(text)
    return found if found and _base(found["verb"]) in _VERBS else None


def _question(text: str, title: str) -> str | None:
    """The first part of a sentence as a question for the paper that says it."""
    if found := _we(text):
        head = _head(_masked(found["rest"], title))
        verb = _third(_base(found["verb"]))
        return f"Which paper {verb} {head}, and what does it say of this?" if head else None
    bare = _LEADS.sub("", text)
    head = _head(_masked(bare, title))
    if not head or re.match(r"(?:It|They|These|This|Such|Its|Their|Our)\b", bare):
        return None
    return f"Which paper says that {head[:1].lower()}{head[1:]}, and what more of this?"


def _head(text: str) -> str | None:
    """The beginning of a sentence up to where a clause ends; none where it is too short."""
    words = text.rstrip(" .!?").split()
    if len(words) < _FEWEST:
        return None
    for end in _ENDS.finditer(text):
        count = len(text[: end.start()].split())
        if _FEWEST <= count <= _MOST:
            return text[: end.start()].strip()
    return " ".join(words) if len(words) <= _MOST else None


def _masked(text: str, title: str) -> str:
    """The text without the name that stands before a title's colon."""
    name, colon, _ = title.partition(":")
    if not colon or len(name.split()) > 3:
        return text
    named = rf"(?<!\w){re.escape(name.strip())}(?!\w)"
    spelt = rf"(?:\b(?:the|a|our)\s+)?(?:\b(?:proposed|new|novel)\s+)?{named}"
    return re.sub(spelt, "the method", text, flags=re.I)


def _base(verb: str) -> str:
    for end, new in (("ies", "y"), ("sses", "ss"), ("s", ""), ("ed", "e")):
        if verb.endswith(end) and verb.removesuffix(end) + new in _VERBS:
            return verb.removesuffix(end) + new
    return verb


def _third(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")


def _fact(sentence: str, question: str, rare: Mapping[str, int]) -> str | None:
    """The word of the sentence that fewest abstracts have, best one that is not in the question."""
    asked_for = question.casefold()
    words = [word.strip(" .,") for word in _TELLING.findall(sentence)]
    words = [word for word in words if len(word) > 1]
    new = [word for word in words if word.casefold() not in asked_for]
    order = {word: place for place, word in reversed(list(enumerate(words)))}
    return min(
        new or words,
        key=lambda word: (not word[0].isdigit(), rare.get(word.casefold(), 0), order[word]),
        default=None,
    )
