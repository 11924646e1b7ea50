"""One sample -> its row: from the cache where it was made before, else asked and judged now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant.config import EMBEDDED
from assistant.records import plain
from assistant.schema import Paper, Usage
from evals.cache import Cache, key_of
from evals.cost import Budget
from evals.dataset import Sample, as_row
from evals.judging import Judging
from evals.llm_judge import judged
from evals.planning import Plan
from evals.row import Judgement, Row, as_json, from_json
from evals.rows import Asking, ask
from evals.store import SCHEMA

_SPENT = "the limit of --max-usd is reached"
_DECIDES = ("answerer", "models", "receipt", "code", "fitted", "settings", "seed")


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is asked, and the papers there by the titles of the dataset."""

    asking: Asking
    papers: Mapping[str, Paper]


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that turns samples into rows; called from many threads."""

    plain: Desk
    planted: Desk | None
    about: Mapping[str, Any]
    cache: Cache
    budget: Budget
    plan: Plan
    judging: Judging

    def __call__(self, sample: Sample) -> Row:
        """The row of one sample."""
        desk = self.planted if sample.plant and self.planted else self.plain
        row = self._answered(desk, sample)
        return self._judged(desk, row) if row.state == "scored" and self.judging.llm else row

    def _answered(self, desk: Desk, sample: Sample) -> Row:
        made_with = {name: self.about[name] for name in _DECIDES}
        key = key_of("answer", SCHEMA, as_row(sample), made_with, self.judging.is_local)
        if kept := self.cache.get(key):
            row = from_json(kept["row"], kept["timings_ms"])
            # The same words may stand in two sets.
            return replace(row, sample=sample)
        model = self.plan.answerer
        reserved = self.budget.reserve(model, self.plan.of_answer(sample))
        if reserved is None:
            return Row(sample, "skipped", error=_SPENT)
        row = ask(desk.asking, sample)
        # What broke may have been paid for, and nobody can tell how much.
        used = row.usage if row.state != "pipeline_failed" else self.plan.of_answer(sample)
        self.budget.settle(model, reserved, Usage() if model == EMBEDDED else used)
        if row.state in ("scored", "refused"):
            self.cache.put(key, {"row": as_json(row), "timings_ms": plain(row.timings_ms)})
        return row

    def _judged(self, desk: Desk, row: Row) -> Row:
        said = (row.text, plain(row.claims), row.shown, row.cited, row.standalone_question)
        read = [(t, desk.papers[t].abstract) for t in sorted(row.shown) if t in desk.papers]
        key = key_of("judge", SCHEMA, self.judging.id, row.sample.reference, said, read)
        if kept := self.cache.get(key):
            judgements = tuple(Judgement(**one) for one in kept["judgements"])
            return replace(row, judgements=judgements, judge_usage=Usage(**kept["usage"]))
        assert self.judging.llm, "only a model is asked here"
        model, expected = self.judging.llm.model, self.plan.of_judging(row)
        reserved = self.budget.reserve(model, expected)
        if reserved is None:
            return replace(row, state="skipped", error=f"answered, not judged: {_SPENT}")
        row = judged(row, desk.papers, self.judging.judges, self.judging.llm)
        self.budget.settle(model, reserved, row.judge_usage)
        if row.state == "scored":
            kept = {"judgements": plain(row.judgements), "usage": plain(row.judge_usage)}
            self.cache.put(key, kept)
        return row
