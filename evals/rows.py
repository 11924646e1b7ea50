"""Samples -> rows, one each, in their order."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import get_args

from assistant.errors import AssistantError
from assistant.schema import Answer, Filters, Paper, ScoredPaper, Sentence, VerdictLabel
from evals import copying
from evals.controls import controls
from evals.dataset import Sample
from evals.local_judge import Holds, held_against_shown, needed
from evals.parts import Answerer
from evals.row import STATES, Claim, Judgement, Row, State

__all__ = ["DEPTH", "STATES", "Claim", "Judgement", "Row", "State", "ask", "ask_all"]

DEPTH = 10
"""So many papers are searched for the retrieval measures."""
Progress = Callable[[int, int], None]
_MARK = re.compile(r"\[(\d+)\]")
_LABELS = frozenset(get_args(VerdictLabel)) - {"not_a_claim"}


class Miscounted(AssistantError):
    """Rows and samples do not match one to one: no figure of such a run means anything."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is asked, who holds the answers against the abstracts, and what is put aside."""

    answerer: Answerer
    judge: Holds | None = None
    aside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the id of a sample: the ids of the papers that must not be found for it."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Titles that were changed, and what the dataset calls these papers."""
    seed: int = 0

    def title(self, paper: Paper) -> str:
        """What the dataset calls a paper."""
        return self.titles.get(paper.title, paper.title)


def ask_all(
    answerer: Answerer,
    samples: Sequence[Sample],
    progress: Progress = lambda done, of: None,
    workers: int = 1,
    *,
    judge: Holds | None = None,
    aside: Mapping[str, tuple[str, ...]] | None = None,
    seed: int = 0,
) -> list[Row]:
    """A row a sample, in their order; one that fails is kept as failed.

    Only with one worker are the timings those of a question asked alone.
    """
    asking, rows = Asking(answerer, judge, aside or {}, seed=seed), []
    for done, row in enumerate(in_order(lambda one: ask(asking, one), samples, workers), 1):
        rows.append(row)
        progress(done, len(samples))
    return accounted(rows, samples)


def in_order(
    work: Callable[[Sample], Row], samples: Sequence[Sample], workers: int
) -> Iterator[Row]:
    """The row of each sample, so many at once; who stops listening stops the work."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(work, samples)
    finally:
        pool.shutdown(cancel_futures=True)


def ask(asking: Asking, sample: Sample) -> Row:
    """The row of one sample."""
    try:
        row, papers = _asked(asking, sample)
    # Whatever breaks is counted, and the other questions are still asked.
    except Exception as error:
        return Row(sample, "pipeline_failed", error=f"{type(error).__name__}: {error}")
    if row.refused:
        return row
    try:
        return _held(row, papers, asking.judge, asking.seed) if asking.judge else _clear(row)
    except Exception as error:
        return replace(row, state="judge_failed", error=f"{type(error).__name__}: {error}")


def _asked(asking: Asking, sample: Sample) -> tuple[Row, dict[str, Paper]]:
    if (sample.without or sample.plant) and sample.id not in asking.aside:
        raise ValueError("nobody said which papers are put aside for it")
    filters = Filters(without=asking.aside.get(sample.id, ()))
    answer = asking.answerer.ask(sample.question, history=sample.history, filters=filters).answer()
    found = asking.answerer.search(answer.standalone_question, filters=filters, top_k=DEPTH).papers
    papers = {asking.title(hit.paper): hit.paper for hit in answer.papers}
    return _row(asking, sample, answer, found), papers


def _clear(row: Row) -> Row:
    """The row, once it is sure that every verdict is one."""
    for claim in row.claims:
        labels = {claim.verdict, claim.verdict_shown} - {""}
        if not labels <= _LABELS or not all(map(_is_score, (claim.score, claim.score_shown))):
            raise ValueError(f"{sorted(labels)} with {claim.score} is no verdict")
    return row


def _is_score(number: float) -> bool:
    return 0.0 <= number <= 1.0


def _row(asking: Asking, sample: Sample, answer: Answer, found: Iterable[ScoredPaper]) -> Row:
    papers = [hit.paper for hit in answer.papers]
    return Row(
        sample,
        "refused" if answer.refusal else "scored",
        model=answer.model,
        standalone_question=answer.standalone_question,
        text=answer.text,
        refusal_kind=answer.refusal.kind if answer.refusal else "",
        ranked=tuple(asking.title(hit.paper) for hit in found),
        shown=tuple(map(asking.title, papers)),
        cited=tuple(asking.titles.get(one.title, one.title) for one in answer.citations),
        bad_marks=_bad_marks(answer, papers),
        copied=copying.longest_run(answer.text, [paper.abstract for paper in papers]),
        claims=tuple(_claims(asking, answer)),
        usage=answer.usage,
        timings_ms=dict(answer.timings_ms),
    )


def _bad_marks(answer: Answer, papers: Iterable[Paper]) -> int:
    shown = {paper.paper_id for paper in papers}
    numbers = {one.number for one in answer.citations if one.paper_id in shown}
    return sum(int(mark) not in numbers for mark in _MARK.findall(answer.text))


def _claims(asking: Asking, answer: Answer) -> Iterator[Claim]:
    titles = {hit.paper.paper_id: asking.title(hit.paper) for hit in answer.papers}
    cited = {one.number: titles.get(one.paper_id, one.title) for one in answer.citations}
    for sentence in answer.sentences:
        if sentence.verdict.label != "not_a_claim":
            yield _claim(sentence, cited, titles)


def _claim(sentence: Sentence, cited: Mapping[int, str], titles: Mapping[str, str]) -> Claim:
    verdict = sentence.verdict
    evidence = verdict.evidence
    return Claim(
        text=sentence.text,
        verdict=verdict.label,
        score=round(float(verdict.score), 4),
        cited=tuple(cited[number] for number in sentence.citations if number in cited),
        quote=evidence.quote if evidence else "",
        source=titles.get(evidence.paper_id, "") if evidence else "",
        reason=verdict.reason,
    )


def _held(row: Row, papers: Mapping[str, Paper], judge: Holds, seed: int) -> Row:
    """The row with each claim held against all that was shown, and with its controls."""
    claims = []
    for claim in row.claims:
        cited = [papers[title] for title in claim.cited if title in papers]
        label, score = held_against_shown(claim, list(papers.values()), judge)
        claims.append(
            claim._replace(
                verdict_shown=label,
                score_shown=round(score, 4),
                needed=needed(claim, cited, judge),
            )
        )
    found = controls(f"{seed}:{row.id}", claims, papers, judge)
    return _clear(replace(row, claims=tuple(claims), controls=found))


def accounted(rows: Sequence[Row], samples: Sequence[Sample]) -> list[Row]:
    """`rows`, once it is sure that each sample has exactly one, in a known state."""
    mine, theirs = [row.id for row in rows], [sample.id for sample in samples]
    if mine != theirs:
        wrong = next((f"{a!r} for {b!r}" for a, b in zip(mine, theirs, strict=False) if a != b), "")
        raise Miscounted(f"{len(mine)} rows for {len(theirs)} questions {wrong}".strip())
    if len(set(mine)) != len(mine):
        raise Miscounted("two questions have one id: make the ids unique")
    if sum(states(rows).values()) != len(samples):
        odd = sorted({row.state for row in rows} - set(STATES))
        raise Miscounted(f"the states do not sum to n = {len(samples)}: {', '.join(odd)}")
    return list(rows)


def states(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows are in each state."""
    counts = Counter(row.state for row in rows)
    return {state: counts[state] for state in STATES}
