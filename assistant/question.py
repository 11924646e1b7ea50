"""A question -> what kind of answer it wants, and the names it gives."""

import re
from dataclasses import dataclass

from assistant.words import STOP_WORDS

_NUMBER = re.compile(
    r"\bhow (?:many|much|far|fast|large|big|small|often|long|accurate|well|lean|tiny|deep)\b"
    r"|\bwhat (?:\w+ ){0,2}?(?:accuracy|speed-?up|speed|gain|score|auc|iou|miou|dice|percentage"
    r"|share|fraction|size|latency|error|cost|sdr|psnr|map|fid|f1|rate|ratio|rank|number)s?\b"
    r"|\b(?:gains?|speed-?ups?|accuracy|latency|faster|reach(?:es|ed)?|scores?|figures?|numbers?"
    r"|rates?|costs?|savings?|percent|improvement|versus|vs|by what)\b|\bhow\b.{0,24}\bcompare\b",
    re.I,
)
_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|large|big|small|fast)\b|\b(?:milliseconds|hours|percent|exactly)\b"
    r"|\bwhat (?:\w+ ){0,2}?(?:accuracy|speed|latency|score|auc|rank|rate|number|size|share)\b",
    re.I,
)
_REASON = re.compile(
    r"\b(?:why|reasons?|cause[sd]?|what makes|wrong with|blames?|struggles?)\b", re.I
)
_METHOD = re.compile(
    r"\bhow (?:does|do|did|can|could|is|are|was|were)\b|\bin what order\b"
    r"|\b(?:which|what) (?:\w+ )?(?:ideas|steps|components|parts|stages|inputs|tricks)\b"
    r"|\bwhat (?:are the|does|do|is)\b",
    re.I,
)
_PAPER_NOUNS = (
    r"(?:papers|works|studies|surveys|articles|abstracts|methods|approaches|systems|predictors"
    r"|models|segmenters|accelerators|frameworks|techniques|algorithms|authors|benchmarks)"
)
_SEVERAL = re.compile(
    r"^(?:compare|contrast|list|name)\b|\bcompare (?:the )?(?:two|three|four|five)\b"
    r"|\b(?:which|what|these|two|three|four|five|several|list|the) (?:[\w-]+ ){0,4}?"
    rf"{_PAPER_NOUNS}\b"
    r"(?=.*\b(?:each|both|either|which one|respectively|and what|and how|and state|contrast)\b)"
    r"|\b(?:which|what|list|any|are there|all)(?: the)? (?:[\w-]+ ){0,3}?"
    r"(?:papers|works|studies|surveys|articles|abstracts)\b"
    r"|\bone (?:\w+ )?(?:\w+),? (?:and )?(?:another|the other|one)\b|\bwhich is which\b"
    r"|\bwhich one\b.*\bwhich one\b|\bone (?:\w+ )+?\w+ .*, (?:and )?another\b"
    r"|^(?:two|three|four|five) (?:[\w-]+ ){0,3}\w+s\b"
    r"|^both\b|\bboth .{0,60}\beach\b"
    rf"|\beach of (?:these|the|those) (?:[\w-]+ ){{0,3}}{_PAPER_NOUNS}\b"
    r"|\bone (?:paper|work|study)\b.*\banother\b|\bdoes each (?:report|claim|propose|argue)\b",
    re.I,
)
_PAPERS = re.compile(r"\b(?:papers|works|studies|surveys|articles|abstracts)\b", re.I)
_COUNTS = {"both": 2, "two": 2, "three": 3, "four": 4, "five": 5}
_COUNT = re.compile(r"\b(both|two|three|four|five)\b", re.I)
_COUNTED = re.compile(
    rf"\b(two|three|four|five) (?:[\w-]+ ){{0,4}}?{_PAPER_NOUNS}\b",
    re.I,
)
# Acronyms, inner capitals, letters with digits, capitalised and hyphenated: how systems are called.
_NAME = re.compile(
    r"\b(?:[A-Za-z]*[A-Z]{2,}[\w+-]*|[A-Z][a-z]+[A-Z][\w+-]*|[A-Za-z][\w-]*\d[\w-]*"
    r"|[A-Z]\w*(?:-\w+)+|\d[\w-]*[A-Z]\w*|[a-z]{1,3}-?[A-Z]\w+)"
    r"|(?<=[a-z,;:] )[A-Z][a-z]{2,}\w*"
)
_CAPITALS = re.compile(r"[A-Z][\w-]*(?: [A-Z][\w-]*)+")
# fmt: off
_TOO_COMMON = frozenset((
    "AI", "ML", "GPU", "GPUs", "CPU", "CPUs", "LLM", "LLMs", "CNN", "CNNs", "DNN", "DNNs", "NLP",
    "IoT", "2D", "3D", "AUC", "API", "APIs",
))
# fmt: on
_ASKED_FOR = re.compile(
    r"\b(?:which|what|how (?:many|much)|whose)\s+((?:(?!(?:does|do|did|is|are|was|were|can|could"
    r"|has|have|had|would|should|will|must|of|in|on|for|to|from|that|with|and|when|if)\b)"
    r"[\w-]+[\s/]*){1,5})",
    re.I,
)
# What papers hold and abstracts seldom do.
_DETAIL = re.compile(
    r"\bexact(?:ly)?\b|\bprecise(?:ly)?\b|\blearning rate\b|\bbatch size\b|\bhow many (?:gpus|hours"
    r"|annotators|parameters|layers|epochs|participants)\b"
    r"|\bwhich (?:optimi[sz]er|gpu|dataset|loss|learning|batch)\b",
    re.I,
)
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
_REFERS = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|these|those|that|then|he|she|ones?|the latter"
    r"|the former|the same|there|the (?:first|second|third|other|last)"
    r"|the (?:biggest|smallest|largest)(?= one|[,?.]|$))\b"
    r"|^(?:and|but|so|also|what about|how about|or)\b",
    re.I,
)
# What people say before a question, and not to it.
_POLITE = re.compile(
    r"(?:(?:hi|hello|hey|dear \w+|please|thanks|thank you|kindly|so|ok|okay)\b(?=[\s,.!:])[\s,.!:]*"
    r"|(?:can|could|would|will) you (?:please |kindly |maybe |also )?(?:tell|explain|say|show|give)"
    r"(?: to)?(?: me| us)?(?: please)?\b[\s,:]*(?=(?:how|why|what|which|who|whether|where|when)\b)"
    r"|(?:tell|answer) me(?: this)?(?: please)?\s*:\s*"
    r"|(?:please )?(?:tell|explain to|show) (?:me|us)(?: please)?\b[\s,:]*"
    r"(?=(?:how|why|what|which|who|whether|where|when|compare|in|for|on)\b)"
    r"|(?:i(?:'d| would) like to know|i want to know|i wonder|i was wondering|i am wondering"
    r"|do you know|any idea)\b[\s,:]*(?=(?:how|why|what|which|who|whether|where|when)\b))",
    re.I,
)
_THANKS = re.compile(
    r"[\s,.!]*(?:\bplease|\bthanks|\bthank you)(?: (?:very much|a lot))?[.!?\s]*$", re.I
)
_FEW_WORDS = 3
_ENDING = 3
_HARDLY_ANY = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer has to hold."""

    number: bool
    quantity: bool
    """A number is the whole point, and a sentence without one is no answer."""
    reason: bool
    method: bool


def plain(question: str) -> str:
    """`question` without what is said around it, and with its question mark.

    >>> plain("Hello, could you please tell me how does S-LoRA serve adapters, please")
    'How does S-LoRA serve adapters?'
    """
    said = question.strip()
    while (lead := _POLITE.match(said)) and lead.end() < len(said):
        said = said[lead.end() :]
    if (thanks := _THANKS.search(said)) and thanks.start():
        said = f"{said[: thanks.start()]}{'?' if '?' in thanks.group() else ''}"
    if len(said) < len(question.strip()):
        said = said[:1].upper() + said[1:] if said.split()[0].islower() else said
    return f"{said}?" if said[-1:].isalnum() else said


def wanted(question: str) -> Wanted:
    """What kind of answer `question` asks for."""
    patterns = (_NUMBER, _QUANTITY, _REASON, _METHOD)
    return Wanted(*(bool(pattern.search(question)) for pattern in patterns))


def names(question: str) -> list[str]:
    """The names of systems, datasets and measures in `question`, in order, each once.

    >>> names("How do SLAB-Swin and Flatten-Swin compare on ImageNet-1K?")
    ['SLAB-Swin', 'Flatten-Swin', 'ImageNet-1K']
    """
    found = (match.group().rstrip("-+") for match in _NAME.finditer(question))
    return list(dict.fromkeys(name for name in found if name and name not in _TOO_COMMON))


def phrases(question: str) -> list[str]:
    """The runs of capitalised words in `question`, which may be the beginning of a title.

    A word that is large for its place alone is left out in a second reading.

    >>> phrases("Compare Single Path One-Shot and MixPath.")
    ['Compare Single Path One-Shot', 'Single Path One-Shot']
    """
    found = [match.group() for match in _CAPITALS.finditer(question)]
    start = next((run for run in found if question.startswith(run) and run.count(" ") > 1), "")
    shorter = [start.partition(" ")[2]] if start else []
    return list(dict.fromkeys([*found[:1], *shorter, *found[1:]]))


def content_words(question: str) -> list[str]:
    """The words of `question` that tell something, in lower case."""
    words = (match.group().lower() for match in _WORD.finditer(question))
    return [word for word in words if word not in STOP_WORDS]


def stem(word: str) -> str:
    """The head of a word, which its other forms share."""
    return word[: max(4, len(word) - _ENDING)]


def wants_several(question: str) -> bool:
    """Whether the answer should come from several papers."""
    return bool(_SEVERAL.search(question))


def asked_for(question: str) -> tuple[int, int] | None:
    """Where the thing asked for stands: "how many annotators", "which reward model".

    >>> question = "On how many annotators does it rely?"
    >>> question[slice(*asked_for(question))]
    'annotators'
    """
    found = _ASKED_FOR.search(question)
    if not found:
        return None
    start, _ = found.span(1)
    return start, start + len(found.group(1).rstrip())


def asks_for_detail(question: str) -> bool:
    """Whether `question` asks for what papers hold and abstracts seldom do."""
    return bool(_DETAIL.search(question))


def speaks_of_papers(question: str) -> bool:
    """Whether `question` asks for papers rather than for what one says."""
    return bool(_PAPERS.search(question))


def how_many(question: str) -> int | None:
    """How many papers `question` names a number for."""
    if found := _COUNTED.search(question) or (
        _COUNT.search(question) if wants_several(question) else None
    ):
        return _COUNTS[found.group(1).lower()]
    return None


def refers_back(question: str) -> bool:
    """Whether `question` leans on what was said before it."""
    return bool(_REFERS.search(question)) or len(question.split()) <= _HARDLY_ANY


def is_short(question: str) -> bool:
    """Whether `question` says so little that it may lean on what was said before it."""
    return len(content_words(question)) < _FEW_WORDS
