"""Sets of questions -> a run: each row asked or taken from the cache, judged, and accounted for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assistant.build import Assistant
from assistant.catalog import Catalog
from assistant.config import EMBEDDED
from assistant.schema import Usage
from evals import checks, report
from evals.about import about
from evals.cache import Cache
from evals.cases import cases
from evals.cost import Budget, Prices, preview, total
from evals.dataset import FITTED, Sample, load
from evals.folds import fold_of, grouped, splits
from evals.judging import Judging
from evals.local_judge import LocalJudge
from evals.parts import opened, taken_apart
from evals.planning import Plan
from evals.planted import planted
from evals.row import Row
from evals.rows import Asking, Progress, accounted, ask_all, in_order
from evals.store import JOURNAL, Run, save_run
from evals.work import Desk, Work

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made; the defaults ask the embedded answerer and pay nobody."""

    data_folder: Path | None = None
    out: Path | None = None
    cache: Path | None = None
    """A file for what is done, shared with other runs; else `out` has one of its own."""
    model: str | None = None
    base_url: str | None = None
    judge: str = "local"
    """local, model or both."""
    judge_model: str | None = None
    judge_base_url: str | None = None
    cross_validate: bool = False
    workers: int = 1
    seed: int = 0
    prices: Prices = field(default_factory=Prices)
    max_usd: float | None = None
    preview: bool = False
    """Only say what it would take."""
    config: Path | None = None


def run(
    samples: Sequence[Sample],
    options: Options | None = None,
    progress: Progress = lambda done, of: None,
    tell: Tell = lambda text: None,
) -> Run | None:
    """What came of asking `samples`; kept in a folder where the options name one.

    None where no more than a preview was wanted.
    """
    options = options or Options()
    with opened(options.data_folder, options.model, options.base_url, options.config) as assistant:
        refuse_faults(samples, assistant.catalog)
        if options.cross_validate:
            rows = cross_validated(assistant, samples, progress)
            made_with = about(assistant, samples, seed=options.seed, models="cross-validated")
            return _finished(rows, made_with, options)
        judging = Judging.of(assistant, options.judge, options.judge_model, options.judge_base_url)
        parts = (planned := Plan(assistant, judging)).parts(samples, options.prices)
        if parts:
            tell(preview(parts))
        budget = Budget(options.max_usd, options.prices, planned.models)
        if options.preview:
            return None
        return _asked(assistant, samples, options, progress, judging, planned, budget)


def refuse_faults(samples: Sequence[Sample], catalog: Catalog) -> None:
    """Raise where a sample does not fit the corpus."""
    checks.refuse_faults(samples, {paper.title: paper.abstract for paper in catalog.papers()})


def _asked(
    assistant: Assistant,
    samples: Sequence[Sample],
    options: Options,
    progress: Progress,
    judging: Judging,
    planned: Plan,
    budget: Budget,
) -> Run:
    made_with = about(
        assistant,
        samples,
        seed=options.seed,
        judges=judging.names,
        judge_model=judging.llm.model if judging.llm else "",
    )
    path = options.cache or (options.out / JOURNAL if options.out else None)
    with desks(assistant, samples, judging, options.seed) as (here, there), Cache(path) as cache:
        work = Work(here, there, made_with, cache, budget, planned, judging)
        rows = []
        for done, row in enumerate(in_order(work, samples, options.workers), 1):
            rows.append(row)
            progress(done, len(samples))
        return _finished(accounted(rows, samples), made_with, options, cache.hits)


@contextmanager
def desks(
    assistant: Assistant, samples: Sequence[Sample], judging: Judging, seed: int = 0
) -> Iterator[tuple[Desk, Desk | None]]:
    """Who answers the questions, and who answers those with an instruction planted."""
    papers = {paper.title: paper for paper in assistant.catalog.papers()}
    aside = {
        one.id: tuple(papers[title].paper_id for title in one.without)
        for one in samples
        if one.without
    }
    asking = Asking(assistant, judging.local(assistant), aside, seed=seed)
    here = Desk(asking, papers)
    injected = [sample for sample in samples if sample.plant]
    if not injected:
        yield here, None
        return
    with planted(assistant, injected) as found:
        put_aside = {id_: (*ids, *aside.get(id_, ())) for id_, ids in found.aside.items()}
        other = found.assistant
        there = Asking(other, judging.local(other), put_aside, found.titles, seed)
        yield here, Desk(there, {there.title(one): one for one in other.catalog.papers()})


def cross_validated(
    assistant: Assistant,
    samples: Sequence[Sample],
    progress: Progress = lambda done, of: None,
) -> list[Row]:
    """Rows of questions about papers that neither fitted model has seen."""
    from evals.fitting import fit

    judge = LocalJudge.of(assistant)
    with taken_apart(assistant) as parts:
        found = cases(parts, _fitted_on(samples))
        wanted, asked = {sample.id for sample in samples}, dict[str, Row]()
        for train, test in splits(fold_of(grouped([case.papers for case in found]))):
            answerer = parts.pipeline(fit([found[place] for place in train]))
            mine = [one for place in test if (one := found[place].sample) and one.id in wanted]
            for row in ask_all(answerer, mine, judge=judge):
                asked[row.id] = row
            progress(len(asked), len(samples))
    return accounted([asked[sample.id] for sample in samples], samples)


def _fitted_on(samples: Sequence[Sample]) -> list[Sample]:
    """All that the shipped models were fitted on, where `samples` are of it; else themselves."""
    if {sample.set for sample in samples} <= set(FITTED):
        return load(FITTED)
    return list(samples)


def _finished(
    rows: Sequence[Row], made_with: Mapping[str, Any], options: Options, cached: int = 0
) -> Run:
    cost = {
        "answerer": _cost([row.usage for row in rows], made_with["answerer"], options.prices),
        "judge": _cost(
            [row.judge_usage for row in rows], made_with["judge"]["model"], options.prices
        ),
    }
    # With an address alone, the server's first model answered, and its name is known only now.
    if not made_with["answerer"]:
        named = next((row.model for row in rows if row.model), "")
        made_with = {**made_with, "answerer": named}
    done = Run(report.manifest(rows, made_with, cost), tuple(rows))
    if options.out:
        save_run(done, report.report(rows, made_with, options.seed), options.out, cached)
    return done


def _cost(usages: Sequence[Usage], model: str, prices: Prices) -> dict[str, Any]:
    usage = total(usages)
    price = prices.of(model)
    usd = price.of(usage) if price else None
    free = model in (EMBEDDED, "") and not usage.requests
    return {**usage._asdict(), "usd": 0.0 if free else None if usd is None else round(usd, 6)}


def without_plants(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that a cross-validation can ask: those that change no index."""
    return [replace(sample) for sample in samples if not (sample.plant or sample.without)]
