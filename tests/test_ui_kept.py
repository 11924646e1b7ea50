"""What a browser kept is opened only where it is a conversation, and shows no more than one."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from stub_assistant import PAPER, answer, sentence

from assistant.errors import UsageError
from assistant.records import QUESTION_LIMIT, answer_record, dumps
from assistant.restored import answer_of
from assistant.ui.conversation import MOST_TURNS, turns_of
from assistant.ui.sources import sources_html

LIMITS = {"since": None, "until": None, "page": None, "top_k": None, "model": None, "without": []}
RECORD: Mapping[str, Any] = json.loads(dumps(answer_record(answer("Q?", sentence("It does [1].")))))


def kept(**changed: Any) -> dict[str, Any]:
    """A turn as a browser keeps it."""
    turn = {"question": "Q?", "asked": LIMITS, "record": RECORD}
    return {**turn, "partial": "", "trouble": "", "rating": "", **changed}


def test_a_conversation_that_the_page_kept_is_opened() -> None:
    (turn,) = turns_of([kept()])
    assert turn.record == RECORD
    (unanswered,) = turns_of([kept(record=None)])
    assert unanswered.record is None


@pytest.mark.parametrize(
    "record",
    [
        "text",
        [1],
        7,
        {"question": "Q?"},
        # Where the page looks for papers, before it looks at anything else.
        {**RECORD, "papers": 5},
        {**RECORD, "papers": [5]},
        {**RECORD, "refusal": {"nearest": [5]}},
        {**RECORD, "citations": [{**RECORD["citations"][0], "number": 1e999}]},
        {**RECORD, "timings_ms": {"total": 10**400}},
        {**RECORD, "sentences": [{**RECORD["sentences"][0], "verdict": "proven"}]},
    ],
    ids=lambda one: str(one)[-40:],
)
def test_a_record_that_is_none_is_refused_when_it_is_opened(record: object) -> None:
    with pytest.raises(UsageError):
        turns_of([kept(record=record)])


@pytest.mark.parametrize(
    "given",
    [
        "text",
        {"turns": []},
        [5],
        ["text"],
        [{}],
        [kept(asked=[])],
        [kept(asked={**LIMITS, "top_k": "many"})],
        [kept(asked={**LIMITS, "top_k": 1e999})],
        [kept(asked={**LIMITS, "without": 5})],
        [kept(record=None)] * (MOST_TURNS + 1),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_is_no_conversation_is_refused_in_a_sentence(given: object) -> None:
    with pytest.raises(UsageError, match="cannot be opened: start a new one"):
        turns_of(given)


def test_a_question_that_a_browser_kept_is_cut() -> None:
    (turn,) = turns_of([kept(question="x" * 3 * QUESTION_LIMIT)])
    assert len(turn.question) == QUESTION_LIMIT


@pytest.mark.parametrize("quote", ["", "What no abstract says."])
def test_a_quote_that_is_not_in_the_abstract_marks_nothing_there(quote: str) -> None:
    first = RECORD["sentences"][0]
    forged = {**first, "evidence": {**first["evidence"], "quote": quote, "start": 0, "end": 20}}
    back = answer_of({**RECORD, "sentences": [forged]}, [PAPER])
    assert "<mark>" not in sources_html(back, 0)
    whole = replace(back, sentences=answer_of(RECORD, [PAPER]).sentences)
    assert "<mark>" in sources_html(whole, 0)
