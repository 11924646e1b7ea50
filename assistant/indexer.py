"""Pages -> the catalog, and from it the index; what is known already costs nothing again."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from filelock import FileLock, Timeout

from assistant import journal
from assistant.catalog import Catalog
from assistant.corpus import Note
from assistant.encoding import Encoding
from assistant.errors import Locked, StoreError
from assistant.gathering import Gathered, Tally, gather, merge_papers
from assistant.generation import (
    Generations,
    Index,
    Progress,
    Server,
    connected,
    open_index,
    refuse_mismatch,
)
from assistant.mirror import Mirror, lock
from assistant.readings import Readings
from assistant.removed import mark, removed, unmark
from assistant.schema import Encoder, Paper
from assistant.store import Store

__all__ = ["Index", "IndexReport", "Indexer", "Progress", "Server", "open_index"]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run of the indexer read, found and did."""

    pages: int = 0
    pages_unchanged: int = 0
    pages_removed: int = 0
    listings: int = 0
    papers: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    merged: int = 0
    """Listings of changed pages that were one paper with another listing."""
    chunks: int = 0
    encoded: int = 0
    seconds: float = 0.0
    generation: str = ""
    kind: str = "index"
    """What was asked for: "index", "rebuild", "remove", "put back", "import" or "restore"; "follow"
    takes over what another machine changed, "stopped" is a run that did not come to its end."""
    pages_gone: tuple[str, ...] = ()
    """The pages that were pruned."""
    papers_gone: tuple[tuple[str, str], ...] = ()
    """Id and title of every paper that was removed."""
    notes: tuple[tuple[str, Note], ...] = ()
    """Each with the page it belongs to."""


_BEGUN = "begun"


class _NotKept(Exception):  # it is no error
    """Ends a transaction without its changes."""


