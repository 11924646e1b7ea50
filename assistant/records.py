"""Our values as JSON records, and input rows as values: the shapes that other programs rely on."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from assistant.clean import at_entry, for_json
from assistant.errors import UsageError
from assistant.identifiers import identifiers, links
from assistant.schema import (
    Answer,
    Citation,
    Evidence,
    Paper,
    Reason,
    Refusal,
    ScoredPaper,
    Sentence,
    Sighting,
    Turn,
)

Record = dict[str, Any]

QUESTION_LIMIT = 10_000
"""Characters; no question about abstracts needs more."""
TEXT_LIMIT = 200_000
"""Characters of a text to verify."""
_NOTHING_TO_CHECK = frozenset({"supported", "not_a_claim"})


class Source(NamedTuple):
    """A paper that comes with the claim, and not from the corpus."""

    title: str
    abstract: str


class QuestionRow(NamedTuple):
    """One line of `ask --file` or `search --file`."""

    id: Any
    question: str
    history: tuple[Turn, ...] = ()


class ClaimRow(NamedTuple):
    """One line of `verify --file`; without sources the corpus is searched."""

    id: Any
    claim: str
    sources: tuple[Source, ...] | None = None


def dumps(record: Mapping[str, Any]) -> str:
    """One line of JSON, every script readable as it is, and nothing hidden in it."""
    return for_json(json.dumps(record, ensure_ascii=False))


def answer_record(answer: Answer, id: Any = None) -> Record:
    """What `ask --json` prints."""
    return {
        "id": id,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "answer": answer.text,
        "sentences": [sentence_record(sentence) for sentence in answer.sentences],
        "citations": [_citation(citation) for citation in answer.citations],
        "papers": [_hit(paper) for paper in answer.papers],
        "refused": answer.refused,
        "refusal": _refusal(answer.refusal),
        "model": answer.model,
        "usage": {**answer.usage._asdict(), **({"cached": True} if answer.cached else {})},
        "timings_ms": {name: _number(ms, 1) for name, ms in answer.timings_ms.items()},
        "receipt": answer.receipt._asdict(),
        # Where nothing was, the record is what it was before anything could be.
        **({"struck": [_struck(one) for one in answer.struck]} if answer.struck else {}),
        **_trouble(answer.trouble),
    }


def sentence_record(sentence: Sentence) -> Record:
    """One sentence of an answer, with its citations and its verdict."""
    return {"text": sentence.text, "citations": list(sentence.citations), **_verdict(sentence)}


def _struck(sentence: Sentence) -> Record:
    return {"text": sentence.text, **_verdict(sentence)}


def _trouble(said: str) -> Record:
    return {"trouble": said} if said else {}


def search_record(
    question: str, papers: Iterable[ScoredPaper], id: Any = None, trouble: str = ""
) -> Record:
    """What `search --json` prints."""
    found = [_hit(paper) for paper in papers]
    return {"id": id, "question": question, "papers": found, **_trouble(trouble)}


def verify_record(sentences: Iterable[Sentence], id: Any = None, trouble: str = "") -> Record:
    """What `verify --json` prints."""
    checked = [{"text": one.text, **_verdict(one)} for one in sentences]
    return {"id": id, "sentences": checked, **_trouble(trouble)}


def paper_record(paper: Paper) -> Record:
    """What `show --json` prints."""
    return {
        "paper_id": paper.paper_id,
        **_bibliography(paper),
        "sightings": [
            {
                "page": sighting.page,
                "position": sighting.position,
                "line": sighting.line,
                **_bibliography(sighting),
            }
            for sighting in paper.sightings
        ],
    }


def report_record(report: Any) -> Record:
    """What `index --json` prints: the report's own fields, each note beside its page."""
    notes = [{"page": page, **plain(note)} for page, note in report.notes]
    return {**plain(report), "notes": notes}


