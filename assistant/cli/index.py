"""`assistant index`: pages into the catalog and the index."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.errors import AssistantError, Locked, UsageError
from assistant.plural import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from assistant.build import Assistant
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
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and stop there.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Go on, and index again whenever a file changes.")
]
_MOST_NAMED = 20


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "index",
        "assistant index",
        "assistant index my-papers/ refs.bib -v",
        "assistant index 'exports/*.ris.gz' --strict",
        "zcat feed.gz | assistant index -",
        "assistant index --prune --dry-run",
        "assistant index my-papers/ --watch",
    )(index)


def index(
    session: Session,
    paths: Paths = None,
    rebuild: Rebuild = False,
    prune: Prune = False,
    strict: Strict = False,
    dry_run: DryRun = False,
    watch: Watch = False,
    as_json: options.Json = False,
) -> int:
    """Reads pages of abstracts; only what changed is embedded again.

    PATH is a file, a folder, a pattern such as '*.bib', or - for standard input: listings saved as
    text or HTML, JSON Lines (arXiv, Semantic Scholar, OpenAlex or your own), JSON, CSV, BibTeX, RIS
    or Atom, each also as .gz or .zst. Without one, the configured corpus is read.
    """
    if dry_run and (watch or rebuild):
        raise UsageError("--dry-run changes nothing: leave out --watch and --rebuild")
    if watch and Path("-") in (paths or []):
        raise UsageError("standard input is read once: name a file or a folder to --watch")
    _check(paths or [])
    with session.open(indexed=False, new=not dry_run) as assistant:
        run = _Run(session, assistant, paths, rebuild, prune, strict, as_json)
        if dry_run:
            run.preview()
            return 0
        run.take_in()
        if watch:
            run.follow()
    if not as_json:
        session.note('Next: assistant ask "…"')
    return 0


@contextmanager
def _telling_how_to_go_on(session: Session) -> "Iterator[None]":
    """Where somebody stops it, say that what is done is kept."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        session.note("\nStopped. What is done is kept: run the same again to go on.")
        raise


class _Run(NamedTuple):
    """What is indexed, and how it is told."""

    session: Session
    assistant: "Assistant"
    paths: list[Path] | None
    rebuild: bool
    prune: bool
    strict: bool
    as_json: bool

    def preview(self) -> None:
        """Says what indexing would change."""
        report = self.assistant.preview(self.paths or None, prune=self.prune)
        if self.as_json:
            from assistant.records import report_record

            self.session.print_json({**report_record(report), "dry_run": True})
            return
        _show_gone(self.session.out.put, report)
        _show_found(self.session, report)
        self.session.note("nothing was changed: leave out --dry-run to do it")

    def take_in(self) -> None:
        """Indexes, and says what was done; what is pruned is named before."""
        from assistant.cli.progress import showing

        if self.prune:
            _show_gone(self.session.note, self.assistant.preview(self.paths or None, prune=True))
        with showing(self.session, "Indexing") as progress, _telling_how_to_go_on(self.session):
            report = self.assistant.index(
                self.paths or None,
                rebuild=self.rebuild,
                prune=self.prune,
                strict=self.strict,
                # Whoever wants to read the notes wants those of unchanged pages too.
                reread=self.session.verbose,
                progress=progress,
            )
        self._tell(report)

    def follow(self) -> None:
        """Indexes again whenever a file has changed; a fault is told, and the next change waits."""
        from assistant.upkeep.following import changes

        again, waiting = self._replace(rebuild=False), False
        self.session.note("following the files; Ctrl-C ends")
        for changed in changes(self.paths or self.assistant.sources()):
            if not (changed or waiting):
                continue
            try:
                again.take_in()
                waiting = False
            except AssistantError as error:
                # Whoever else is writing will be done some time; a file may be half written.
                if not (waiting and isinstance(error, Locked)):
                    self.session.err.put(f"error: {error}")
                waiting = isinstance(error, Locked)

    def _tell(self, report: "IndexReport") -> None:
        from assistant.records import report_record

        if self.as_json:
            self.session.print_json(report_record(report))
        else:
            _show(self.session, report)


def _check(paths: "Iterable[Path]") -> None:
    from assistant.corpus.sources import is_given

    for path in paths:
        if not is_given(path):
            raise UsageError(f"{path}: no such file or folder: give the page's path")


def _show(session: Session, report: "IndexReport") -> None:
    _show_found(session, report)
    session.out.put(
        f"{report.chunks:,} chunks, {report.encoded:,} newly embedded, {report.seconds:.1f} s"
    )
    if session.verbose:
        for page, note in report.notes:
            session.err.put((f"{page}:{note.line}: {note.kind}: {note.text}", "dim"))
    elif report.notes:
        notes = counted(len(report.notes), "note")
        session.note(f"{notes} on what was merged, skipped or cleaned: -v shows them")


def _show_found(session: Session, report: "IndexReport") -> None:
    put = session.out.put
    if report.kind == "rebuild":
        put(f"made anew of the catalog: {counted(report.papers, 'paper')}")
        return
    put(f"{counted(report.pages, 'page')} read, {report.pages_unchanged:,} of them unchanged")
    listings = counted(report.listings, "listing")
    put(f"{listings}, {counted(report.papers, 'paper')}: {_changes(report)}")


def _show_gone(put: "Callable[[str], None]", report: "IndexReport") -> None:
    """Names the pages that go, and the papers that stand on no other page."""
    pages = [f"page {page}" for page in report.pages_gone]
    papers = [f"paper {paper_id}  {title}" for paper_id, title in report.papers_gone]
    for named in (pages, papers):
        for one in named[:_MOST_NAMED]:
            put(f"goes: {one}")
        if len(named) > _MOST_NAMED:
            put(f"goes: {len(named) - _MOST_NAMED:,} more")


def _changes(report: "IndexReport") -> str:
    gone = f", {counted(report.pages_removed, 'page')} gone" if report.pages_removed else ""
    return f"{report.added:,} added, {report.changed:,} changed, {report.removed:,} removed{gone}"
