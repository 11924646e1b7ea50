"""Samples, asked -> rows, each in exactly one state, with what was measured of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from assistant.schema import Answer
from evals import metrics
from evals.dataset import Sample
from evals.parts import Answerer

State = Literal["scored", "refused", "pipeline_failed"]
STATES: tuple[State, ...] = ("scored", "refused", "pipeline_failed")
DEPTH = 10
"""So many papers are searched for the retrieval measures."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One sample, asked."""

    sample: Sample
    state: State
    error: str = ""
    standalone_question: str = ""
    text: str = ""
    refusal_kind: str = ""
    ranked: tuple[str, ...] = ()
    """Titles of the papers found, best first."""
    cited: tuple[str, ...] = ()
    """Titles of the papers cited, in order."""
    verdicts: tuple[str, ...] = ()
    """One a claim of the answer."""
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the question was declined."""
        return self.state == "refused"

    @property
    def facts_held(self) -> bool:
        """Whether the answer holds all required facts."""
        return metrics.facts_held(self.text, self.sample.must, refused=self.refused)

    @property
    def gold_cited(self) -> float:
        """The share of the relevant papers that the answer cites; a refusal cites none."""
        return 0.0 if self.refused else metrics.gold_cited(self.cited, self.sample.relevant)


def ask_all(
    answerer: Answerer,
    samples: Sequence[Sample],
    progress: Progress = lambda done, of: None,
    workers: int = 1,
) -> list[Row]:
    """A row a sample, in their order; one that fails is kept as failed.

    Only with one worker are the timings those of a question asked alone.
    """
    rows = []
    with ThreadPoolExecutor(workers) as pool:
        for done, row in enumerate(pool.map(partial(ask, answerer), samples), 1):
            rows.append(row)
            progress(done, len(samples))
    return accounted(rows, samples)


def ask(answerer: Answerer, sample: Sample) -> Row:
    """The row of one sample."""
    try:
        answer = answerer.ask(sample.question, history=sample.history).answer()
        found = answerer.search(answer.standalone_question, top_k=DEPTH).papers
    # Whatever breaks is counted, and the other questions are still asked.
    except Exception as error:
        return Row(sample, "pipeline_failed", error=f"{type(error).__name__}: {error}")
    return _row(sample, answer, [hit.paper.title for hit in found])


def _row(sample: Sample, answer: Answer, ranked: Iterable[str]) -> Row:
    labels = (sentence.verdict.label for sentence in answer.sentences)
    return Row(
        sample,
        "refused" if answer.refusal else "scored",
        standalone_question=answer.standalone_question,
        text=answer.text,
        refusal_kind=answer.refusal.kind if answer.refusal else "",
        ranked=tuple(ranked),
        cited=tuple(citation.title for citation in answer.citations),
        verdicts=tuple(label for label in labels if label != "not_a_claim"),
        timings_ms=dict(answer.timings_ms),
    )


def accounted(rows: list[Row], samples: Sequence[Sample]) -> list[Row]:
    """`rows`, once it is sure that each sample has exactly one, in a known state."""
    assert [row.sample.id for row in rows] == [sample.id for sample in samples]
    assert sum(states(rows).values()) == len(samples), "the states do not sum to n"
    return rows


def states(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows are in each state."""
    counts = Counter(row.state for row in rows)
    return {state: counts[state] for state in STATES}
