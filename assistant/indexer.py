"""Pages -> the catalog, and from it the index; what is known already costs nothing again."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from time import monotonic

from filelock import FileLock, Timeout

from assistant import journal
from assistant.catalog import Catalog, Listing, Page
from assistant.corpus import Note, PageReport, ParsedCorpus, merge, paper_id, read_paths
from assistant.encoding import Encoding
from assistant.errors import Locked, StoreError
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
    chunks: int = 0
    encoded: int = 0
    seconds: float = 0.0
    generation: str = ""
    notes: tuple[tuple[str, Note], ...] = ()
    """Each with the page it belongs to."""


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
    ) -> IndexReport:
        """Take in these pages, and make the index anew where it must be.

        `prune` drops the pages that are not among them; `rebuild` allows another encoder.
        """
        started = monotonic()
        if not rebuild:
            refuse_mismatch(self._catalog, self._encoder.identity)
        progress("read", 0, 1)
        report = None if prune or rebuild else self._unchanged(paths)
        parsed = None if report else read_paths(list(paths))
        progress("read", 1, 1)
        with writing(self._folder), self._sharing():
            if parsed:
                report = self._take_in(parsed, prune=prune)
            return self._finish(report or IndexReport(), started, progress, afresh=rebuild)

    def _unchanged(self, paths: Sequence[Path | str]) -> IndexReport | None:
        """The report where every file is known as it is: then none needs to be read again."""
        known = {page.path: page for page in self._catalog.page_files().values()}
        files = {path.resolve() for given in paths for path in _files(Path(given))}
        if not files or any(not _is_known(path, known) for path in files):
            return None
        names = [known[str(path)].page for path in files]
        listings = self._catalog.count_listings(names)
        return IndexReport(pages=len(files), pages_unchanged=len(files), listings=listings)

    def rebuild(self, progress: Progress = _quiet) -> IndexReport:
        """Make the index anew out of the catalog alone."""
        started = monotonic()
        with writing(self._folder), self._sharing():
            return self._finish(IndexReport(), started, progress, afresh=True)

    def follow(self, store: Store) -> bool:
        """Take over what another machine changed on the server; whether that was anything."""
        mirror = Mirror(self._catalog, store, self._encoder.identity)
        if not mirror.is_behind():
            return False
        with writing(self._folder):
            pulled = mirror.pull()
            self._generations().renew(_quiet)
        return any(pulled)

    @contextmanager
    def _sharing(self) -> Iterator[None]:
        """Where a server has the vectors: be alone in changing it, after what others changed."""
        if self._server is None:
            yield
            return
        identity = self._encoder.identity
        with connected(self._server, identity) as store, lock(store):
            self._mirror = Mirror(self._catalog, store, identity)
            self._mirror.pull()
            try:
                yield
            finally:
                self._mirror = None

    def _generations(self) -> Generations:
        return Generations(self._catalog, self._folder, self._encoder.identity, self._server)

    def _take_in(self, parsed: ParsedCorpus, *, prune: bool) -> IndexReport:
        with self._catalog.transaction():
            parsed = _named_apart(parsed, self._catalog.page_files())
            listings = _listings(parsed)
            known = self._catalog.pages()
            # A page in which nothing is found any more takes nothing out.
            fresh = [r for r in parsed.pages if r.found and known.get(r.page) != r.sha256]
            gone = sorted(known.keys() - {r.page for r in parsed.pages}) if prune else []
            touched = self._replace(fresh, gone, listings)
            report = self._merge(touched)
        return replace(
            report,
            pages=len(parsed.pages),
            pages_unchanged=sum(known.get(r.page) == r.sha256 for r in parsed.pages),
            pages_removed=len(gone),
            listings=len(parsed.sightings),
            notes=tuple((r.page, note) for r in parsed.pages for note in r.notes),
        )

    def _replace(
        self, fresh: Iterable[PageReport], gone: Iterable[str], listings: dict[str, list[Listing]]
    ) -> set[str]:
        touched: set[str] = set()
        for name in gone:
            touched |= self._catalog.remove_page(name)
        for report in fresh:
            path = str(report.path.resolve())
            page = Page(report.page, path, report.sha256, report.format)
            touched |= self._catalog.replace_page(page, listings.get(report.page, ()))
        return touched

    def _merge(self, touched: set[str]) -> IndexReport:
        """Make the papers of what was seen of them."""
        before = {paper.paper_id: paper for paper in self._catalog.papers(sorted(touched))}
        seen = chain.from_iterable(self._catalog.sightings(touched).values())
        now = {paper.paper_id: paper for paper in merge(seen)}
        self._catalog.set_papers(now.values())
        self._catalog.remove_papers(before.keys() - now.keys())
        return IndexReport(
            added=len(now.keys() - before.keys()),
            changed=sum(_differs(before[id_], now[id_]) for id_ in before.keys() & now.keys()),
            removed=len(before.keys() - now.keys()),
        )

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
        report = replace(
            report,
            papers=self._catalog.count(),
            chunks=self._catalog.count_chunks(),
            encoded=encoded,
            generation=generation,
            seconds=round(monotonic() - started, 3),
        )
        self._catalog.add_run(_record(report))
        return report

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


def _files(path: Path) -> Iterator[Path]:
    """The files that a path may stand for."""
    if not path.is_dir():
        yield path
        return
    for file in path.rglob("*"):
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(path).parts):
            yield file


def _is_known(path: Path, known: Mapping[str, Page]) -> bool:
    page = known.get(str(path))
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return page is not None and page.sha256 == sha256
    except OSError:
        return False


def _named_apart(parsed: ParsedCorpus, known: Mapping[str, Page]) -> ParsedCorpus:
    """The same pages under names that no other file has, and known files under their old ones."""
    names = {report.page: _name(report, known) for report in parsed.pages}
    return ParsedCorpus(
        tuple(report._replace(page=names[report.page]) for report in parsed.pages),
        tuple(replace(seen, page=names[seen.page]) for seen in parsed.sightings),
    )


def _name(report: PageReport, known: Mapping[str, Page]) -> str:
    path, name = report.path.resolve(), report.page
    for page in known.values():
        if Path(page.path) == path:
            return page.page
    above = list(path.parts[1 : -len(name.split("/"))])
    while above and name in known and _is_another(known[name], report):
        name = f"{above.pop()}/{name}"
    return name


def _is_another(page: Page, report: PageReport) -> bool:
    # A file that is there no more has been moved here.
    return page.sha256 != report.sha256 and Path(page.path).exists()


def _listings(parsed: ParsedCorpus) -> dict[str, list[Listing]]:
    listings: dict[str, list[Listing]] = {}
    for seen in parsed.sightings:
        listings.setdefault(seen.page, []).append(Listing(paper_id(seen.title), seen))
    return listings


def _differs(before: Paper, now: Paper) -> bool:
    return (before.title, before.abstract) != (now.title, now.abstract)


def _record(report: IndexReport) -> dict[str, object]:
    numbers = {field.name: getattr(report, field.name) for field in fields(report)}
    return {name: value for name, value in numbers.items() if name != "notes"}
