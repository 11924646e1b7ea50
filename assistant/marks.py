"""A verdict's label -> the sign and the words that a person sees: never colour alone."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from assistant.schema import Sentence, VerdictLabel


class Mark(NamedTuple):
    """How a verdict looks."""

    sign: str
    words: str


MARKS: Mapping[VerdictLabel, Mark] = {
    "supported": Mark("✓", "supported"),
    "partial": Mark("⚠", "only partly in the abstract"),
    "contradicted": Mark("✗", "contradicted"),
    "not_in_evidence": Mark("⚠", "not in the abstract"),
    "uncited": Mark("⚠", "no source given"),
    "not_a_claim": Mark("·", "no claim"),
}
STRUCK = "struck, no source bears it out"
"""What is said of a sentence that was taken out of an answer."""
UNMARKED = frozenset({"supported", "not_a_claim"})
"""Verdicts that need no mark in an answer."""


def tally(sentences: Iterable[Sentence]) -> str:
    """How many claims are supported, in words."""
    labels = [one.verdict.label for one in sentences if one.verdict.label != "not_a_claim"]
    return f"{labels.count('supported')} of {len(labels)} claims supported"
