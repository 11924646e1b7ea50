"""An aligned claim -> all the numbers that its probability is made of."""

import numpy as np
from numpy.typing import NDArray

from assistant.verify import binding, owners, polarity, roles, sentencewise, tracing, wordwise
from assistant.verify.alignment import Aligned

Rows = NDArray[np.float64]

WORD_FEATURES = (*wordwise.FEATURES, *binding.WORD_FEATURES, *tracing.WORD_FEATURES)
CLAIM_FEATURES = (
    *sentencewise.FEATURES, *binding.FEATURES, *tracing.FEATURES, *roles.FEATURES,
    *owners.FEATURES, *polarity.FEATURES,
)  # fmt: skip


def measure(aligned: Aligned) -> tuple[Rows, Rows]:
    """A row for each word, and one for the whole of the claim."""
    bound, trail = binding.bind(aligned), tracing.trace(aligned)
    words = [wordwise.rows(aligned), bound.words, tracing.word_rows(aligned, trail)]
    claim = [
        *sentencewise.row(aligned),
        *bound.claim,
        *tracing.row(aligned, trail),
        *roles.row(aligned, trail),
        *owners.row(aligned, trail),
        *polarity.row(aligned),
    ]
    return np.hstack(words), np.array(claim, np.float64)
