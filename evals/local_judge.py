"""Claims -> what the product's own judge says of them beyond what an answer already tells."""

from collections.abc import Sequence
from typing import Protocol

from assistant.build import Assistant
from assistant.encoder import MiniLM
from assistant.readings import Readings
from assistant.schema import Paper, Verdict
from assistant.verify import Judge
from evals.row import Claim


class Holds(Protocol):
    """Holds a claim against papers."""

    def verdict(self, claim: str, papers: Sequence[Paper], *, is_cited: bool = True) -> Verdict:
        """What all these papers together say of `claim`."""


class LocalJudge:
    """The judge of the product, over papers of its catalog."""

    def __init__(self, judge: Judge, readings: Readings) -> None:
        self._judge = judge
        self._readings = readings

    @classmethod
    def of(cls, assistant: Assistant) -> "LocalJudge":
        """The judge as this assistant is set up."""
        encoder = MiniLM()
        judge = Judge(encoder, assistant.settings.verify.threshold)
        return cls(judge, Readings(assistant.catalog, encoder))

    @property
    def threshold(self) -> float:
        """The score from which a claim counts as supported."""
        return self._judge.threshold

    def verdict(self, claim: str, papers: Sequence[Paper], *, is_cited: bool = True) -> Verdict:
        """What all these papers together say of `claim`."""
        found = self._readings.of(list(papers))
        passages = [passage for paper in papers for passage in found[paper.paper_id]]
        titles = {paper.paper_id: paper.title for paper in papers}
        return self._judge.verdict(claim, passages, titles, is_cited=is_cited)


def best_of(claim: str, papers: Sequence[Paper], judge: Holds, *, is_cited: bool = True) -> Verdict:
    """The verdict of the paper that holds a claim best, or of all together."""
    verdicts = [judge.verdict(claim, [paper], is_cited=is_cited) for paper in papers]
    if len(papers) != 1:
        verdicts.append(judge.verdict(claim, papers, is_cited=is_cited))
    return max(verdicts, key=lambda verdict: (verdict.label == "supported", verdict.score))


def held_against_shown(claim: Claim, shown: Sequence[Paper], judge: Holds) -> tuple[str, float]:
    """The label and the score of a claim against any paper shown; what it cites is among them."""
    if claim.verdict == "supported":
        return claim.verdict, claim.score
    verdicts = [judge.verdict(claim.text, [paper], is_cited=False) for paper in shown]
    best = max(verdicts, key=lambda one: (one.label == "supported", one.score), default=None)
    if best is None or (best.label != "supported" and best.score <= claim.score):
        return claim.verdict, claim.score
    return best.label, float(best.score)


def needed(claim: Claim, cited: Sequence[Paper], judge: Holds) -> tuple[bool, ...]:
    """For each citation, whether it supports the claim or the claim falls without it."""
    is_held = claim.verdict == "supported"
    if len(cited) < 2 or not is_held:
        return (is_held,) * len(cited)
    return tuple(_is_needed(claim.text, cited, place, judge) for place in range(len(cited)))


def _is_needed(text: str, cited: Sequence[Paper], place: int, judge: Holds) -> bool:
    if judge.verdict(text, [cited[place]]).label == "supported":
        return True
    others = [paper for at, paper in enumerate(cited) if at != place]
    return best_of(text, others, judge).label != "supported"
