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

from assistant.catalog import Catalog
from assistant.chunking import chunk
from assistant.corpus import Note
from assistant.errors import Locked, StoreError
from assistant.gathering import Gathered, Tally, gather, merge_papers
from assistant.generation import (
    Generations,
    Index,
    Progress,
    Server,
    open_index,
    refuse_mismatch,
)
from assistant.readings import Readings
from assistant.removed import mark, removed, unmark
from assistant.schema import Encoder, EncoderIdentity, Paper, ReadingEncoder

__all__ = ["Index", "IndexReport", "Indexer", "Progress", "Server", "open_index"]

_PAPERS_AT_ONCE = 500
_TEXTS_AT_ONCE = 64


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
    """What was asked for: "index", "rebuild", "remove", "put back", "import" or "restore"."""
    pages_gone: tuple[str, ...] = ()
    """The pages that were pruned."""
    papers_gone: tuple[tuple[str, str], ...] = ()
    """Id and title of every paper that was removed."""
    notes: tuple[tuple[str, Note], ...] = ()
    """Each with the page it belongs to."""


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
        with writing(self._folder):
            got = gather(
                self._catalog,
                paths,
                prune=prune,
                strict=strict,
                reread=reread,
                without=removed(self._catalog),
                progress=progress,
            )
            report = _report(got)
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
        return self._finish(report, monotonic(), progress, afresh=True)

    def remove(self, paper_ids: Sequence[str]) -> IndexReport:
        """Take papers out, to stay out until they are put back; nothing is made anew."""
        started = monotonic()
        with writing(self._folder):
            with self._catalog.transaction():
                papers = self._catalog.papers(paper_ids)
                mark(self._catalog, papers)
                self._catalog.remove_papers(paper.paper_id for paper in papers)
            report = _removal(papers)
            if self._server:
                # Other machines find what the server holds.
                return self._finish(report, started, _quiet, afresh=False)
            # What the index still holds of them nobody finds here: papers come from the catalog.
            return self._noted(report, started)

    def put_back(self, paper_ids: Sequence[str], progress: Progress = _quiet) -> IndexReport:
        """Take in again what was removed, out of its sightings."""
        started = monotonic()
        with writing(self._folder):
            with self._catalog.transaction():
                unmark(self._catalog, paper_ids)
                report = _merged(merge_papers(self._catalog, paper_ids, removed(self._catalog)))
            return self._finish(replace(report, kind="put back"), started, progress, afresh=False)

    def _finish(
        self, report: IndexReport, started: float, progress: Progress, *, afresh: bool
    ) -> IndexReport:
        self._chunk(progress)
        encoded = self._encode(progress)
        generations = Generations(self._catalog, self._folder, self._encoder.identity, self._server)
        generation = generations.renew(progress, afresh=afresh)
        return self._noted(replace(report, encoded=encoded, generation=generation), started)

    def _noted(self, report: IndexReport, started: float) -> IndexReport:
        """The report with what the catalog holds now, kept as the record of a run."""
        report = replace(
            report,
            papers=self._catalog.count(),
            chunks=len(self._catalog.chunk_ids()),
            generation=report.generation or self._catalog.meta("generation") or "",
            seconds=round(monotonic() - started, 3),
        )
        self._catalog.add_run(_record(report))
        return report

    def _chunk(self, progress: Progress) -> None:
        identity = self._encoder.identity
        todo = self._catalog.unchunked(identity)
        for start in range(0, len(todo), _PAPERS_AT_ONCE):
            progress("chunk", start, len(todo))
            ids = todo[start : start + _PAPERS_AT_ONCE]
            chunks = chunk(self._catalog.papers(ids), self._encoder)
            self._catalog.set_chunks(identity, ids, chunks)
        progress("chunk", len(todo), len(todo))

    def _encode(self, progress: Progress) -> int:
        """Encode what has no vector yet; each batch is kept, so that a next run goes on there."""
        identity = self._encoder.identity
        texts = dict.fromkeys(chunk.embedded_text for chunk in self._catalog.chunks())
        known = self._catalog.known_texts(identity, texts)
        if self._readings:
            known &= self._readings.known(known)
        # The longest first: then the time that is left is not underestimated.
        todo = sorted(texts.keys() - known, key=lambda text: (-len(text), text))
        for start in range(0, len(todo), _TEXTS_AT_ONCE):
            progress("encode", start, len(todo))
            batch = todo[start : start + _TEXTS_AT_ONCE]
            self._keep(identity, batch)
        progress("encode", len(todo), len(todo))
        return len(todo)

    def _keep(self, identity: EncoderIdentity, texts: Sequence[str]) -> None:
        """Keep vectors and readings of `texts`; the shipped encoder makes both in one go."""
        if isinstance(self._encoder, ReadingEncoder):
            vectors, readings = self._encoder.encode_and_read(texts)
        else:
            vectors = self._encoder.encode(texts)
            readings = self._readings.reader.read(texts) if self._readings else []
        with self._catalog.transaction():
            self._catalog.add_vectors(identity, texts, vectors)
            if self._readings:
                self._readings.add(texts, readings)


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
