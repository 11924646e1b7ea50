"""Text onto a terminal or into a pipe: wrapped and coloured on the one, plain on the other."""

import re
from typing import TextIO

from rich.console import Console
from rich.text import Text

from assistant.clean import for_terminal

WIDEST = 100
"""Columns; longer lines are hard to read."""
Part = str | tuple[str, str]


class Screen:
    """Where words go. Whatever is put on it loses control characters first."""

    def __init__(self, stream: TextIO) -> None:
        self.console = Console(
            file=stream, markup=False, emoji=False, highlight=False, legacy_windows=False
        )

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self.console.is_terminal

    @property
    def width(self) -> int:
        """Columns of text in a line."""
        return max(20, min(self.console.width, WIDEST))

    def put(self, *parts: Part, first: str = "", rest: str | None = None) -> None:
        """Prints a paragraph; `first` opens its first line, `rest` the lines it wraps into."""
        text = Text.assemble(*(_styled(part) for part in parts))
        if not self.is_terminal:
            self.console.print(Text(first) + text, soft_wrap=True)
            return
        rest = " " * len(first) if rest is None else rest
        lines = text.wrap(self.console, self.width - max(len(first), len(rest)))
        for number, line in enumerate(lines):
            line.rstrip()
            self.console.print(Text(rest if number else first) + line, soft_wrap=True)

    def gap(self) -> None:
        """Prints an empty line."""
        self.console.print()


class Flow:
    """Pieces of text into wrapped lines as they come: a word is shown once it is whole."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._word = ""
        self._column = 0
        self.started = False

    def feed(self, piece: str) -> None:
        """Shows what the piece completes."""
        *whole, self._word = re.split(r"(?<=\s)(?=\S)", self._word + piece)
        for word in whole:
            self._show(word)

    def aside(self, *parts: Part, first: str = "") -> None:
        """Puts a paragraph of its own between the words shown so far and those to come."""
        if self._word[-1:].isspace():
            self._show(self._word)
            self._word = ""
        if self._column:
            self._write("\n")
        self._screen.put(*parts, first=first)

    def end(self) -> None:
        """Shows what is left, and ends the line."""
        self._show(self._word)
        self._word = ""
        if self._column:
            self._write("\n")

    def _show(self, word: str) -> None:
        text = for_terminal(word).strip()
        if not text:
            return
        if self._column and self._column + 1 + len(text) > self._screen.width:
            self._write("\n")
        self._write(f" {text}" if self._column else text)
        if breaks := word.count("\n"):
            self._write("\n" * min(breaks, 2))

    def _write(self, text: str) -> None:
        self._screen.console.out(text, end="", highlight=False)
        self._screen.console.file.flush()
        self._column = 0 if text.endswith("\n") else self._column + len(text)
        self.started = True


def _styled(part: Part) -> tuple[str, str]:
    text, style = (part, "") if isinstance(part, str) else part
    return for_terminal(text), style
