"""What every route has, and the blocking work that routes hand in."""

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant.api.turns import Turns
from assistant.api.wrong import Journal
from assistant.schema import Answer, Sentence

if TYPE_CHECKING:
    from assistant.build import Assistant


class Served(NamedTuple):
    """An assistant at its address."""

    assistant: "Assistant"
    turns: Turns
    journal: Journal


def over(assistant: "Assistant", corpus: str | None) -> "Assistant":
    """The assistant over the corpus that a request names; the usual one where it names none."""
    return assistant if corpus is None else assistant.corpus(corpus)


def answering(
    assistant: "Assistant", question: str, **options: Any
) -> Generator[str | Answer, None, None]:
    """The pieces of an answer's text, and then the answer."""
    with closing(assistant.ask(question, **options)) as stream:
        yield from stream
        yield stream.answer()


def judging(
    assistant: "Assistant", question: str, **options: Any
) -> Generator[str | Sentence | Answer, None, None]:
    """The same, and among the pieces each sentence of a model as soon as it is judged."""
    with closing(assistant.ask(question, **options)) as stream:
        yield from stream.parts()
        yield stream.answer()
