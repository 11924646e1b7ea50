"""Text into sentences, as half-open spans, so that a quote can always be found again."""

import re
from typing import NamedTuple


class Span(NamedTuple):
    """Code points `start` to `end`, the end not included."""

    start: int
    end: int


# A stop, any closing quotes or brackets, then blank space: an end unless told otherwise.
# Extracted text may have lost the blank: "a bidirectional LSTM.Experiments on MusDB show".
_STOP = (
    r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+[”’」』）]*\s*"
    r"|\.(?<=[A-Za-z)][A-Za-z)][A-Za-z)]\.)(?=[A-Z][a-z]+ [a-z])"
)
# Looking for a blank line at every blank costs half of the time, and few texts have one.
_BREAK = re.compile(_STOP)
_BREAK_OR_LINE = re.compile(rf"{_STOP}|\s*\n\s*\n\s*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|etc|cf|vs|fig|figs|eq|eqs|sec|ref|refs|approx|resp|dr|mr|mrs|ms|prof"
    r"|st|no|nos|vol|pp|ch|tab|inc|ltd|jr|sr|a\.k\.a|w\.r\.t|i\.i\.d|viz|aka|incl|al)"
    r"|(?:^|[\s(])[A-Z](?:\.[A-Z])*)\.[\"'”’)\]]*\s+$",
    re.IGNORECASE,
)
_ENDS_ANYWAY = re.compile(r"\b(?:etc|et al)\.[)\]]*\s+$", re.IGNORECASE)
_INITIAL = re.compile(r"(?:^|[\s(])[a-z]\.\s+$")
# One or two digits are an item of a list; four are a year, as in "Lee et al. (2021)".
_OPENER = re.compile(r"[\"'“‘(\[]*(?:[A-Z]|\d{1,2}[.)]\s|[^\x00-\x7f])")
_LOWER = re.compile(r"[\"'“‘(\[]*[a-z]")
# Names that begin in lower case (iPhone, vLLM, t-SNE, nnU-Net) may open a sentence.
_LOWER_NAME = re.compile(r"[a-z]{1,3}-?[A-Z]")


def split(text: str) -> list[Span]:
    """The spans of the sentences of `text`, in order, without the blank space between them.

    >>> [text[a:b] for text in ["We test e.g. U-Net. It wins."] for a, b in split(text)]
    ['We test e.g. U-Net.', 'It wins.']
    """
    spans: list[Span] = []
    start = 0
    for match in (_BREAK_OR_LINE if "\n" in text else _BREAK).finditer(text):
        if match.start() >= start and _is_end(text, start, match):
            spans.append(_trimmed(text, start, match.end()))
            start = match.end()
    spans.append(_trimmed(text, start, len(text)))
    return [span for span in spans if span.end > span.start]


def texts(text: str) -> list[str]:
    """The sentences of `text` themselves."""
    return [text[start:end] for start, end in split(text)]


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    if "\n" in match.group().strip(" \t") and match.group().count("\n") > 1:
        return True
    before, after = text[max(start, match.start() - 24) : match.end()], match.end()
    if after == len(text) or match.group()[0] in "。！？":
        return True
    if _depth(text[start:after]) and not _OPENER.match(text, after):
        return False
    if _ABBREVIATION.search(before) or _INITIAL.search(before):
        return bool(_ENDS_ANYWAY.search(before) and _OPENER.match(text, after))
    if match.group()[0] == "." and _LOWER.match(text, after):
        # A full stop before a small letter is an abbreviation, unless a name follows.
        return bool(_LOWER_NAME.match(text, after)) or len(text[start : match.start()].split()) >= 6
    return True


def _depth(text: str) -> int:
    return max(0, text.count("(") - text.count(")"))


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)
