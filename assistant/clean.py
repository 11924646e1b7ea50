"""Untrusted text: cleaned once where it enters, and made harmless at each door where it leaves."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple


class Cleaned(NamedTuple):
    """A text that is safe to keep, and how many characters of each category it lost."""

    text: str
    removed: Mapping[str, int]


# Whatever a reader cannot see but a model, a terminal or a search would read. The first row that
# holds a character names it.
_HIDDEN: tuple[tuple[str, str], ...] = (
    ("bom", "\ufeff"),
    ("control", "\x00-\x1f\x7f-\x9f"),
    ("surrogate", "\ud800-\udfff"),
    ("bidi", "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u206a-\u206f"),
    ("zero_width", "\u034f\u180e\u200b\u2060-\u2065"),
    ("joiner", "\u200c\u200d"),
    ("soft_hyphen", "\u00ad"),
    ("variation_selector", "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"),
    ("tag", "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"),
    ("filler", "\u115f\u1160\u17b4\u17b5\u3164\uffa0"),
    ("format", "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"),
)
_HIDDEN_CHARACTER = re.compile(
    "|".join(f"(?P<{category}>[{characters}])" for category, characters in _HIDDEN)
)
_HIDDEN_IN_JSON = re.compile(f"{_HIDDEN_CHARACTER.pattern}|[\u2028\u2029]")
_BREAK = re.compile("\r\n|[\t\n\x0b\x0c\r\x85\u2028\u2029]")
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAK_INSIDE_A_LINE = re.compile("[\t\x0b\x0c]")

# Persian, the Indic and the Mongolian scripts spell with joiners and selectors; emoji and
# ideographs vary by them. There, and only one at a time, they are letters and no hiding place.
_JOINING_SCRIPTS = re.compile("[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff]")
_MONGOLIAN = re.compile("[\u1800-\u180a\u1820-\u18af]")
_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_EMOJI_PART = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")


def at_entry(text: str, *, keep_lines: bool = False) -> Cleaned:
    """NFC without hidden characters; a field is one line unless `keep_lines`."""
    if text.isascii() and text.isprintable():
        return Cleaned(text, {})
    text = unicodedata.normalize("NFC", _one_line(text, keep_lines))
    shown, removed = _without_hidden(text)
    return Cleaned(unicodedata.normalize("NFC", shown), dict(removed))


def _one_line(text: str, keep_lines: bool) -> str:
    if keep_lines:
        return _BREAK_INSIDE_A_LINE.sub(" ", _LINE_END.sub("\n", text))
    return _BREAK.sub(" ", text)


def _without_hidden(text: str) -> tuple[str, Counter[str]]:
    kept: list[str] = []
    last = ""
    removed: Counter[str] = Counter()
    start = 0
    for match in _HIDDEN_CHARACTER.finditer(text):
        if match.start() > start:
            kept.append(text[start : match.start()])
            last = kept[-1][-1]
        start = match.end()
        if _spells(match.group(), last, text[start : start + 1]):
            kept.append(match.group())
            last = match.group()
        else:
            removed[str(match.lastgroup)] += 1
    kept.append(text[start:])
    return "".join(kept), removed


def _spells(character: str, before: str, after: str) -> bool:
    """Whether the character changes what is seen, so that taking it out would lose something."""
    if character == "\n":
        return True
    if character in "\u200c\u200d":
        emoji = character == "\u200d" and _is_emoji(before) and _is_symbol(after)
        return emoji or bool(_JOINING_SCRIPTS.match(before))
    if character in "\ufe0e\ufe0f":
        return _is_symbol(before) or before in tuple("0123456789#*")
    if character in "\u180b\u180c\u180d\u180f":
        return bool(_MONGOLIAN.match(before))
    if "\U000e0100" <= character <= "\U000e01ef" or "\ufe00" <= character <= "\ufe02":
        return bool(_IDEOGRAPH.match(before))
    return False


def _is_symbol(character: str) -> bool:
    return bool(character) and unicodedata.category(character) in {"So", "Sm"}


def _is_emoji(character: str) -> bool:
    return _is_symbol(character) or bool(_EMOJI_PART.match(character))


def for_terminal(text: str) -> str:
    """Text that moves no cursor, sets no colour and hides nothing; lines stay lines."""
    return at_entry(text, keep_lines=True).text


def for_json(line: str) -> str:
    """A line of JSON with the same values, which on a terminal does nothing and hides nothing."""
    return _HIDDEN_IN_JSON.sub(_as_json_escape, line)


def _as_json_escape(match: re.Match[str]) -> str:
    if "\ud800" <= match[0] <= "\udfff":
        # Half a character is none, whoever reads it back.
        return "?"
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def for_html(text: str) -> str:
    """Text that is only text between tags and inside quoted attributes."""
    return html.escape(for_terminal(text), quote=True)


# As entities: CommonMark lets no entity stand for structure, so none of these can start a link,
# an image, a table, a fence, a formula or a reference.
_MARKDOWN_SIGNS = str.maketrans({sign: f"&#{ord(sign)};" for sign in "\\`*_[]()!#~|$<>\"':@^"})
_MARKDOWN_LINE_START = re.compile(r"(?m)^([ ]*)([-+=]|\d+(?=\.))")
_AUTOLINK = re.compile(r"(?i)\bwww(?=\.)")


def for_markdown(text: str) -> str:
    """Markdown that shows the text as it stands: no link, image, tag, formula or fence."""
    text = for_terminal(text).replace("&", "&amp;").translate(_MARKDOWN_SIGNS)
    text = _AUTOLINK.sub("ww&#119;", text)
    return _MARKDOWN_LINE_START.sub(_as_entities, text)


def _as_entities(match: re.Match[str]) -> str:
    return match[1] + "".join(f"&#{ord(character)};" for character in match[2])


_OPEN = "[<\uff1c\ufe64]"
_BAR = "[|\uff5c]"
# What model servers read as a turn, and what our own prompts read as the end of a source.
_ROLE_TOKENS = re.compile(
    "|".join(
        (
            rf"{_OPEN}+\s*{_BAR}[^<>]{{0,60}}?{_BAR}\s*[>\uff1e]+",
            rf"{_OPEN}+\s*/?\s*(?:s|bos|eos|pad|unk|sys|start_of_turn|end_of_turn)\s*[>\uff1e]+",
            rf"{_OPEN}+\s*/?\s*(?:sources?|system|user|human|assistant|developer|tool|instructions?"
            r"|question|answer|context|history|documents?|evidence|claim)(?![a-z])[^<>]{0,80}"
            r"[>\uff1e]*",
            r"\[\s*/?\s*(?:inst|sys|system_prompt|available_tools|tool_calls|tool_results)\s*\]",
        )
    ),
    re.IGNORECASE,
)
_BROKEN = str.maketrans(
    {
        "<": "\u2039", ">": "\u203a", "[": "\u27e6", "]": "\u27e7", "|": "\u00a6",
        "\uff1c": "\u2039", "\uff1e": "\u203a", "\ufe64": "\u2039", "\uff5c": "\u00a6",
    }
)  # fmt: skip


def for_prompt(text: str, fence: str) -> str:
    """Text that can neither close `fence`, the request's own delimiter, nor open a chat turn."""
    text = _ROLE_TOKENS.sub(lambda match: match[0].translate(_BROKEN), for_terminal(text))
    return _without_fence(text, fence)


def _without_fence(text: str, fence: str) -> str:
    if not fence.strip():
        raise ValueError("a fence needs at least one visible character")
    mark = next(mark for mark in "\u00b7\u2022\u2027" if mark not in fence)
    head, tail = re.escape(fence[0]), re.escape(fence[1:])
    # Looking ahead, and not consuming, so that overlapping fences break too.
    return re.sub(f"{head}(?={tail})", mark, text, flags=re.IGNORECASE)
