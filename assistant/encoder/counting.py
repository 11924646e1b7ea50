"""Texts -> how many word pieces each has: those of a word are the same in every text."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# How the tokenizer itself parts printable ASCII: each sign of punctuation is a word.
_WORD = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9 ]")
_MOST_KNOWN = 50_000


class Counting:
    """Counts word pieces; safe to use from many threads."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {}
        tokens = tokenizer.get_added_tokens_decoder().values()
        # These stand for one piece wherever they are written out.
        self._special = re.compile("|".join(re.escape(token.content) for token in tokens))

    def of(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text, without the special ones around it."""
        words = [self._words(text) for text in texts]
        known = self._knowing(words)
        return [sum(map(known.__getitem__, some)) for some in words]

    def _words(self, text: str) -> list[str]:
        """Parts of `text` that the tokenizer would read each by itself."""
        if self._special.search(text):
            return [text]
        if text.isascii() and text.isprintable():
            return _WORD.findall(text.lower())
        parts = text.split(" ")
        others = [part for part in parts if not (part.isascii() and part.isprintable())]
        plain = " ".join(part for part in parts if part.isascii() and part.isprintable())
        return _WORD.findall(plain.lower()) + others

    def _knowing(self, texts: Sequence[Sequence[str]]) -> dict[str, int]:
        """What is known, these words among it."""
        known = self._known
        met = set[str]().union(*texts)
        new = [word for word in met if word not in known]
        if len(known) + len(new) > _MOST_KNOWN:
            # Another thread may still read the one that is given up.
            known, new = {}, list(met)
        known.update(zip(new, self._counted(new), strict=True))
        self._known = known
        return known

    def _counted(self, words: list[str]) -> list[int]:
        encodings = self._tokenizer.encode_batch_fast(words, add_special_tokens=False)
        return [len(encoding) for encoding in encodings]
