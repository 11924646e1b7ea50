"""A judge's reply -> its verdict, or "unparsable"; never a verdict that it did not clearly give.

A verdict counts where the reply says which it is ("Verdict: …", a JSON field) or where it opens or
ends with it on its own. Two different ones are none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

UNPARSABLE = "unparsable"
CLAIM_LABELS = ("supported", "partial", "contradicted", "not_in_evidence")
YES_NO = ("yes", "no")
Labels = Sequence[str]

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_UNENDED_THOUGHT = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_MARKER = re.compile(
    r"(?im)^[\s>*_#`\"'{,-]*"
    r"(?:(?:final|overall|my|the)\s+)*"
    r"(?:verdict|classification|answer|label|judge?ment|decision|conclusion|rating)"
    r"[*_`\"']*\s*(?:is\s*)?[:=\u2013\u2014-]\s*(?P<value>.*)$"
)
_DRESS = " \t*_`\"'[](){}<>.,;!\u201c\u201d\u2018\u2019"
_EXPLAINS = re.compile(r"\s+[-\u2013\u2014(]|[.;:,!(\u2013\u2014]\s|\s+because\b", re.IGNORECASE)
_SAYS_MORE = re.compile(r"\b(?:but|however|or|and/or|unsure|cannot|can't|neither|both)\b", re.I)


def verdict_of(reply: str, labels: Labels = CLAIM_LABELS) -> str:
    r"""The one label that the reply gives, or "unparsable".

    >>> verdict_of("Reason: it says 3.\nVerdict: **supported**")
    'supported'
    >>> verdict_of("Verdict: supported\nVerdict: partial")
    'unparsable'
    """
    text = _spoken(reply)
    if text is None:
        return UNPARSABLE
    marked = [_label(match["value"], labels) for match in _MARKER.finditer(text)]
    said = set(marked) if marked else {_unmarked(text, labels)}
    return said.pop() if len(said) == 1 else UNPARSABLE


def score_of(reply: str, low: float = 1.0, high: float = 5.0) -> float | None:
    r"""The one score that the reply gives on a line of its own; none where it is not clear.

    >>> score_of("4.5\nIt names both.")
    4.5
    """
    text = _spoken(reply)
    if text is None:
        return None
    found = {number for line in text.splitlines() for number in _scores(line, high)}
    score = found.pop() if len(found) == 1 else None
    return score if score is not None and low <= score <= high else None


_SCORE = re.compile(
    r"(?i)^[\s*_#`\"'-]*(?:(?:final|overall|my|the)\s+)*(?:score|rating|grade)?[*_`\"']*\s*"
    r"(?:is\s*)?[:=]?\s*[*_`\"']*(?P<score>\d+(?:\.\d+)?)\s*(?:/\s*(?P<of>\d+))?[\s*_`\"'.]*$"
)


def _scores(line: str, high: float) -> Iterable[float]:
    if found := _SCORE.match(line):
        # Four of ten is no four of five.
        if found["of"] and float(found["of"]) != high:
            yield float("inf")
        else:
            yield float(found["score"])


def _spoken(reply: str) -> str | None:
    """The reply without what was thought aloud; none where the thought never ended or is all."""
    text = _THOUGHT.sub(" ", reply).strip()
    return None if not text or _UNENDED_THOUGHT.search(text) else text


def _label(value: str, labels: Labels) -> str:
    """The label that a marker's value is, whatever it is dressed in."""
    names = _names(labels)
    bare = _plain(value)
    if bare in names:
        return names[bare]
    head, *rest = _EXPLAINS.split(value.strip(_DRESS), maxsplit=1)
    head = _plain(head)
    if head not in names or (rest and _takes_back(rest[0], names, names[head])):
        return UNPARSABLE
    return names[head]


def _unmarked(text: str, labels: Labels) -> str:
    """The label that the reply opens or ends with, standing alone."""
    lines = [line for line in text.splitlines() if _plain(line)]
    said = {_label(line, labels) for line in (lines[0], lines[-1])} - {UNPARSABLE}
    if len(said) != 1:
        return UNPARSABLE
    (label,) = said
    names = _names(labels)
    # Shouted somewhere else, another label takes it back.
    shouted = {names.get(_plain(word)) for word in re.findall(r"\b[A-Z]{2,}\b", text)}
    return UNPARSABLE if shouted - {None, label} else label


def _takes_back(rest: str, names: Mapping[str, str], label: str) -> bool:
    words = {names.get(_plain(word)) for word in re.split(r"[\s/|,;.]+", rest)}
    return bool(words - {None, label}) or bool(_SAYS_MORE.match(rest.strip(_DRESS)))


def _names(labels: Labels) -> dict[str, str]:
    return {_plain(label): label for label in labels}


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.strip(_DRESS)).strip(_DRESS).casefold()
