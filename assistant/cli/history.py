"""`assistant history`: what each run of the indexer did."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.plural import counted

if TYPE_CHECKING:
    from assistant.catalog import Run

Last = Annotated[int, typer.Option("--last", metavar="N", min=1, help="So many of the newest.")]
_DID = (
    ("added", "added"),
    ("changed", "updated"),
    ("removed", "removed"),
    ("merged", "merged"),
    ("encoded", "encoded"),
)


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "history", "assistant history", "assistant history --last 3 --json")(history)


def history(session: Session, last: Last = 20, as_json: options.Json = False) -> int:
    """Shows what each run did, the newest first: papers added, updated, removed, merged.

    Beside them, how many texts were encoded, and the seconds that it took.
    """
    with session.open(indexed=False) as assistant:
        records = [record_of(run) for run in assistant.catalog.runs()[:last]]
    for record in records:
        if as_json:
            session.print_json(record)
        else:
            session.out.put(_line(record))
    if not records:
        session.note("nothing was indexed yet: run `assistant index`")
    return 0


def record_of(run: "Run") -> dict[str, Any]:
    """A run as `history --json` prints it; one of an older version counted less."""
    counts = {word: run.report.get(name, 0) for name, word in _DID}
    return {
        "finished": run.finished,
        "kind": run.report.get("kind", "index"),
        **counts,
        "papers": run.report.get("papers", 0),
        "seconds": run.report.get("seconds", 0.0),
    }


def _line(record: dict[str, Any]) -> str:
    did = [f"{record[word]:,} {word}" for _, word in _DID if record[word]]
    what = f"{record['kind']}: {', '.join(did) or 'nothing changed'}"
    papers = counted(record["papers"], "paper")
    return f"{record['finished']}  {what}; {papers}, {record['seconds']:.1f} s"
