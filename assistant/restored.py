"""An answer's JSON record -> the answer again, as far as the record holds it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from assistant.errors import UsageError
from assistant.schema import (
    Answer,
    Citation,
    Evidence,
    Paper,
    Reason,
    Receipt,
    Refusal,
    RefusalKind,
    ScoredPaper,
    Sentence,
    Usage,
    Verdict,
    VerdictLabel,
)

_LABELS = frozenset(get_args(VerdictLabel))
_KINDS = frozenset(get_args(RefusalKind))


def answer_of(record: Mapping[str, Any], papers: Iterable[Paper]) -> Answer:
    """What `records.answer_record` made the record of; a paper not among `papers` has no abstract.

    A record comes from a browser or a file: one of another shape is a `UsageError`.
    """
    known = {paper.paper_id: paper for paper in papers}
    try:
        return _answer(record, known)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(f"this is no record of an answer ({error!r}): ask again") from None


def paper_ids(record: Mapping[str, Any]) -> list[str]:
    """The papers that a record names, each once."""
    refusal = record.get("refusal") or {}
    hits = [*(record.get("papers") or ()), *(refusal.get("nearest") or ())]
    return list(dict.fromkeys(str(hit["paper_id"]) for hit in hits if "paper_id" in hit))


def _answer(record: Mapping[str, Any], known: Mapping[str, Paper]) -> Answer:
    return Answer(
        question=str(record["question"]),
        standalone_question=str(record["standalone_question"]),
        text=str(record["answer"]),
        sentences=tuple(_sentence(one, known) for one in record["sentences"]),
        citations=tuple(_citation(one) for one in record["citations"]),
        papers=tuple(_hit(one, known) for one in record["papers"]),
        refusal=_refusal(record["refusal"], known),
        model=str(record["model"]),
        usage=Usage(*(int(record["usage"][name]) for name in Usage._fields)),
        timings_ms={str(name): float(ms) for name, ms in record["timings_ms"].items()},
        receipt=Receipt(*(str(record["receipt"][name]) for name in Receipt._fields)),
        struck=tuple(
            _sentence({**one, "citations": []}, known) for one in record.get("struck", ())
        ),
        trouble=str(record.get("trouble", "")),
    )


def _sentence(one: Mapping[str, Any], known: Mapping[str, Paper]) -> Sentence:
    label = one["verdict"]
    if label not in _LABELS:
        raise ValueError(f"verdict {label!r}")
    verdict = Verdict(
        cast(VerdictLabel, label),
        float(one["score"]),
        _evidence(one["evidence"], known),
        str(one["reason"]),
    )
    return Sentence(str(one["text"]), tuple(int(n) for n in one["citations"]), verdict)


def _evidence(one: Mapping[str, Any] | None, known: Mapping[str, Paper]) -> Evidence | None:
    if one is None:
        return None
    found = Evidence(str(one["paper_id"]), str(one["quote"]), int(one["start"]), int(one["end"]))
    paper = known.get(found.paper_id)
    if paper and paper.abstract[found.start : found.end] != found.quote:
        # The abstract has changed since; the place means nothing any more.
        start = paper.abstract.find(found.quote)
        return Evidence(found.paper_id, found.quote, start, start + len(found.quote))
    return found


def _citation(one: Mapping[str, Any]) -> Citation:
    url = one["url"]
    return Citation(
        int(one["number"]),
        str(one["paper_id"]),
        str(one["title"]),
        str(one["quote"]),
        None if url is None else str(url),
    )


def _hit(one: Mapping[str, Any], known: Mapping[str, Paper]) -> ScoredPaper:
    paper_id, reasons = str(one["paper_id"]), one["reasons"]
    return ScoredPaper(
        known.get(paper_id) or Paper(paper_id, str(one["title"]), ""),
        rank=int(one["rank"]),
        score=float(one["score"]),
        dense=_reason(reasons["dense"]),
        lexical=_reason(reasons["lexical"]),
    )


def _reason(one: Mapping[str, Any] | None) -> Reason | None:
    return None if one is None else Reason(int(one["rank"]), float(one["score"]))


def _refusal(one: Mapping[str, Any] | None, known: Mapping[str, Paper]) -> Refusal | None:
    if one is None:
        return None
    if one["kind"] not in _KINDS:
        raise ValueError(f"refusal {one['kind']!r}")
    nearest = tuple(_hit(hit, known) for hit in one["nearest"])
    told = _evidence(one.get("evidence"), known)
    return Refusal(cast(RefusalKind, one["kind"]), str(one["reason"]), nearest, told)
