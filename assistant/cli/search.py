"""`assistant search`: papers, without an answer."""

from typing import TYPE_CHECKING

import typer

from assistant.cli import options
from assistant.cli.session import Session, question_of, verb

if TYPE_CHECKING:
    from assistant.build import Assistant
    from assistant.schema import Filters

_TOP = 10


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "search",
        'assistant search "diffusion models for video editing"',
        'assistant search "pose estimation" --year 2022 --top-k 3 --json',
    )(search)


def search(
    session: Session,
    question: options.Words = None,
    file: options.Rows = None,
    as_json: options.Json = False,
    since: options.Since = None,
    until: options.Until = None,
    year: options.Year = None,
    page: options.Page = None,
    as_of: options.AsOf = None,
    top_k: options.TopK = None,
) -> int:
    """Ranks the papers nearest to a question, without an answer.

    QUESTION may be -, to read it from standard input.
    """
    from assistant.cli.answers import show_hits
    from assistant.cli.ask import alone
    from assistant.records import search_record

    chosen = options.filters(since, until, year, page, as_of)
    if file:
        alone(file, question)
        with session.open() as assistant:
            return _search_rows(session, assistant, file, as_json, chosen, top_k or _TOP)
    text = question_of(question)
    with session.open() as assistant:
        _, papers, trouble = assistant.search(text, filters=chosen, top_k=top_k or _TOP)
    if as_json:
        session.print_json(search_record(text, papers, trouble=trouble))
    elif papers:
        show_hits(session.out, papers, whole=session.verbose)
    else:
        session.note("no paper passes: widen --since, --until, --year, --as-of or --page")
    return 0


def _search_rows(
    session: Session,
    assistant: "Assistant",
    file: str,
    as_json: bool,
    chosen: "Filters",
    top_k: int,
) -> int:
    from assistant.cli.answers import show_hits
    from assistant.cli.ask import heading
    from assistant.cli.rows import Done, Row, work_through
    from assistant.records import question_row, search_record

    def work(raw: Row) -> Done:
        row = question_row(raw)
        _, papers, trouble = assistant.search(row.question, filters=chosen, top_k=top_k)

        def view() -> None:
            heading(session.out, row.id, row.question)
            show_hits(session.out, papers)

        return Done(search_record(row.question, papers, row.id, trouble), view)

    return work_through(session, file, as_json, work)
