"""What a question takes for granted -> where an abstract says otherwise, and in which words.

Rules that are nearly never wrong, and silent otherwise: another number of the same thing, a thing
that the paper does without, the winner of a comparison, another data set or device of its kind.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from assistant import question as questions
from assistant.late import Passage
from assistant.verify.lexicon import NEGATIONS
from assistant.verify.wording import Quantity, Word, holds, quantities, stem, words

_FEWEST = 2
"""Words that a sentence shares with a question of which it tells a number."""
_FAR = 0.1
"""Closer numbers may be one that was rounded."""
_ABOUT = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|over|under|than|least|most|up to|some)"
    r"\s+(?:\w+\s+)?$",
    re.I,
)
_COUNTED = re.compile(r"[- ]([^\W\d_][\w-]{2,})")
_NOT_COUNTED = frozenset(
    (
        "of",
        "and",
        "or",
        "to",
        "in",
        "on",
        "at",
        "for",
        "with",
        "by",
        "from",
        "as",
        "is",
        "are",
        "was",
    )
)
_WITHOUT = re.compile(
    r"\b(?:without(?: (?:any|requiring|the need (?:for|of)|using|relying on|needing|access to))?"
    r"|(?:does|do|did) not (?:require|rely on|need|use|involve)|instead of|rather than"
    r"|alternatives? to|eliminat\w+ the need (?:for|of)|remov\w+ the need (?:for|of)|independent of"
    r"|(?:requir|need|us|involv)(?:es|s|e|ing)? no|not rely(?:ing)? on)\s+"
    r"(?=(?P<what>[^,.;:()]{3,80}))",
    re.I,
)
_NOT_NEEDED = re.compile(
    r"\bno (?P<what>[^,.;:()]{3,60}?) (?:is|are|was|were) (?:required|needed|necessary|used)\b",
    re.I,
)
_FREE = re.compile(r"\b(?P<what>[^\W\d_]{4,})[-‐](?:free|agnostic)\b", re.I)
_ENDS = re.compile(
    r"\b(?:and|or|while|but|by|in|on|as|at|for|from|to|with|than|that|which|is|are)\b"
)
_VAGUE_WORDS = """
    extra additional any prior large small significant further explicit need any loss cost more
    other new ones original specific single same training model models method data task tasks
    quality
    accuracy performance information learning network networks image images results work change
"""
_VAGUE = frozenset(map(stem, _VAGUE_WORDS.split()))
_DENIES_WORDS = """
    skip skips skipping skipped drop drops dropping dropped omit omits replace replaces replaced
    replacing remove removes removing removed spare spares save saves saving dispense obviate less
    reduce reduces reducing bypass bypasses alternative beyond than independent independently
    substitute bother escape escapes sidestep sidesteps circumvent circumvents against if
