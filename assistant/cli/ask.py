"""`assistant ask`: a question into a streamed, cited and verified answer."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import typer

from assistant.cli import options
from assistant.cli.session import Session, question_of, verb
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.cli.screen import Screen
    from assistant.schema import Answer, Sentence
    from assistant.stream import AnswerStream


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "ask",
        'assistant ask "How does S-LoRA serve thousands of adapters?"',
        'assistant ask "Which papers shrink diffusion models?" --since 2021 --json',
        "assistant ask --file questions.jsonl --json > answers.jsonl",
    )(ask)


def ask(
    session: Session,
    question: options.Words = None,
    file: options.Rows = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
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
    """Answers a question; every sentence is cited and verified.

    QUESTION may be -, to read it from standard input.
    """
    from assistant.records import answer_record

    chosen = options.filters(since, until, year, page, as_of)
    flags = {"answer.model": model, "answer.base_url": base_url, **options.cache(no_cache)}
    if file:
        return _ask_rows(session, alone(file, question), as_json, strict, flags, chosen, top_k)
    text = question_of(question)
    with session.open(flags) as assistant:
        stream = assistant.ask(text, filters=chosen, top_k=top_k)
        answer = stream.answer() if as_json else _show(session, stream)
    if as_json:
        session.print_json(answer_record(answer))
    return 3 if _declined(answer, strict) else 0


def show_stream(session: Session, stream: "AnswerStream") -> "Answer":
    """Shows the answer's text as it comes; says so where it breaks off before its end.

    On a terminal a sentence that is not borne out is marked as soon as that is known.
    """
    from assistant.cli.answers import show_doubt
    from assistant.cli.screen import Flow

    flow, heard = Flow(session.out), ""
    # The doubts that are left when the text ends stand in the list that follows it.
    doubts: list[Sentence] = []
    try:
        for part in _waited(session, stream):
            if not isinstance(part, str):
                doubts += [part] if session.out.is_terminal else []
                continue
            while doubts:
                show_doubt(flow, doubts.pop(0))
            flow.feed(part)
            heard += part
        flow.end()
        answer = stream.answer()
    except BaseException:
        if flow.started:
            flow.end()
            session.out.put(("⚠ stopped here: this answer is partial, and not verified", "yellow"))
        raise
    if not answer.refused and heard.split() != answer.text.split():
        session.out.gap()
        session.out.put((_what_changed(heard, answer), "bold"))
        session.out.put(answer.text)
    return answer


def _what_changed(heard: str, answer: "Answer") -> str:
    from assistant.citations import without_marks

    if answer.struck:
        return "The same, without what no source bears out:"
    if without_marks(heard) == without_marks(answer.text):
        return "The same, with the sources found:"
    return "Asked again, since the sources bore out too little of it:"


def summary(answer: "Answer") -> str:
    """One line on what made the answer and what it took."""
    from assistant.marks import tally

    usage, seconds = answer.usage, sum(answer.timings_ms.values()) / 1000
    if total := answer.timings_ms.get("total"):
        seconds = total / 1000
    tokens = f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
    if answer.cached:
        tokens = "given before"
    checked = [] if answer.refused else [tally(answer.sentences)]
    return " · ".join([*checked, answer.model, tokens, f"{seconds:.1f} s"])


def alone(file: str, words: object) -> str:
    """The file, or an error where a question stands beside it."""
    if words:
        raise UsageError("give a question or --file, not both")
    return file


def _show(session: Session, stream: "AnswerStream") -> "Answer":
    from assistant.cli.answers import show_answer

    streamed = session.out.is_terminal
    answer = show_stream(session, stream) if streamed else stream.answer()
    show_answer(session.out, answer, streamed=streamed)
    if session.out.is_terminal or session.verbose:
        session.note(f"\n{summary(answer)}")
    if session.verbose:
        session.note(f"made by {answer.receipt}")
    if answer.refused:
        session.note("`assistant search` lists the papers there are; `assistant index` adds more")
    return answer


def _waited(session: Session, stream: "AnswerStream") -> Iterable["str | Sentence"]:
    """The parts, with a sign of life until the first."""
    parts = stream.parts()
    quiet = session.quiet or not session.err.is_terminal
    with nullcontext() if quiet else session.err.console.status("reading …"):
        first = next(parts, "")
    yield first
    yield from parts


def _declined(answer: "Answer", strict: bool) -> bool:
    from assistant.records import fully_supported

    return answer.refused or (strict and not fully_supported(answer.sentences))


def _ask_rows(
    session: Session,
    file: str,
    as_json: bool,
    strict: bool,
    flags: Mapping[str, object],
    chosen: Any,
    top_k: int | None,
) -> int:
    from assistant.cli.answers import show_answer
    from assistant.cli.rows import Done, Row, work_through
    from assistant.records import answer_record, question_row

    with session.open(flags) as assistant:

        def work(raw: Row) -> Done:
            row = question_row(raw)
            stream = assistant.ask(row.question, history=row.history, filters=chosen, top_k=top_k)
            answer = stream.answer()

            def show() -> None:
                heading(session.out, row.id, row.question)
                show_answer(session.out, answer)

            return Done(answer_record(answer, row.id), show, _declined(answer, strict))

        return work_through(session, file, as_json, work)


def heading(screen: "Screen", id: object, text: str) -> None:
    """Prints what a block of output is about."""
    name = "" if id is None else f"{id}: "
    screen.put((f"# {name}{text}", "bold"))