def _quiet(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


class Indexer:
    """The one writer of a data folder."""

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        folder: Path,
        server: Server | None = None,
        readings: Readings | None = None,
    ) -> None:
        self._catalog = catalog
        self._encoder = encoder
        self._folder = folder
        self._server = server
        self._readings = readings
        self._mirror: Mirror | None = None

    def index(
        self,
        paths: Sequence[Path | str],
        progress: Progress = _quiet,
        *,
        prune: bool = False,
        rebuild: bool = False,
        strict: bool = False,
        reread: bool = False,
    ) -> IndexReport:
        """Take in these pages, and make the index anew where it must be.

        `prune` drops the pages that are not among them; `rebuild` allows another encoder; `strict`
        makes an error of a record that cannot be read; `reread` tells the notes on unchanged pages
        again.
        """
        started = monotonic()
        if not rebuild:
            refuse_mismatch(self._catalog, self._encoder.identity)
        with writing(self._folder), self._sharing():
            with self._catalog.transaction():
                got = gather(
                    self._catalog,
                    paths,
                    prune=prune,
                    strict=strict,
                    reread=reread,
                    without=removed(self._catalog),
                    shared=self._server is not None,
                    progress=progress,
                )
                report = replace(_report(got), papers=self._catalog.count())
                self._catalog.set_meta(_BEGUN, json.dumps(_record(report)))
            return self._finish(report, started, progress, afresh=rebuild)

    def preview(self, paths: Sequence[Path | str], *, prune: bool = False) -> IndexReport:
        """What `index` would find and change; nothing is kept."""
        report = IndexReport()
        with suppress(_NotKept), self._catalog.transaction():
            out = removed(self._catalog)
            report = _report(gather(self._catalog, paths, prune=prune, without=out))
            raise _NotKept
        return replace(report, papers=self._catalog.count() + report.added - report.removed)

    def rebuild(self, progress: Progress = _quiet) -> IndexReport:
        """Make the index anew out of the catalog alone."""
        with writing(self._folder):
            return self.finish(IndexReport(kind="rebuild"), progress)

    def finish(self, report: IndexReport, progress: Progress = _quiet) -> IndexReport:
        """Make the index anew, for who changed the catalog and holds the writer's lock."""
        with self._sharing():
            return self._finish(report, monotonic(), progress, afresh=True)

    def remove(self, paper_ids: Sequence[str]) -> IndexReport:
        """Take papers out, to stay out until they are put back; nothing is encoded."""
        started = monotonic()
        with writing(self._folder), self._sharing():
            with self._catalog.transaction():
                papers = self._catalog.papers(paper_ids)
                mark(self._catalog, papers)
                self._catalog.remove_papers(paper.paper_id for paper in papers)
            report = _removal(papers)
            return self._finish(report, started, _quiet, afresh=False)

    def put_back(self, paper_ids: Sequence[str], progress: Progress = _quiet) -> IndexReport:
        """Take in again what was removed, out of its sightings."""
        started = monotonic()
        with writing(self._folder), self._sharing():
            with self._catalog.transaction():
                unmark(self._catalog, paper_ids)
                report = _merged(merge_papers(self._catalog, paper_ids, removed(self._catalog)))
            return self._finish(replace(report, kind="put back"), started, progress, afresh=False)

    def follow(self, store: Store) -> bool:
        """Take over what another machine changed on the server; whether that was anything."""
        mirror = Mirror(self._catalog, store, self._encoder.identity)
        if not mirror.is_behind():
            return False
        with writing(self._folder):
            self._note_stopped()
            is_new = self._pull(mirror)
            self._generations().renew(_quiet)
        return is_new

    def _pull(self, mirror: Mirror) -> bool:
        """Take over what others changed, as a run of its own; whether that was anything."""
        started = monotonic()
        came, added, gone = mirror.pull()
        if came or gone:
            report = IndexReport(added=added, changed=came - added, removed=len(gone))
            self._noted(replace(report, kind="follow", papers_gone=gone), started)
        return bool(came or gone)

    @contextmanager
    def _sharing(self) -> Iterator[None]:
        """Where a server has the vectors: be alone in changing it, after what others changed."""
        self._note_stopped()
        if self._server is None:
            yield
            return
        identity = self._encoder.identity
        with connected(self._server, identity) as store, lock(store):
            self._mirror = Mirror(self._catalog, store, identity)
            self._pull(self._mirror)
            try:
                yield
            finally:
                self._mirror = None

    def _generations(self) -> Generations:
        return Generations(self._catalog, self._folder, self._encoder.identity, self._server)

    def _finish(
        self, report: IndexReport, started: float, progress: Progress, *, afresh: bool
    ) -> IndexReport:
        papers = self._touched(afresh=afresh)
        progress("encode", 0, len(papers))
        encoding = Encoding(self._catalog, self._encoder, self._readings)
        encoded = encoding.of(papers, lambda done: progress("encode", done, len(papers)))
        if self._mirror:
            self._mirror.push(lambda done, total: progress("send", done, total))
        generation = self._generations().renew(progress, afresh=afresh)
        return self._noted(replace(report, encoded=encoded, generation=generation), started)

    def _noted(self, report: IndexReport, started: float) -> IndexReport:
        """The report with what the catalog holds now, kept as the record of a run."""
        report = replace(
            report,
            papers=self._catalog.count(),
            chunks=self._catalog.count_chunks(),
            generation=report.generation or self._catalog.meta("generation") or "",
            seconds=round(monotonic() - started, 3),
        )
        with self._catalog.transaction():
            self._catalog.add_run(_record(report))
            self._catalog.forget_meta(_BEGUN)
        return report

    def _note_stopped(self) -> None:
        """Keep the record of a run that took papers in and never came to its end."""
        begun = self._catalog.meta(_BEGUN)
        if begun:
            with self._catalog.transaction():
                self._catalog.add_run({**json.loads(begun), "kind": "stopped"})
                self._catalog.forget_meta(_BEGUN)

    def _touched(self, *, afresh: bool) -> list[str]:
        """The papers that may lack chunks or vectors."""
        if afresh or self._catalog.meta("encoder") != str(self._encoder.identity):
            return sorted(self._catalog.paper_ids())
        return journal.stale_papers(self._catalog.database)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the writer's lock of a data folder; `Locked` names who else holds it."""
    owner = folder / "index.owner"
    lock = FileLock(folder / "index.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Locked(f"another process is indexing{_who(owner)}: wait until it is done") from error
    except OSError as error:
        raise StoreError(
            f"the data folder {folder} cannot be written ({error.strerror}): set `data.folder`"
        ) from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        owner.write_text(json.dumps({"pid": os.getpid(), "since": since}), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _who(owner: Path) -> str:
    try:
        told = json.loads(owner.read_text(encoding="utf-8"))
        return f" (process {told['pid']}, since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _report(got: Gathered) -> IndexReport:
    return IndexReport(
        pages=got.pages,
        pages_unchanged=got.pages_unchanged,
        pages_removed=len(got.pages_gone),
        listings=got.listings,
        added=got.added,
        changed=got.changed,
        removed=got.removed,
        merged=got.merged,
        pages_gone=got.pages_gone,
        papers_gone=got.papers_gone,
        notes=got.notes,
    )


def _merged(tally: Tally) -> IndexReport:
    gone = tuple(tally.gone.items())
    return IndexReport(
        added=tally.added, changed=tally.changed, removed=len(gone), papers_gone=gone
    )


def _record(report: IndexReport) -> dict[str, object]:
    numbers = {field.name: getattr(report, field.name) for field in fields(report)}
    return {name: value for name, value in numbers.items() if not isinstance(value, tuple)}


def _removal(papers: Sequence[Paper]) -> IndexReport:
    gone = tuple((paper.paper_id, paper.title) for paper in papers)
    return IndexReport(removed=len(papers), kind="remove", papers_gone=gone)
