"""`assistant remove`: papers out of the corpus, and back into it."""

from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.asking import Yes, confirm
from assistant.cli.session import Session, verb
from assistant.errors import UsageError
from assistant.plural import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assistant.build import Assistant
    from assistant.indexer import IndexReport

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", hidden=True)]
Undo = Annotated[bool, typer.Option("--undo", help="Put back what was removed.")]
_MOST_NAMED = 20


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "remove",
        "assistant remove 3f9a1c",
        "assistant remove 3f9a1c 7db53a --yes",
        "assistant remove --undo 3f9a1c",
    )(remove)


def remove(
    session: Session,
    ids: Ids = None,
    undo: Undo = False,
    yes: Yes = False,
    as_json: options.Json = False,
) -> int:
    """Takes papers out of the corpus, whatever pages they stand on, and asks before.

    ID is a paper's id, or how it begins. A page that is read again does not bring the paper back;
    --undo does, and encodes nothing.
    """
    from assistant.records import report_record

    ids = ids or []
    if not ids and not undo:
        raise UsageError("no paper is named: give the ids that `assistant search` lists")
    with session.open(indexed=False) as assistant:
        report = _put_back(assistant, ids) if undo else _remove(session, assistant, ids, yes)
    if as_json:
        session.print_json(report_record(report))
    else:
        done = f"{report.added:,} put back" if undo else f"{report.removed:,} removed"
        session.out.put(f"{done}, {counted(report.papers, 'paper')} left")
    return 0


def _remove(
    session: Session, assistant: "Assistant", ids: "Sequence[str]", yes: bool
) -> "IndexReport":
    papers = {one.paper_id: one.title for one in map(assistant.catalog.paper, ids)}
    show_papers(session, papers)
    them = "this paper" if len(papers) == 1 else f"these {len(papers):,} papers"
    confirm(session, f"Remove {them}?", yes=yes)
    report = assistant.remove(list(papers))
    session.note(f"Back with: assistant remove --undo {' '.join(list(papers)[:_MOST_NAMED])}")
    return report


def _put_back(assistant: "Assistant", ids: "Sequence[str]") -> "IndexReport":
    from assistant.removed import removed_named

    # Where none is named, the error names those that may be.
    named = dict(removed_named(assistant.catalog, one) for one in ids or [""])
    return assistant.put_back(list(named))


def show_papers(session: Session, titles: "Mapping[str, str]") -> None:
    """Says on standard error which papers are meant: at most so many by name."""
    for paper_id, title in list(titles.items())[:_MOST_NAMED]:
        session.note(f"  {paper_id}  {title}")
    if len(titles) > _MOST_NAMED:
        session.note(f"  and {len(titles) - _MOST_NAMED:,} more")
