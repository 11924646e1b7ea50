"""A paper's title -> the words of a question: a name, a deed, a theme, in everyday spelling."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from assistant.schema import Paper
from assistant.words import STOP_WORDS

_NAME_WORDS = 3
_NAME_LENGTH = 28
_PHRASE = (4, 3, 2)
_WORD = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?")
_MIDDLE = re.compile(r"(?<=[a-z,;)] )[A-Z][a-z]+\b")
_LOWER = re.compile(r"\b[a-z]+\b")
_CAPITALISED = re.compile(r"\b[A-Z][a-z]*\b(?![A-Z0-9])")
# Markup and what is no sentence any more: such a title is left as it stands.
_ODD = re.compile(r"[\\${}<>|]|--|\.{2}")
# fmt: off
_VERBS = (
    "accelerate", "adapt", "advance", "align", "analyze", "apply", "assess", "attack", "augment",
    "automate", "balance", "benchmark", "boost", "bootstrap", "break", "bridge", "build",
    "characterize", "classify", "combine", "compare", "compress", "connect", "control", "count",
    "create", "customize", "decompose", "decouple", "deploy", "design", "detect", "disentangle",
    "dissect", "distill", "edit", "embed", "enable", "enhance", "estimate", "evaluate", "examine",
    "expand", "explain", "explore", "extend", "extract", "find", "forecast", "formalize", "fuse",
    "generalize", "generate", "guide", "harness", "hear", "identify", "improve", "incorporate",
    "integrate", "introduce", "investigate", "learn", "leverage", "localize", "measure", "merge",
    "mitigate", "model", "monitor", "optimize", "parallelize", "parse", "personalize", "predict",
    "prevent", "protect", "prune", "quantify", "quantize", "reconstruct", "recover", "reduce",
    "refactor", "refine", "remove", "represent", "rethink", "revisit", "route", "scale", "search",
    "segment", "select", "serve", "share", "simplify", "simulate", "solve", "speed", "stabilize",
    "streamline", "study", "support", "synthesize", "tackle", "teach", "test", "track", "train",
    "transfer", "translate", "understand", "unify", "unlock", "use", "visualize",
)
# fmt: on
_DOUBLED = {"cut": "cutting", "map": "mapping", "plan": "planning", "run": "running"}


def _gerund(verb: str) -> str:
    return f"{verb[:-1] if verb.endswith('e') else verb}ing"


_INFINITIVES = {_gerund(verb): verb for verb in _VERBS} | {
    gerund: verb for verb, gerund in _DOUBLED.items()
}


class Named(NamedTuple):
    """A title of the form "Name: subtitle"."""

    name: str
    subtitle: str
    in_text: bool
    """Whether the abstract speaks of that name too."""


class Casing(NamedTuple):
    """How often a word is written small, and how often with a capital inside a sentence."""

    small: Counter[str]
    large: Counter[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """The habits of these texts."""
        small: Counter[str] = Counter()
        large: Counter[str] = Counter()
        for text in texts:
            small.update(_LOWER.findall(text))
            large.update(_MIDDLE.findall(text))
        return cls(small, large)

    def plain(self, title: str) -> str:
        """Part of a title as it would stand inside a sentence; empty where that is a guess."""
        words = " ".join(title.split()).rstrip(".!?")
        if not words or _ODD.search(words):
            return ""
        capitals = set(_CAPITALISED.findall(words))
        if any(not self._is_known(word) for word in capitals):
            return ""
        return _CAPITALISED.sub(lambda match: self._written(match[0]), words)

    def _is_known(self, word: str) -> bool:
        lower = word.lower()
        return lower in STOP_WORDS or bool(self.small[lower] or self.large[word])

    def _written(self, word: str) -> str:
        lower = word.lower()
        if lower in STOP_WORDS:
            return lower
        return word if self.large[word] > self.small[lower] else lower


def named(paper: Paper) -> Named | None:
    """The name that a title gives to what the paper is about, if it does."""
    name, colon, subtitle = (part.strip() for part in paper.title.partition(":"))
    if not (colon and name and subtitle) or ":" in subtitle or _ODD.search(name):
        return None
    if len(name) > _NAME_LENGTH or len(name.split()) > _NAME_WORDS:
        return None
    in_text = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", paper.abstract)
    return Named(name, subtitle, bool(in_text))


def infinitive(title: str, casing: Casing) -> str:
    """What a title says is being done.

    >>> infinitive("Counting and Tracking Grains", Casing.of(["grains"]))
    'count and track grains'
    """
    head, _, rest = title.partition(" ")
    verb = _INFINITIVES.get(head.lower())
    if not verb or not rest:
        return ""
    joined, second, tail = (*rest.split(" ", 2), "", "")[:3]
    if joined.lower() == "and":
        other = _INFINITIVES.get(second.lower())
        verb, rest = (f"{verb} and {other}", tail) if other else ("", "")
    words = casing.plain(rest)
    return f"{verb} {words}" if verb and words else ""


def subject(title: str, opener: str, casing: Casing) -> str:
    """What follows the word that a title opens with; empty where it opens otherwise."""
    head, _, rest = title.partition(" ")
    return casing.plain(rest) if head.lower() == opener.lower() else ""


_TASK = re.compile(
    r"(?:(?:(?<!vis)(?<!attent)ion|ing|ment|sis|ance|ency|search|design|control|discovery|repair|retrieval|estimates?)"
    r"|-to-\w+)$",
    re.I,
)

# A field is no task, and "A for B" is two things.
_BROAD = re.compile(r"^(?:machine|deep) learning$| for ", re.I)


def is_task(phrase: str) -> bool:
    """Whether these words name something to be done, as in "speech recognition"."""
    return bool(_TASK.search(phrase)) and not _BROAD.search(phrase)


def phrases(title: str) -> Iterator[str]:
    """Runs of two to four telling words, the longest first."""
    for run in _runs(title):
        for length in _PHRASE:
            for start in range(len(run) - length + 1):
                yield " ".join(run[start : start + length]).lower()


def _runs(title: str) -> Iterator[list[str]]:
    run: list[str] = []
    for token in title.split():
        word = token.strip(",;:()")
        if _WORD.fullmatch(word) and word.lower() not in STOP_WORDS:
            run.append(word)
        else:
            yield run
            run = []
        if token != word:
            yield run
            run = []
    yield run
