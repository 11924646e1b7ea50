"""A model's pieces of text -> the same without its thinking aloud."""

import re
from collections.abc import Collection

_ANY_CASE = re.IGNORECASE | re.ASCII
_CLOSERS = {"<think>": "</think>", "<thinking>": "</thinking>", "[think]": "[/think]"}
_OPENER = re.compile("|".join(map(re.escape, _CLOSERS)), _ANY_CASE)
_PATTERNS = {tag: re.compile(re.escape(tag), _ANY_CASE) for tag in _CLOSERS.values()}
_BARE_CLOSER = re.compile(r"^[ \t]*(</think>|</thinking>|\[/think\])\s*$", _ANY_CASE | re.MULTILINE)


class ThinkFilter:
    """Drops `<think>…</think>` from a reply, however its pieces are cut.

    A block that opens a reply and is never closed is dropped; a tag in the middle of one that is
    never closed is the model's own text, and given back by `finish`.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._closer = ""
        self._hidden: list[str] = []
        self._said = False

    def feed(self, piece: str) -> str:
        """What may be shown once `piece` has come."""
        text, at, shown = self._pending + piece, 0, ""
        while found := (_PATTERNS[self._closer] if self._closer else _OPENER).search(text, at):
            if self._closer:
                self._closer = ""
            else:
                shown += self._show(text[at : found.start()])
                self._closer, self._hidden = _CLOSERS[found.group().lower()], [found.group()]
            at = found.end()
        cut = len(text) - _undecided(text[at:], [self._closer] if self._closer else _CLOSERS)
        self._pending = text[cut:]
        if not self._closer:
            return shown + self._show(text[at:cut])
        # Thinking before the first word is never given back, and may be long.
        if self._said:
            self._hidden.append(text[at:cut])
        return shown

    def finish(self) -> str:
        """What may be shown once the last piece has come."""
        if not self._closer:
            return self._show(self._pending)
        return "".join([*self._hidden, self._pending]) if self._said else ""

    def _show(self, text: str) -> str:
        # Models put blank lines between their thinking and their answer.
        text = text if self._said else text.lstrip()
        self._said = self._said or bool(text)
        return text


def thinks_aloud(reply: str) -> bool:
    """Whether a closing tag stands alone: its server kept the opening one to itself."""
    return bool(_BARE_CLOSER.search(reply))


def _undecided(text: str, tags: Collection[str]) -> int:
    """How many characters at the end of `text` may grow into one of `tags`."""
    for length in range(min(len(text), max(map(len, tags)) - 1), 0, -1):
        tail = text[-length:].lower()
        if any(tag.startswith(tail) for tag in tags):
            return length
    return 0
