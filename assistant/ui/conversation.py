"""A conversation as the page keeps it: in the session while it goes on, in the browser after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from assistant.clean import at_entry
from assistant.errors import UsageError
from assistant.records import QUESTION_LIMIT, Record
from assistant.restored import answer_of, paper_ids
from assistant.schema import Answer, Filters, Turn

MOST_TURNS = 100
_REMEMBERED = 8
_LONGEST_NAME = 300


class Asked(NamedTuple):
    """How a question was asked, so that it can be asked so again."""

    since: str | None = None
    until: str | None = None
    page: str | None = None
    top_k: int | None = None
    model: str | None = None
    without: tuple[str, ...] = ()
    as_of: str | None = None
    corpus: str | None = None
    fresh: bool = False
    """Whether the answer that was given before will not do."""

    @property
    def filters(self) -> Filters:
        """What of it chooses papers."""
        return Filters(
            since=self.since,
            until=self.until,
            page=self.page,
            without=self.without,
            as_of=self.as_of,
        )


AS_EVER = Asked()


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A question and what became of it: an answer's record, or a part of one, or an error."""

    question: str
    asked: Asked = AS_EVER
    record: Record | None = None
    partial: str = ""
    trouble: str = ""
    rating: str = ""


def history(turns: Sequence[ChatTurn]) -> list[Turn]:
    """What a follow-up may refer to."""
    answered = [turn.record for turn in turns if turn.record]
    return [Turn(one["question"], one["answer"]) for one in answered[-_REMEMBERED:]]


def answers(catalog: Any, turns: Sequence[ChatTurn]) -> list[Answer | None]:
    """The answer of each turn that has one, its papers as they are today."""
    wanted = [id_ for turn in turns if turn.record for id_ in paper_ids(turn.record)]
    papers = catalog.papers(list(dict.fromkeys(wanted)))
    return [answer_of(turn.record, papers) if turn.record else None for turn in turns]


def turns_of(given: object) -> list[ChatTurn]:
    """The turns that a browser kept; what it kept is not trusted to be ours."""
    if not isinstance(given, list) or len(given) > MOST_TURNS:
        raise UsageError("this conversation cannot be opened: start a new one")
    try:
        turns = [_turn(one) for one in given]
        for turn in turns:
            if turn.record:
                answer_of(turn.record, [])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UsageError("this conversation cannot be opened: start a new one") from None
    return turns


def _turn(one: Mapping[str, Any]) -> ChatTurn:
    question = str(one["question"])[:QUESTION_LIMIT]
    texts = (str(one[name]) for name in ("partial", "trouble", "rating"))
    return ChatTurn(question, _asked(one["asked"]), one["record"] or None, *texts)


def _asked(one: Mapping[str, Any]) -> Asked:
    return Asked(
        since=_text(one["since"]),
        until=_text(one["until"]),
        page=_text(one["page"]),
        top_k=None if one["top_k"] is None else int(one["top_k"]),
        model=_text(one["model"]),
        without=tuple(str(paper_id) for paper_id in one["without"]),
        # Conversations of earlier versions have neither.
        as_of=_text(one.get("as_of")),
        corpus=_text(one.get("corpus")),
    )


def corpus_of(turns: Sequence[ChatTurn]) -> str | None:
    """The corpus of a conversation: that of its first question."""
    return turns[0].asked.corpus if turns else None


def _text(value: object) -> str | None:
    return None if value is None else at_entry(str(value)[:_LONGEST_NAME]).text
