import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from stub_assistant import HIT, PAPER, answer, sentence

from assistant.errors import UsageError
from assistant.records import answer_record, dumps
from assistant.restored import answer_of, paper_ids
from assistant.schema import Answer, Paper, Refusal, Usage

ANSWERED = answer(
    "Q?", sentence("It does [1]."), sentence("It is 3 times.", "contradicted", 0.1, "not 3")
)
REFUSED = answer("Q?", refusal=Refusal("not_stated", "The abstract does not say.", (HIT,)))


def record_of(given: Answer) -> Any:
    return json.loads(dumps(answer_record(given)))


@pytest.mark.parametrize("given", [ANSWERED, REFUSED], ids=["answered", "refused"])
def test_an_answer_comes_back_from_its_record(given: Answer) -> None:
    back = answer_of(record_of(given), [PAPER])
    assert back == replace(given, timings_ms={"retrieve": 3.1, "total": 10.0})


def test_a_paper_that_is_gone_keeps_its_title() -> None:
    (hit,) = answer_of(record_of(ANSWERED), []).papers
    assert hit.paper == Paper(PAPER.paper_id, PAPER.title, "")


def test_a_span_follows_its_words_when_the_abstract_has_changed() -> None:
    longer = replace(PAPER, abstract=f"Note. {PAPER.abstract}")
    evidence = answer_of(record_of(ANSWERED), [longer]).sentences[0].verdict.evidence
    assert evidence is not None
    assert longer.abstract[evidence.start : evidence.end] == evidence.quote


def test_a_record_names_its_papers_once() -> None:
    assert paper_ids(record_of(ANSWERED)) == [PAPER.paper_id]
    assert paper_ids(record_of(REFUSED)) == [PAPER.paper_id]


def without(record: dict[str, Any], *path: Any) -> Any:
    record = copy.deepcopy(record)
    inner = record
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = None
    return record


@pytest.mark.parametrize(
    "path",
    [
        ("sentences",),
        ("papers",),
        ("usage",),
        ("sentences", 0, "verdict"),
        ("sentences", 0, "score"),
        ("citations", 0, "number"),
        ("papers", 0, "reasons"),
    ],
)
def test_what_is_no_record_is_said_in_one_line(path: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="no record of an answer"):
        answer_of(without(record_of(ANSWERED), *path), [PAPER])


def test_a_kind_of_refusal_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no record"):
        answer_of(without(record_of(REFUSED), "refusal", "kind"), [PAPER])


@pytest.mark.parametrize(
    "changed",
    [{"timings_ms": {"total": 10**400}}, {"usage": dict.fromkeys(Usage._fields, 1e999)}],
    ids=["float", "int"],
)
def test_a_number_that_is_too_large_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no record of an answer"):
        answer_of({**record_of(ANSWERED), **changed}, [PAPER])