"""
_DENIES = NEGATIONS | frozenset(_DENIES_WORDS.split())
_WINS = re.compile(
    r"\b(?:(?:consistently|clearly|reliably|significantly|substantially)\s+)?(?:outperform\w*"
    r"|surpass\w*|exceed\w*|beats?|beat|wins? over|(?:perform\w* )?superior to"
    r"|(?:(?:is|are|was|were|do|does|did|perform\w*|much|far|significantly|clearly)\s+){0,3}"
    r"(?:better than|superior to))\b",
    re.I,
)
_LOSES = re.compile(
    r"\b(?:los(?:e|es|t|ing) to|trail\w*|(?:fall|fell|falls|lag|lags|lagged) behind"
    r"|underperform\w*|(?:(?:is|are|was|were)\s+)?(?:worse than|inferior to))\b",
    re.I,
)
_OWN = re.compile(r"\b(?:we|our|ours|it|proposed|this (?:method|model|approach|work)|they)\b", re.I)
_DENIED_VERB = re.compile(r"\b(?:not|n't|never|cannot|no)\s+(?:[\w-]+\s+){0,4}$", re.I)
_YES_NO = re.compile(r"^(?:is|are|does|do|did|can|was|were|has|have)\b|\bany\b|\bwhether\b", re.I)
_NO_BEST = re.compile(
    r"\bno (?:single |one )?(?P<of>[\w-]+) (?:is|are|was|were) (?:[\w-]+ )?"
    r"(?:optimal|best|better|superior)\b[^,;(]*",
    re.I,
)
_BEST = re.compile(r"\b(?:best|superior|optimal|better)\b", re.I)
# What is paid: of a gain, more and less are told of too many things at once.
_MORE = re.compile(
    r"\b(?:more|extra|additional|higher|larger|greater)\s+(?:[\w-]+\s+)?(comput|parameter|flops|memory"
    r"|energy|power|sampl|latency|bandwidth|operation|storage|labels?\b|gpus?\b)"
    r"(?!\w*[\s-]+efficien)",
    re.I,
)
_LESS = r"\b(?:fewer|less|lower|smaller|reduc(?:e[sd]?|ing)|sav(?:es?|ing)|cut(?:s|ting)?)\b"
_OPENING = re.compile(
    r"^(?:why|how|what|which)\b(?:\s+(?:does|do|did|is|are|was|were|can|could|lets?|made|makes?"
    r"|allows?|enables?|causes?|caused|helps?|explains?))?\s+",
    re.I,
)
_SIDE, _BESIDE = 8, 3
_KINDS = {
    "data": re.compile(
        r"ImageNet|CIFAR|COCO|Cityscapes|ADE20K|MNIST|SVHN|KITTI|PASCAL|VOC|GLUE|SQuAD|MMLU|GSM8K"
        r"|WMT|LibriSpeech|Kinetics|CelebA|LSUN|FFHQ|ModelNet|ShapeNet|nuScenes|Waymo|Synapse|ACDC"
        r"|BraTS|LiTS|ISIC|WikiText|HumanEval|NASBench|NAS-Bench|BigEarthNet|CamVid|LVIS|UCF101",
        re.I,
    ),
    "device": re.compile(r"[AHVP]\d00\b|RTX|GTX|TPU|Jetson|Snapdragon|iPhone|Xeon|FPGAs?\b|GH200"),
}


class Contrary(NamedTuple):
    """A sentence that says other than a question takes for granted."""

    reason: str
    """What it says, and not what: "4 times, not 9 times"."""
    passage: Passage


def contrary(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """The first thing that `question` takes for granted and the abstract of `title` denies."""
    # Who asks whether it is so takes nothing for granted.
    if _YES_NO.search(question):
        return None
    found = (rule(question, title, passages) for rule in RULES)
    return next((one for one in found if one), None)


def other_of_kind(absent: Sequence[str], passages: Sequence[Passage]) -> Contrary | None:
    """What the abstract has in place of a data set or device that it does not mention."""
    for name in absent:
        for pattern in _KINDS.values():
            if not pattern.match(name):
                continue
            for passage in passages:
                there = [one for one in questions.names(passage.text) if pattern.match(one)]
                if there:
                    return Contrary(f"{' and '.join(there)}, not {name}", passage)
    return None


def _number(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """Another number of the same thing."""
    given = quantities(title)
    there = [(one, passage) for passage in passages for one in quantities(passage.text)]
    known = [*given, *(one for one, _ in there)]
    for one in quantities(question):
        thing = _thing(question, one)
        if one.is_spelt or not thing or holds(one, known) or _ABOUT.search(question[: one.start]):
            continue
        others = [
            (_shared(question, passage.text), passage, other)
            for other, passage in there
            if _thing(passage.text, other) == thing
            and _is_far(one, other)
            and (_around(question, one) & _around(passage.text, other)) - _stems(title)
        ]
        if others and len(_known(there, thing)) == 1:
            shared, passage, other = max(others, key=lambda found: found[0])
            if shared >= _FEWEST:
                return Contrary(
                    f"{_told(passage.text, other)}, not {_told(question, one)}", passage
                )
    return None


def _known(there: Iterable[tuple[Quantity, Passage]], thing: str) -> set[float]:
    return {one.value for one, passage in there if _thing(passage.text, one) == thing}


def _thing(text: str, one: Quantity) -> str:
    """What a number counts or measures; empty where that is not told."""
    if one.unit:
        return one.unit
    behind = _COUNTED.match(text, one.end)
    word = behind[1].lower() if behind else ""
    return "" if word in _NOT_COUNTED else stem(word) if word else ""


def _around(text: str, one: Quantity) -> set[str]:
    """The words beside a number: what it is told of."""
    told = [word for word in words(text) if not word.is_stop]
    before = [word for word in told if word.end <= one.start][-_BESIDE:]
    return _stems_of([*before, *[word for word in told if word.start >= one.end][:_BESIDE]])


def _stems_of(found: Iterable[Word]) -> set[str]:
    return {word.stem for word in found if not word.text[0].isdigit()} - _VAGUE


def _told(text: str, one: Quantity) -> str:
    behind = "" if one.unit else (_COUNTED.match(text, one.end) or [""])[0]
    return f"{one.text}{behind}"


def _is_far(one: Quantity, other: Quantity) -> bool:
    return abs(one.value - other.value) > _FAR * max(abs(one.value), abs(other.value))


def _shared(one: str, other: str) -> int:
    return len(_stems(one) & _stems(other))


def _stems(text: str) -> set[str]:
    return {word.stem for word in words(text) if not word.is_stop}


def _denies(question: str) -> bool:
    """Whether a question may itself say that something is not so."""
    return bool({word.text.lower() for word in words(question)} & _DENIES)


def _done_without(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """What the paper does without, and the question asks for."""
    asked = _stems(question) - _stems(title)
    if _denies(question):
        return None
    everywhere = [word.stem for word in words(f"{title}. " + " ".join(p.text for p in passages))]
    for passage in passages:
        for thing, quote in _denied(passage.text):
            if thing in asked and everywhere.count(thing) == _times_denied(thing, passages):
                return Contrary(f"“{quote}”", passage)
    return None


def _no_best(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """A winner where the abstract says that there is none."""
    if not _BEST.search(question) or _denies(question):
        return None
    for passage in passages:
        match = _NO_BEST.search(passage.text)
        if match and stem(match["of"].lower()) in _stems(question):
            return Contrary(f"“{match.group().strip()}”", passage)
    return None


def _less(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """Less of what the paper's system is said to take more of."""
    name = title.partition(":")[0]
    match = _MORE.search(question)
    if not match or name == title or name.lower() not in question.lower():
        return None
    less = re.compile(rf"{_LESS}(?:\W+[\w-]+){{0,5}}?\W+{match[1]}\w*", re.I)
    more = re.compile(rf"\b(?:more|higher|larger|greater)\W+(?:[\w-]+\W+)?{match[1]}", re.I)
    if any(more.search(passage.text) for passage in passages):
        return None
    for passage in passages:
        if found := less.search(passage.text):
            return Contrary(f"“{found.group()}”", passage)
    return None


