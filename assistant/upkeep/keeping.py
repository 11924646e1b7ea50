"""Settings and a catalog -> the corpus changed: pages in and out, papers out and back."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from assistant.catalog import Catalog
from assistant.config import UPLOADS, Settings
from assistant.errors import IndexMissing, UsageError
from assistant.indexer import Indexer, IndexReport, Progress, writing
from assistant.upkeep.corpora import remember, remembered
from assistant.upkeep.taking import IMPORTED, take


def _quiet(*_: Any) -> None:
    """Tell nobody."""


class Kept(ABC):
    """Whoever has a corpus, and may change it."""

    settings: Settings

    def __init__(self) -> None:
        self._indexing = Lock()

    @property
    @abstractmethod
    def catalog(self) -> Catalog:
        """What is known of papers."""

    @abstractmethod
    def _indexer(self) -> Indexer:
        """What writes to the data folder."""

    @abstractmethod
    def _indexed(self) -> None:
        """What there is to do once pages were taken in."""

    def index(
        self,
        paths: Sequence[Path | str] | None = None,
        *,
        rebuild: bool = False,
        prune: bool = False,
        strict: bool = False,
        reread: bool = False,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Take in pages, those of the configured corpus if none are named.

        `rebuild` alone reads no page: the index is made anew out of the catalog. `strict` changes
        nothing where a record cannot be read; `reread` tells the notes on unchanged pages again.
        """
        if rebuild and not paths and not prune and self.catalog.count():
            with self._indexing:
                report = self._indexer().rebuild(progress or _quiet)
            self._indexed()
            return report
        wanted = self._wanted(paths, prune=prune)
        # Questions go on while this runs: they read the generation that is there.
        with self._indexing:
            report = self._indexer().index(
                wanted,
                progress or _quiet,
                rebuild=rebuild,
                prune=prune,
                strict=strict,
                reread=reread,
            )
            if paths:
                remember(self.catalog, paths)
        self._indexed()
        return report

    def preview(
        self, paths: Sequence[Path | str] | None = None, *, prune: bool = False
    ) -> IndexReport:
        """What `index` would find and change; nothing is kept."""
        return self._indexer().preview(self._wanted(paths, prune=prune), prune=prune)

    def sources(self) -> list[Path]:
        """The files and folders that are read where none are named."""
        if self.settings.has_own_paths:
            return list(self.settings.corpus.paths)
        if known := remembered(self.catalog):
            return known
        name = self.settings.corpus.name
        raise UsageError(f"the corpus {name!r} has no files yet: name some, `assistant index PATH`")

    def _wanted(self, paths: Sequence[Path | str] | None, *, prune: bool) -> list[Path | str]:
        if paths:
            return list(paths)
        dropped = self.settings.data.folder / UPLOADS
        # What was dropped onto the page is no part of the configured corpus, nor gone.
        kept = [dropped] if prune and dropped.is_dir() else []
        return [*self.sources(), *kept]

    def remove(self, paper_ids: Sequence[str]) -> IndexReport:
        """Take papers out, by their whole ids; no page brings them in again, `put_back` does."""
        with self._indexing:
            return self._indexer().remove(paper_ids)

    def put_back(
        self, paper_ids: Sequence[str], *, progress: Progress | None = None
    ) -> IndexReport:
        """Take in again what `remove` took out."""
        with self._indexing:
            return self._indexer().put_back(paper_ids, progress or _quiet)

    def ensure_indexed(self, progress: Progress | None = None) -> IndexReport | None:
        """Index the configured corpus where nothing is indexed yet."""
        if kind := self.catalog.meta(IMPORTED):
            return self._finish_import(IndexReport(kind=kind), progress)
        if self.catalog.meta("generation") is not None:
            return None
        name = self.settings.corpus.name
        if not self.settings.has_own_paths and not remembered(self.catalog):
            raise IndexMissing(
                f"the corpus {name!r} holds nothing yet: run `assistant index PATH --corpus {name}`"
            )
        return self.index(progress=progress)

    def take(
        self,
        lines: Iterator[bytes],
        source: str,
        *,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Take in a whole catalog that was exported; the indexes are made of it."""
        with writing(self.settings.data.folder):
            came = take(self.catalog, lines, source, replace=replace)
        return self._finish_import(IndexReport(kind="import", added=came["papers"]), progress)

    def _finish_import(self, report: IndexReport, progress: Progress | None) -> IndexReport:
        with self._indexing, writing(self.settings.data.folder):
            report = self._indexer().finish(report, progress or _quiet)
            self.catalog.forget_meta(IMPORTED)
        return report
