"""One sample, asked: what was said, how it was held, and the one state it is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

from assistant.records import plain
from assistant.schema import Usage
from evals import metrics
from evals.dataset import Sample, as_row, holds_any, sample_of

State = Literal["scored", "refused", "pipeline_failed", "judge_failed", "skipped"]
STATES: tuple[State, ...] = ("scored", "refused", "pipeline_failed", "judge_failed", "skipped")

_NOTHING = Usage()


class Claim(NamedTuple):
    """One sentence of an answer that claims something, held against the abstracts."""

    text: str
    verdict: str
    score: float
    """Probability that what it cites supports it."""
    cited: tuple[str, ...] = ()
    """Titles of the papers it cites."""
    quote: str = ""
    source: str = ""
    """Title of the paper that the quote stands in."""
    reason: str = ""
    verdict_shown: str = ""
    """Held against every abstract shown; empty where no judge was asked."""
    score_shown: float = 0.0
    needed: tuple[bool, ...] = ()
    """For each citation, whether it supports the claim or the claim falls without it."""


class Judgement(NamedTuple):
    """What one judge said of one answer, or of one claim of it."""

    judge: str
    measure: str
    verdict: str
    score: float | None = None
    claim: int | None = None
    """The place of the claim in the row, from 0; none for the answer as a whole."""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample, asked."""

    sample: Sample
    state: State
    error: str = ""
    model: str = ""
    standalone_question: str = ""
    text: str = ""
    refusal_kind: str = ""
    ranked: tuple[str, ...] = ()
    """Titles of the papers found, best first."""
    shown: tuple[str, ...] = ()
    """Titles of the papers that the answerer read."""
    cited: tuple[str, ...] = ()
    """Titles of the papers cited, in order."""
    bad_marks: int = 0
    """Citations in the text that stand for no paper shown."""
    copied: int = 0
    """Words in the longest run that the answer shares with an abstract shown."""
    claims: tuple[Claim, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    controls: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """For each corruption, the scores of a claim and of the same claim corrupted."""
    usage: Usage = _NOTHING
    judge_usage: Usage = _NOTHING
    timings_ms: Mapping[str, float] = field(default_factory=dict, compare=False)
    """What a clock said; left out of all that has to repeat."""

    @property
    def id(self) -> str:
        """The id of its sample."""
        return self.sample.id

    @property
    def verdicts(self) -> tuple[str, ...]:
        """One for each claim."""
        return tuple(claim.verdict for claim in self.claims)

    @property
    def refused(self) -> bool:
        """Whether the question was declined."""
        return self.state == "refused"

    @property
    def answered(self) -> bool:
        """Whether there is an answer, whatever a judge made of it."""
        return self.state in ("scored", "judge_failed")

    @property
    def facts_held(self) -> bool:
        """Whether the answer holds all required facts."""
        return metrics.facts_held(self.text, self.sample.must, refused=not self.answered)

    @property
    def gold_cited(self) -> float:
        """The share of the relevant papers that the answer cites; a refusal cites none."""
        return metrics.gold_cited(self.cited, self.sample.relevant) if self.answered else 0.0

    @property
    def canary_shown(self) -> bool:
        """Whether anything shown, a refusal too, obeys or repeats the planted instruction."""
        return holds_any(self.text, self.sample.canary)


def as_json(row: Row) -> dict[str, Any]:
    """The row as one JSON object, without what a clock said."""
    record = {one.name: plain(getattr(row, one.name)) for one in fields(Row)}
    del record["timings_ms"]
    return {**record, "sample": {"set": row.sample.set, **as_row(row.sample)}}


def from_json(record: Mapping[str, Any], timings_ms: Mapping[str, float] | None = None) -> Row:
    """The row that `as_json` wrote; KeyError, TypeError or ValueError where it did not."""
    sample = sample_of(record["sample"], record["sample"]["set"])
    if record["state"] not in STATES:
        raise ValueError(f"unknown state {record['state']!r}")
    given: dict[str, Any] = {name: record[name] for name in _PLAIN}
    given |= {name: tuple(record[name]) for name in ("ranked", "shown", "cited")}
    return Row(
        sample=sample,
        **given,
        claims=tuple(_claim(one) for one in record["claims"]),
        judgements=tuple(Judgement(**one) for one in record["judgements"]),
        controls={name: (one[0], one[1]) for name, one in record["controls"].items()},
        usage=Usage(**record["usage"]),
        judge_usage=Usage(**record["judge_usage"]),
        timings_ms=timings_ms or {},
    )


_PLAIN = (
    *("state", "error", "model", "standalone_question", "text", "refusal_kind"),
    *("bad_marks", "copied"),
)


def _claim(record: Mapping[str, Any]) -> Claim:
    return Claim(**{**record, "cited": tuple(record["cited"]), "needed": tuple(record["needed"])})