def _denied(text: str) -> Iterator[tuple[str, str]]:
    """The things that a sentence says are not there, and the words with which it says so."""
    for match in _WITHOUT.finditer(text):
        what = _ENDS.split(match["what"])[0].split()[:4]
        quote = text[match.start() : match.start("what")] + " ".join(what)
        # What is denied is what the words end on: "without deep layer stacking" denies no layers.
        yield from ((one, quote.strip()) for one in _stems(what[-1] if what else "") - _VAGUE)
    for pattern in (_FREE, _NOT_NEEDED):
        for match in pattern.finditer(text):
            yield from ((one, match.group()) for one in _stems(match["what"]) - _VAGUE)


def _times_denied(thing: str, passages: Sequence[Passage]) -> int:
    return sum(one == thing for passage in passages for one, _ in _denied(passage.text))


def _winner(question: str, title: str, passages: Sequence[Passage]) -> Contrary | None:
    """Who wins a comparison, where the question has the loser win."""
    mine = next(_comparisons(_OPENING.sub("", question), ""), None)
    if mine is None or mine.is_denied:
        return None
    for passage in passages:
        for one in _comparisons(passage.text, title):
            if _is_same(mine, one) if one.is_denied else _is_turned(mine, one):
                return Contrary(f"“{one.quote}”", passage)
    return None


class _Comparison(NamedTuple):
    """Who wins over whom, by the stems of their names."""

    won: set[str]
    lost: set[str]
    quote: str
    is_denied: bool


def _is_turned(mine: _Comparison, one: _Comparison) -> bool:
    """Whether the one has won what the other has lost, and both whom."""
    along = mine.won & one.won or mine.lost & one.lost
    return bool(mine.won & one.lost and mine.lost & one.won) and not along


def _is_same(mine: _Comparison, one: _Comparison) -> bool:
    won, lost = len(mine.won & one.won), len(mine.lost & one.lost)
    return bool(won and lost) and won + lost > _FEWEST


def _comparisons(text: str, title: str) -> Iterator[_Comparison]:
    told = [word for word in words(text) if not word.is_stop]
    for pattern, turns in ((_WINS, False), (_LOSES, True)):
        for match in pattern.finditer(text):
            left = [word for word in told if word.end <= match.start()][-_SIDE:]
            right = [word for word in told if word.start >= match.end()][:_SIDE]
            if not left or not right:
                continue
            one, other = _sides(text[left[0].start : match.start()], left, right, title)
            won, lost = (other, one) if turns else (one, other)
            is_denied = bool(_DENIED_VERB.search(text[: match.start()]))
            yield _Comparison(won, lost, text[left[0].start : right[-1].end], is_denied)


def _sides(
    before: str, left: Sequence[Word], right: Sequence[Word], title: str
) -> tuple[set[str], set[str]]:
    """What stands left and right of a comparison; "our method" is the paper's own."""
    one, other = _stems_of(left), _stems_of(right)
    if _OWN.search(before):
        one |= _stems(title.partition(":")[0])
    return one - other, other - one


RULES = (_number, _done_without, _winner, _no_best, _less)
