"""Fakes at the ports: they answer from a rule or a queue, and keep a record of what was asked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from zlib import crc32

import numpy as np

from assistant.late import Passage
from assistant.schema import (
    EncoderIdentity,
    Evidence,
    Message,
    Piece,
    Usage,
    Vectors,
    Verdict,
)


class FakeEncoder:
    """Hashed bags of words: texts that share words are near, and a word is a piece."""

    def __init__(self, name: str = "fake", dimension: int = 256, max_pieces: int = 128) -> None:
        self.identity = EncoderIdentity(name, dimension, f"{crc32(name.encode()):064x}")
        self.max_pieces = max_pieces
        self.read: list[str] = []

    def count(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        vectors = np.zeros((len(texts), self.identity.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[0] = 1e-3
            for word in re.findall(r"\w+", text.casefold()):
                row[crc32(word.encode()) % len(row)] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


class FakeLLM:
    """Replies from a queue, cut into pieces; an error in the queue is raised in its place."""

    model = "fake"

    def __init__(
        self, *replies: str | Sequence[str] | Exception, usage: Usage | None = None
    ) -> None:
        self.replies = list(replies)
        self.usage = usage or Usage(100, 10, 1)
        self.asked: list[list[Message]] = []
        self.max_tokens: list[int] = []

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        self.asked.append(list(messages))
        self.max_tokens.append(max_tokens)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        pieces = re.findall(r"\s*\S{1,4}", reply) if isinstance(reply, str) else reply
        for piece in pieces:
            yield Piece(piece)
        yield Piece("", self.usage)


class FakeJudge:
    """Supports a claim with the sentence that shares most of its words, of any paper given."""

    def __init__(self, needed: float = 0.5) -> None:
        self.needed = needed
        self.asked: list[tuple[str, list[str]]] = []

    def expect(self, claims: Sequence[str]) -> None:
        """It reads nothing."""

    def verdict(
        self,
        claim: str,
        passages: Sequence[Passage],
        titles: Mapping[str, str] | None = None,
        *,
        is_cited: bool = True,
    ) -> Verdict:
        self.asked.append((claim, list(titles or {})))
        words = set(re.findall(r"\w+", claim.casefold()))
        told = [set(re.findall(r"\w+", passage.text.casefold())) for passage in passages]
        shares = [len(words & said) / len(words) for said in told]
        score = max(shares)
        best = passages[shares.index(score)]
        evidence = Evidence(best.paper_id, best.text, best.start, best.end)
        if score >= self.needed:
            return Verdict("supported", score, evidence)
        return Verdict("not_in_evidence", score, evidence, "no sentence says so")