def plain(value: Any) -> Any:
    """A value of ours, however nested, in JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return _number(value)
    return str(value) if isinstance(value, Path) else value


def question_row(row: Mapping[str, Any]) -> QuestionRow:
    """A question and its history out of a line of input; other keys are left alone."""
    question = check_question(_text(row, "question"))
    turns = _list(row, "history")
    history = tuple(Turn(_text(turn, "user"), _text(turn, "assistant")) for turn in turns)
    return QuestionRow(row.get("id"), question, history)


def claim_row(row: Mapping[str, Any]) -> ClaimRow:
    """A claim and its sources out of a line of input; other keys are left alone."""
    claim = check_text(_text(row, "claim"))
    if row.get("sources") is None:
        return ClaimRow(row.get("id"), claim)
    sources = (Source(_text(one, "title"), _text(one, "abstract")) for one in _list(row, "sources"))
    return ClaimRow(row.get("id"), claim, tuple(sources))


def check_question(question: str) -> str:
    """The question, cleaned and without space round it, or an error where it cannot be used."""
    return _check("question", question, QUESTION_LIMIT)


def check_text(text: str) -> str:
    """The text, cleaned and without space round it, or an error where it cannot be verified."""
    return _check("text", text, TEXT_LIMIT)


def check_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """What was said before, cleaned."""
    return tuple(
        Turn(*(at_entry(said, keep_lines=True).text for said in (turn.user, turn.assistant)))
        for turn in turns
    )


def fully_supported(sentences: Sequence[Sentence]) -> bool:
    """Whether there is a claim, and every claim is supported: what --strict asks."""
    labels = {sentence.verdict.label for sentence in sentences}
    return "supported" in labels and labels <= _NOTHING_TO_CHECK


def _check(what: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise UsageError(f"the {what} has {len(text):,} characters: shorten it to {limit:,}")
    text = at_entry(text, keep_lines=True).text.strip()
    if not text:
        raise UsageError(f"the {what} is empty: write one, or give - to read standard input")
    return text


def _text(row: Any, key: str) -> str:
    value = row.get(key) if isinstance(row, Mapping) else None
    if not isinstance(value, str):
        raise UsageError(f'"{key}" is missing or no text: give it as {{"{key}": "…"}}')
    return value


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    value = row.get(key) or []
    if not isinstance(value, list):
        raise UsageError(f'"{key}" is no list: give it as {{"{key}": […]}}')
    return value


def _verdict(sentence: Sentence) -> Record:
    verdict = sentence.verdict
    return {
        "verdict": verdict.label,
        "score": _number(verdict.score),
        "reason": verdict.reason,
        "evidence": _evidence(verdict.evidence),
    }


def _evidence(evidence: Evidence | None) -> Record | None:
    return None if evidence is None else plain(evidence)


def _citation(citation: Citation) -> Record:
    return {
        "number": citation.number,
        "paper_id": citation.paper_id,
        "title": citation.title,
        "quote": citation.quote,
        "url": citation.url,
    }


def _hit(hit: ScoredPaper) -> Record:
    return {
        "paper_id": hit.paper.paper_id,
        "title": hit.paper.title,
        "score": _number(hit.score),
        "rank": hit.rank,
        "reasons": {"dense": _reason(hit.dense), "lexical": _reason(hit.lexical)},
    }


def _reason(reason: Reason | None) -> Record | None:
    return None if reason is None else {"rank": reason.rank, "score": _number(reason.score)}


def _refusal(refusal: Refusal | None) -> Record | None:
    if refusal is None:
        return None
    nearest = [_hit(paper) for paper in refusal.nearest]
    told = {"evidence": _evidence(refusal.evidence)} if refusal.evidence else {}
    return {"kind": refusal.kind, "reason": refusal.reason, "nearest": nearest, **told}


def _bibliography(seen: Paper | Sighting) -> Record:
    return {
        "title": seen.title,
        "abstract": seen.abstract,
        "date": seen.date,
        "year_inferred": seen.year_inferred,
        "author_count": seen.author_count,
        "authors": list(seen.authors),
        "url": seen.url,
        "identifiers": identifiers(seen),
        "links": links(seen),
        "extra": dict(seen.extra),
    }


def _number(value: float, digits: int = 4) -> float:
    # numpy's floats are no JSON, and JSON has no NaN.
    return round(float(value), digits) if math.isfinite(value) else 0.0
