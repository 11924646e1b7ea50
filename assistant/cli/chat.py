"""`assistant chat`: questions that may refer to what was said before."""

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.build import Assistant
    from assistant.schema import Answer, Filters, Turn

_REMEMBERED = 20
_HELP = {
    "/sources": "show the last answer's sources again",
    "/clear": "forget what was said",
    "/help": "show these words",
    "/quit": "leave, as Ctrl-D does",
}


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "chat", "assistant chat", "assistant chat --since 2022 --model gpt-5-mini")(chat)


def chat(
    session: Session,
    since: options.Since = None,
    until: options.Until = None,
    year: options.Year = None,
    page: options.Page = None,
    as_of: options.AsOf = None,
    top_k: options.TopK = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    no_cache: options.NoCache = False,
) -> int:
    """Answers in a conversation; /sources /clear /help /quit."""
    chosen = options.filters(since, until, year, page, as_of)
    flags = {"answer.model": model, "answer.base_url": base_url, **options.cache(no_cache)}
    with session.open(flags) as assistant:
        talk = _Talk(session, assistant, chosen, top_k)
        session.note(f"{assistant.catalog.count()} papers. Ask, or type /help.")
        while (line := _read_line()) is not None:
            if talk.hears(line.strip()) == "/quit":
                break
    return 0


class _Talk:
    """What was said so far, and what to do with the next line."""

    def __init__(
        self, session: Session, assistant: "Assistant", filters: "Filters", top_k: int | None
    ) -> None:
        self._session, self._assistant = session, assistant
        self._filters, self._top_k = filters, top_k
        self._history: list[Turn] = []
        self._last: Answer | None = None

    def hears(self, line: str) -> str:
        """Answers a line, or does what a word with a slash says; gives that word back."""
        if line.startswith("/"):
            self._obey(line)
        elif line:
            self._try_answering(line)
        return line

    def _obey(self, word: str) -> None:
        from assistant.cli.answers import show_sources

        if word == "/sources" and self._last:
            show_sources(self._session.out, self._last)
        elif word == "/clear":
            self._history.clear()
            self._session.note("Forgotten.")
        elif word == "/help":
            for name, meaning in _HELP.items():
                self._session.note(f"{name:<10}{meaning}")
        elif word == "/sources":
            self._session.note("No answer yet.")
        elif word != "/quit":
            near = get_close_matches(word, _HELP, 1)
            self._session.err.put(f"{word}: did you mean {near[0] if near else '/help'}?")

    def _try_answering(self, question: str) -> None:
        try:
            self._answer(question)
        except KeyboardInterrupt:
            # The answer is stopped, not the conversation; what came is marked partial.
            self._session.note("\nStopped. Ask on, or /quit.")
        # A server that is busy, or a question too long, ends one turn and no more.
        except AssistantError as error:
            self._session.err.put(f"error: {error}")

    def _answer(self, question: str) -> None:
        from assistant.cli.answers import show_answer
        from assistant.cli.ask import show_stream, summary
        from assistant.records import check_question
        from assistant.schema import Turn

        stream = self._assistant.ask(
            check_question(question),
            history=tuple(self._history[-_REMEMBERED:]),
            filters=self._filters,
            top_k=self._top_k,
        )
        self._last = show_stream(self._session, stream)
        show_answer(self._session.out, self._last, streamed=True)
        self._history.append(Turn(question, self._last.text))
        self._session.note(f"\n{summary(self._last)}\n")
        self._session.tell(self._last.trouble)


def _read_line() -> str | None:
    """The next line, or None at the end; a prompt only where a person types."""
    if not sys.stdin.isatty():
        return sys.stdin.readline() or None
    import readline  # noqa: F401  # gives input() its history and its editing keys

    try:
        return input("› ")
    except EOFError:
        return None
