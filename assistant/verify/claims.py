"""Text -> the parts of it that claim something."""

import re

from assistant import sentences
from assistant.sentences import Span

_MARKS = re.compile(r"^[\s>*#•\-–—]+|^\s*\d+[.)]\s+|\s*\[\d+(?:\s*,\s*\d+)*\]|\*\*|`")
_HEADING = re.compile(r"^\s*(?:#+\s|\*\*[^*]+\*\*:?\s*$)")
_META = re.compile(
    r"^(?:here(?:'s| is| are)\b|below\b|the (?:following|table below)\b.*:$|in summary[:,]?$"
    r"|sure\b|of course\b|certainly\b|i (?:hope|can|could not|cannot|can't|do not|don't|am|found)\b"
    r"|let me\b|note that i\b|sources?:|references?:|answer:|(?:the )?"
    r"(?:corpus|sources?|abstracts?"
    r"|papers? (?:here|in the corpus)|provided (?:\w+ )?(?:sources|abstracts|papers|passages))\b"
    r".{0,40}"
    r"\b(?:do(?:es)? not|don't|doesn't)\b.{0,24}\b(?:say|answer|contain|state|mention|hold|provide)"
    r"|(?:none|nothing) (?:of|in) the (?:papers|corpus|sources|abstracts)\b"
    r"|no (?:paper|abstract|source)s? (?:in|of) )",
    re.I,
)
_VERB = re.compile(r"[a-z]")
_ITEM = re.compile(r"\s*\n\s*(?:[-*•]|\d+[.)])\s+|\s*\n\s*|;\s+")


def is_claim(text: str) -> bool:
    """Whether `text` says something that a source could support.

    >>> is_claim("Here is a comparison:"), is_claim("PIDNet has three branches.")
    (False, True)
    """
    bare = _MARKS.sub("", text).strip()
    if _HEADING.match(text) or bare.endswith(("?", ":")) or _META.match(bare):
        return False
    return len(bare.split()) >= 3 and bool(_VERB.search(bare))


def split_claims(text: str) -> list[Span]:
    """The sentences of `text`, split further at `;` and at the items of lists."""
    spans: list[Span] = []
    for start, end in sentences.split(text):
        at = start
        for match in _ITEM.finditer(text, start, end):
            if _may_split(text, at, match, end):
                spans.append(Span(at, match.start()))
                at = match.end()
        spans.append(Span(at, end))
    return [span for span in spans if text[span.start : span.end].strip()]


def _may_split(text: str, start: int, match: re.Match[str], end: int) -> bool:
    """A line always ends a claim; `;` only outside brackets and between clauses."""
    if "\n" in match.group():
        return True
    before, after = text[start : match.start()], text[match.end() : end]
    inside = before.count("(") > before.count(")")
    return not inside and min(len(before.split()), len(after.split())) >= 4
