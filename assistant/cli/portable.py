"""`assistant export` and `import`: the whole catalog as one portable file, and back."""

from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.asking import Yes, confirm
from assistant.cli.session import Session, verb
from assistant.errors import IndexMissing
from assistant.plural import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assistant.build import Assistant

File = Annotated[str, typer.Argument(metavar="FILE", hidden=True)]
Vectors = Annotated[
    bool, typer.Option("--vectors", help="With what was encoded, so that nothing need be again.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="In place of the papers that are there; asks before.")
]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    verb(
        app,
        "export",
        "assistant export papers.jsonl.gz",
        "assistant export --vectors papers.jsonl.gz",
        "assistant export - | sha256sum",
    )(export)
    verb(
        app,
        "import",
        "assistant import papers.jsonl.gz",
        "assistant import - < papers.jsonl",
    )(take)


def export(
    session: Session, file: File = "-", vectors: Vectors = False, as_json: options.Json = False
) -> int:
    """Writes the catalog as JSON Lines: papers, pages and every sighting; - is standard output.

    The same catalog always gives the same bytes. A name that ends in .gz packs it.
    """
    from assistant.upkeep.files import STANDARD, written
    from assistant.upkeep.portable import export as write
    from assistant.upkeep.snapshot import snapshot

    with session.open(indexed=False) as assistant:
        if not assistant.catalog.count():
            raise IndexMissing("the catalog holds no papers to export: run `assistant index`")
        path = assistant.catalog.path
    with snapshot(path) as still, written(file) as target:
        counts = write(still, target, vectors=vectors)
    if as_json and file != STANDARD:
        session.print_json({"file": file, "rows": counts})
    else:
        session.note(_told(counts))
    return 0


def take(
    session: Session,
    file: File,
    replace: Replace = False,
    yes: Yes = False,
    as_json: options.Json = False,
) -> int:
    """Takes in a catalog that `assistant export` wrote; - is standard input.

    The catalog must be empty, or be replaced. What was not exported with its vectors is encoded.
    """
    from assistant.cli.progress import showing
    from assistant.records import report_record
    from assistant.upkeep.files import lines

    with session.open(indexed=False, new=True) as assistant:
        if replace:
            _ask(session, assistant, yes=yes)
        with showing(session, "Importing") as progress:
            report = assistant.take(lines(file), file, replace=replace, progress=progress)
    if as_json:
        session.print_json(report_record(report))
    else:
        papers, texts = counted(report.papers, "paper"), counted(report.encoded, "text")
        session.out.put(f"{papers}, {texts} newly embedded")
    return 0


def _ask(session: Session, assistant: "Assistant", *, yes: bool) -> None:
    if papers := assistant.catalog.count():
        confirm(session, f"Put the file's papers in place of the {papers:,} there?", yes=yes)


def _told(counts: "Mapping[str, int]") -> str:
    return ", ".join(f"{number:,} {table}" for table, number in counts.items() if number)
