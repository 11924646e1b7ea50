"""Claims -> verdicts: each sentence of an answer held against what it cites."""

from assistant.verify.claims import is_claim, split_claims
from assistant.verify.judge import Judge

__all__ = ["Judge", "is_claim", "split_claims"]
