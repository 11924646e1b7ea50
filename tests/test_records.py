import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_assistant import HIT, PAPER, answer, sentence

import assistant.records as records
from assistant.errors import UsageError
from assistant.records import (
    QUESTION_LIMIT,
    Source,
    answer_record,
    check_question,
    check_text,
    claim_row,
    dumps,
    fully_supported,
    paper_record,
    question_row,
    report_record,
    search_record,
    verify_record,
)
from assistant.schema import Refusal, Turn

HIT_RECORD = {
    "paper_id": "0123456789ab",
    "title": "LoRA: Low-Rank Adaptation",
    "score": 0.91,
    "rank": 1,
    "reasons": {
        "dense": {"rank": 1, "score": 0.8},
        "lexical": {"rank": 2, "score": 7.5},
    },
}
EVIDENCE = {
    "paper_id": "0123456789ab",
    "quote": "LoRA freezes the weights.",
    "start": 0,
    "end": 25,
}


def test_an_answer_has_the_shape_that_others_rely_on() -> None:
    assert answer_record(answer("Q?", sentence("It does [1].", score=1 / 3)), "q1") == {
        "id": "q1",
        "question": "Q?",
        "standalone_question": "Q?",
        "answer": "It does [1].",
        "sentences": [
            {
                "text": "It does [1].",
                "citations": [1],
                "verdict": "supported",
                "score": 0.3333,
                "reason": "",
                "evidence": EVIDENCE,
            }
        ],
        "citations": [
            {
                "number": 1,
                "paper_id": "0123456789ab",
                "title": "LoRA: Low-Rank Adaptation",
                "quote": "LoRA freezes the weights.",
                "url": "https://example.org/lora",
            }
        ],
        "papers": [HIT_RECORD],
        "refused": False,
        "refusal": None,
        "model": "embedded",
        "usage": {"prompt_tokens": 12, "completion_tokens": 34, "requests": 0},
        "timings_ms": {"retrieve": 3.1, "total": 10.0},
        "receipt": {"corpus": "c", "prompts": "p", "encoder": "e", "version": "0.1.0"},
    }


def test_a_refusal_carries_its_kind_its_reason_and_the_nearest() -> None:
    record = answer_record(answer("Q?", refusal=Refusal("not_in_corpus", "Nothing.", (HIT,))))
    assert record["refused"] is True
    assert record["refusal"] == {
        "kind": "not_in_corpus",
        "reason": "Nothing.",
        "nearest": [HIT_RECORD],
    }
    assert record["sentences"] == record["citations"] == []


def test_a_hit_of_one_engine_has_no_reason_of_the_other() -> None:
    record = search_record("Q?", [dataclasses.replace(HIT, lexical=None)], 3)
    assert (record["id"], record["question"]) == (3, "Q?")
    assert record["papers"][0]["reasons"]["lexical"] is None


def test_a_verdict_without_evidence_says_null() -> None:
    record = verify_record([sentence("It.", "not_in_evidence", float("nan"))], "c")
    assert record == {
        "id": "c",
        "sentences": [
            {
                "text": "It.",
                "verdict": "not_in_evidence",
                "score": 0.0,
                "reason": "",
                "evidence": None,
            }
        ],
    }


def test_a_paper_carries_its_sightings() -> None:
    record = paper_record(PAPER)
    assert record["extra"] == {"venue": "ICLR"}
    assert record["authors"] == []
    assert record["sightings"][0]["page"] == "page-1.txt"
    assert record["sightings"][0]["date"] == "2021-06"


def test_numbers_of_numpy_are_numbers_of_json() -> None:
    hit = dataclasses.replace(HIT, score=float(np.float32(0.1)))
    assert json.loads(dumps(search_record("Q?", [hit])))["papers"][0]["score"] == 0.1


def test_a_report_is_its_own_fields_in_json_s_types() -> None:
    @dataclasses.dataclass
    class Report:
        pages: tuple[Source, ...]
        path: Path
        seconds: float
        kinds: frozenset[str]
        removed: dict[str, int]
        notes: tuple[tuple[str, Source], ...]

    notes = (("p.txt", Source("t", "a")),)
    report = Report((Source("t", "a"),), Path("/p"), 1.23456, frozenset({"x"}), {"bidi": 1}, notes)
    assert report_record(report) == {
        "pages": [{"title": "t", "abstract": "a"}],
        "path": "/p",
        "seconds": 1.2346,
        "kinds": ["x"],
        "removed": {"bidi": 1},
        "notes": [{"page": "p.txt", "title": "t", "abstract": "a"}],
    }


@given(st.text(st.characters()))
def test_any_text_is_one_line_of_utf8(text: str) -> None:
    line = dumps({"text": text + "\ud800\n"})
    assert "\n" not in line
    line.encode("utf-8")
    json.loads(line)


def test_every_script_is_readable_as_it_is() -> None:
    assert dumps({"title": "Überblick 概要"}) == '{"title": "Überblick 概要"}'


def test_a_question_row_leaves_other_keys_alone() -> None:
    row = question_row({"id": 1, "question": " Q? ", "gold": [], "history": None})
    assert (row.id, row.question, row.history) == (1, "Q?", ())
    turns = [{"user": "u", "assistant": ""}]
    assert question_row({"question": "Q?", "history": turns}).history == (Turn("u", ""),)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"question": None},
        {"question": ["Q?"]},
        {"question": "Q?", "history": "u"},
        {"question": "Q?", "history": ["u"]},
        {"question": "Q?", "history": [{"user": "u"}]},
    ],
)
def test_a_question_row_that_is_none_says_what_is_missing(row: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match='": '):
        question_row(row)


def test_a_claim_row_may_bring_its_sources() -> None:
    assert claim_row({"id": 1, "claim": "C."}).sources is None
    sources = [{"title": "T", "abstract": "A.", "year": 2021}]
    assert claim_row({"claim": "C.", "sources": sources}).sources == (Source("T", "A."),)
    assert claim_row({"claim": "C.", "sources": []}).sources == ()
    with pytest.raises(UsageError, match='"abstract" is missing'):
        claim_row({"claim": "C.", "sources": [{"title": "T"}]})


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_nothing_is_no_question(text: str) -> None:
    with pytest.raises(UsageError, match="is empty"):
        check_question(text)


def test_limits_are_named() -> None:
    assert check_question("x" * QUESTION_LIMIT)
    with pytest.raises(UsageError, match="10,001 characters: shorten it to 10,000"):
        check_question("x" * (QUESTION_LIMIT + 1))
    with pytest.raises(UsageError, match="200,001 characters"):
        check_text("x" * (records.TEXT_LIMIT + 1))


@pytest.mark.parametrize(
    ("labels", "supported"),
    [
        (["supported"], True),
        (["supported", "not_a_claim"], True),
        (["supported", "partial"], False),
        (["not_a_claim"], False),
        ([], False),
    ],
)
def test_fully_supported_wants_a_claim_and_every_claim(labels: list[str], supported: bool) -> None:
    assert fully_supported([sentence("x", label) for label in labels]) is supported
