"""`assistant index`: pages into the catalog and the index."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assistant.indexer import IndexReport

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", hidden=True),
]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="Build the index anew; nothing is embedded twice.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at a record that cannot be read; change nothing.")
]
Prune = Annotated[bool, typer.Option("--prune", help="Forget pages that are there no longer.")]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "index",
        "assistant index",
        "assistant index my-papers/ refs.bib -v",
        "assistant index 'exports/*.ris.gz' --strict",
        "zcat feed.gz | assistant index -",
    )(index)


def index(
    session: Session,
    paths: Paths = None,
    rebuild: Rebuild = False,
    prune: Prune = False,
    strict: Strict = False,
    as_json: options.Json = False,
) -> int:
    """Reads pages of abstracts; only what changed is embedded again.

    PATH is a file, a folder, a pattern such as '*.bib', or - for standard input: listings saved as
    text or HTML, JSON Lines (arXiv, Semantic Scholar, OpenAlex or your own), JSON, CSV, BibTeX, RIS
    or Atom, each also as .gz or .zst. Without one, the configured corpus is read.
    """
    from assistant.cli.progress import showing
    from assistant.records import report_record

    _check(paths or [])
    with session.open(indexed=False) as assistant, showing(session, "Indexing") as progress:
        report = assistant.index(
            paths or None,
            rebuild=rebuild,
            prune=prune,
            strict=strict,
            # Whoever wants to read the notes wants those of unchanged pages too.
            reread=session.verbose,
            progress=progress,
        )
    if as_json:
        session.print_json(report_record(report))
        return 0
    _show(session, report)
    session.note('Next: assistant ask "…"')
    return 0


def _check(paths: "Iterable[Path]") -> None:
    from assistant.corpus.sources import is_given

    for path in paths:
        if not is_given(path):
            raise UsageError(f"{path}: no such file or folder: give the page's path")


def _show(session: Session, report: "IndexReport") -> None:
    put = session.out.put
    put(f"{report.pages:,} pages read, {report.pages_unchanged:,} of them unchanged")
    put(f"{report.listings:,} listings, {report.papers:,} papers: {_changes(report)}")
    put(f"{report.chunks:,} chunks, {report.encoded:,} newly embedded, {report.seconds:.1f} s")
    if session.verbose:
        for page, note in report.notes:
            session.err.put((f"{page}:{note.line}: {note.kind}: {note.text}", "dim"))
    elif report.notes:
        count = len(report.notes)
        session.note(f"{count:,} notes on what was merged, skipped or cleaned: -v shows them")


def _changes(report: "IndexReport") -> str:
    gone = f", {report.pages_removed:,} pages gone" if report.pages_removed else ""
    return f"{report.added:,} added, {report.changed:,} changed, {report.removed:,} removed{gone}"
