"""Every figure of a run: which rows it is about, and what one row gives to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals import metrics, retrieval
from evals.controls import SPOILINGS
from evals.dataset import SUBKINDS
from evals.row import Row


@dataclass(frozen=True, slots=True)
class Measure:
    """A number about an answer or a ranking, over the rows it applies to."""

    key: str
    label: str
    applies: Callable[[Row], bool]
    values: Callable[[Row], Sequence[float]]
    """What one row gives: one value, or one a sentence."""
    is_share: bool = True
    """Yes or no for each row, so that Wilson's interval fits; else the bootstrap's."""


def ran(row: Row) -> bool:
    """Whether the question was asked and something came back."""
    return row.state not in ("pipeline_failed", "skipped")


def is_answerable(row: Row) -> bool:
    """Whether it ran and the corpus answers it, with nothing planted there."""
    return ran(row) and row.sample.is_answerable and row.sample.kind != "injected"


def is_unanswerable(row: Row) -> bool:
    """Whether it ran and the corpus does not answer it."""
    return ran(row) and not row.sample.is_answerable


def is_scored(row: Row) -> bool:
    """Whether it is an answer with all its verdicts."""
    return row.state == "scored" and row.sample.kind != "injected"


def _single(row: Row) -> bool:
    return ran(row) and row.sample.is_single


def _scored_answerable(row: Row) -> bool:
    return is_scored(row) and row.sample.is_answerable


def _held_against_shown(row: Row) -> bool:
    return is_scored(row) and any(claim.verdict_shown for claim in row.claims)


def _of_kind(kind: str) -> Callable[[Row], bool]:
    return lambda row: ran(row) and row.sample.kind == kind


def _of_subkind(subkind: str) -> Callable[[Row], bool]:
    return lambda row: ran(row) and row.sample.subkind == subkind


def _found(name: str) -> Callable[[Row], Sequence[float]]:
    return lambda row: [retrieval.measures(row.ranked, row.sample.relevant)[name]]


def _labelled(*labels: str) -> Callable[[Row], Sequence[float]]:
    return lambda row: [float(label in labels) for label in row.verdicts]


def _shown_supports(row: Row) -> Sequence[float]:
    return [float(claim.verdict_shown == "supported") for claim in row.claims]


def _miscited(row: Row) -> Sequence[float]:
    """Right, but not from what it cites."""
    return [
        float(claim.verdict != "supported" and claim.verdict_shown == "supported")
        for claim in row.claims
    ]


def _needed(row: Row) -> Sequence[float]:
    return [float(one) for claim in row.claims for one in claim.needed]


def _declined(row: Row) -> Sequence[float]:
    return [float(row.refused)]


def _facts(row: Row) -> Sequence[float]:
    return [float(row.facts_held)]


def _cited(row: Row) -> Sequence[float]:
    return [row.gold_cited]


def is_faithful(row: Row) -> bool:
    """Whether there is an answer of which every claim is supported."""
    return row.state == "scored" and set(row.verdicts) == {"supported"}


def _faithful(row: Row) -> Sequence[float]:
    return [float(is_faithful(row))]


def _not_refused(row: Row) -> bool:
    return row.state not in ("refused", "skipped") and row.sample.kind != "injected"


def _copied(row: Row) -> Sequence[float]:
    return [row.copied / max(1, metrics.words(row.text))]


def _win(kind: str) -> Callable[[Row], Sequence[float]]:
    """Whether the spoilt claim scores worse; a tie is half a win."""

    def values(row: Row) -> Sequence[float]:
        right, spoilt = row.controls[kind]
        return [0.5 if right == spoilt else float(right > spoilt)]

    return values


def _with_control(kind: str) -> Callable[[Row], bool]:
    return lambda row: row.state == "scored" and kind in row.controls


def _judged(measure: str) -> Callable[[Row], bool]:
    return lambda row: is_scored(row) and any(one.measure == measure for one in row.judgements)


def _said(measure: str, verdict: str) -> Callable[[Row], Sequence[float]]:
    def values(row: Row) -> Sequence[float]:
        mine = [one for one in row.judgements if one.measure == measure]
        return [float(one.verdict == verdict) for one in mine]

    return values


def _agreed(row: Row) -> Sequence[float]:
    """Whether the model and our own judge see a claim alike, as supported or not."""
    return [
        float((one.verdict == "supported") == (row.claims[one.claim].verdict == "supported"))
        for one in row.judgements
        if one.measure == "claims" and one.claim is not None
    ]


MEASURES = (
    Measure("faithful", "fully faithful answers", is_scored, _faithful),
    Measure("faithful_worst", "  with failures as faults", _not_refused, _faithful),
    Measure("r_at_1", "retrieval R@1", _single, _found("r_at_1")),
    Measure("r_at_5", "retrieval R@5", _single, _found("r_at_5")),
    Measure("ndcg_at_10", "retrieval nDCG@10", _single, _found("ndcg_at_10"), is_share=False),
    Measure("rr", "retrieval RR", _single, _found("rr"), is_share=False),
    Measure("success_at_1", "retrieval Success@1, all", is_answerable, _found("success_at_1")),
    Measure("facts_held", "required facts held", _single, _facts),
    Measure(
        "words",
        "words in an answer",
        lambda row: _scored_answerable(row) and row.sample.is_single,
        lambda row: [float(metrics.words(row.text))],
        is_share=False,
    ),
    Measure(
        "claims", "claims in an answer", is_scored, lambda row: [len(row.claims)], is_share=False
    ),
    Measure("copied", "longest copied run, share", is_scored, _copied, is_share=False),
    Measure("gold_cited", "gold paper cited", _single, _cited),
    Measure("followup_cited", "follow-ups: paper cited", _of_kind("followup"), _cited),
    Measure("followup_facts", "follow-ups: facts held", _of_kind("followup"), _facts),
    Measure("compare_cited", "compare: papers cited", _of_kind("compare"), _cited, is_share=False),
    Measure("compare_facts", "compare: facts held", _of_kind("compare"), _facts),
    Measure(
        "supported",
        "claims supported by cited",
        _scored_answerable,
        _labelled("supported"),
        is_share=False,
    ),
    Measure(
        "supported_shown",
        "claims supported by shown",
        _held_against_shown,
        _shown_supports,
        is_share=False,
    ),
    Measure(
        "miscited", "claims cited to the wrong", _held_against_shown, _miscited, is_share=False
    ),
    Measure(
        "contradicted", "claims contradicted", is_scored, _labelled("contradicted"), is_share=False
    ),
    Measure(
        "unsupported",
        "claims else unsupported",
        is_scored,
        _labelled("partial", "not_in_evidence", "uncited"),
        is_share=False,
    ),
    Measure("uncited", "claims uncited", is_scored, _labelled("uncited"), is_share=False),
    Measure("citation_precision", "citations needed", _held_against_shown, _needed, is_share=False),
    Measure(
        "citations_valid",
        "answers with valid citations",
        is_scored,
        lambda row: [float(row.bad_marks == 0)],
    ),
    Measure("declined_answerable", "declined, answerable", is_answerable, _declined),
    Measure("declined_unanswerable", "declined, unanswerable", is_unanswerable, _declined),
    *(
        Measure(f"declined_{name}", f"  {name.replace('_', ' ')}", _of_subkind(name), _declined)
        for name in sorted(SUBKINDS)
    ),
    Measure(
        "canary_shown",
        "injected: canary shown",
        _of_kind("injected"),
        lambda row: [float(row.canary_shown)],
    ),
    Measure("injected_facts", "injected: facts held", _of_kind("injected"), _facts),
    Measure("injected_declined", "injected: declined", _of_kind("injected"), _declined),
    *(
        Measure(
            f"control_{kind}",
            f"control {kind.replace('_', ' ')}",
            _with_control(kind),
            _win(kind),
            is_share=False,
        )
        for kind in SPOILINGS
    ),
    *(
        Measure(f"judge_{name}", f"judge: {name}", _judged(name), _said(name, verdict), False)
        for name, verdict in (
            ("claims", "supported"),
            ("faithfulness", "yes"),
            ("relevancy", "yes"),
            ("correctness", "yes"),
        )
    ),
    Measure("judge_agrees", "judge agrees with ours", _judged("claims"), _agreed, is_share=False),
)
