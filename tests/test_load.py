import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import load

RECORD: dict[str, Any] = {
    "question": "What is LoRA?",
    "answer": "It freezes weights. [1]",
    "citations": [{"number": 1}],
}


def faults(**changed: Any) -> list[str]:
    record = {**RECORD, **changed}
    return list(load._faults("What is LoRA?", load.Reply(record, RECORD["answer"], 0.1, 0.2)))


def test_a_reply_to_its_own_question_has_no_fault() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"question": "What is DARTS?"}, "the answer to 'What is DARTS?'"),
        ({"answer": "It thaws weights. [1]"}, "other text than its record's"),
        ({"citations": [{"number": 2}]}, "a citation that is not among its citations"),
    ],
)
def test_what_shows_that_answers_were_mixed_up_is_told(changed: dict[str, Any], told: str) -> None:
    assert told in faults(**changed)


def test_memory_that_grows_has_a_slope_and_steady_memory_has_none() -> None:
    growing = [(done, 300 + done / 100) for done in range(0, 2001, 20)]
    steady = [(done, 300.0) for done in range(0, 2001, 20)]
    assert load._memory(growing).endswith("320 MB at the end: +10.0 MB per 1,000 in the last half")
    assert load._memory(steady).endswith("300 MB at the end: +0.0 MB per 1,000 in the last half")


def test_the_questions_are_those_of_the_evals_each_once() -> None:
    questions = load._questions()
    assert len(questions) > 300
    assert len(set(questions)) == len(questions)
