"""A claim and the sentences of what it cites -> a verdict, its span, and what differs."""

from collections.abc import Mapping, Sequence

from assistant.late import Passage
from assistant.schema import Evidence, Reader, Verdict, VerdictLabel
from assistant.verify import findings
from assistant.verify.alignment import Aligned, align, span
from assistant.verify.claims import is_claim
from assistant.verify.findings import Finding
from assistant.verify.hearing import Hearing
from assistant.verify.scoring import Model

# Below this share of the threshold nothing much of the claim is supported.
_PARTIAL = 0.5
# Evidence that covers less of a claim says nothing of it, neither for nor against.
_SPEAKS_OF = 0.62
_PART_COVERED = 0.72
# What a rule is certain of leaves little to the score.
_DENIED = 0.1
# "Bananas are rich in potassium" reaches .49 against the nearest of 249 abstracts on computing.
_NEAR = 0.55


class Judge:
    """Holds claims against the abstracts that they cite."""

    def __init__(self, reader: Reader, threshold: float | None = None) -> None:
        self._reader = Hearing(reader)
        self._model = Model.load()
        self.threshold = self._model.threshold if threshold is None else threshold

    def expect(self, claims: Sequence[str]) -> None:
        """Claims that will be asked about next; together they are read in less time."""
        self._reader.expect(claims)

    def verdict(
        self,
        claim: str,
        passages: Sequence[Passage],
        titles: Mapping[str, str] | None = None,
        *,
        is_cited: bool = True,
    ) -> Verdict:
        """What `passages`, all sentences of all abstracts cited, say of `claim`.

        Abstracts that were searched for it, and that it does not cite, must speak of it too.
        """
        if not is_claim(claim):
            return Verdict("not_a_claim", 0.0)
        if not passages:
            return Verdict("not_in_evidence", 0.0, None, "nothing that it cites was found")
        aligned = align(self._reader, claim, passages, titles or {})
        doubts, score = self._model.read(aligned)
        found = findings.find(aligned)
        conflict = next((one for one in found if one.is_conflict), None)
        if conflict and (conflict.is_certain or score < self.threshold):
            score = min(score, _DENIED if conflict.is_certain else self.threshold * 0.9)
        evidence = _evidence(aligned)
        if not is_cited and _covered(aligned) < _NEAR:
            score = min(score, self.threshold * 0.5)
        if score >= self.threshold:
            return Verdict("supported", score, evidence)
        label = self._label(aligned, score, conflict)
        reason = found[0].reason if found else findings.doubtful(aligned, doubts)
        return Verdict(label, score, evidence, conflict.reason if conflict else reason)

    def _label(self, aligned: Aligned, score: float, conflict: Finding | None) -> VerdictLabel:
        covered = _covered(aligned)
        if covered < _SPEAKS_OF:
            return "not_in_evidence"
        if conflict:
            return "contradicted"
        if score >= _PARTIAL * self.threshold or covered >= _PART_COVERED:
            return "partial"
        return "not_in_evidence"


def _covered(aligned: Aligned) -> float:
    return float(aligned.weights @ aligned.cosines.max(axis=1))


def _evidence(aligned: Aligned) -> Evidence:
    first, last = span(aligned)
    one, other = aligned.passages[first], aligned.passages[last]
    if other.start - one.end != 1:
        # What stands between is not known, and a quote must be found again.
        one = other = aligned.best
    quote = one.text if one is other else f"{one.text} {other.text}"
    return Evidence(one.paper_id, quote, one.start, other.end)
