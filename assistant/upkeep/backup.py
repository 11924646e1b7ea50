"""A catalog -> a copy of it in one file, and the copy back into its place."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from assistant.catalog import Catalog
from assistant.errors import CatalogError, StoreError, UsageError
from assistant.upkeep.files import beside, written_in
from assistant.upkeep.snapshot import copy
from assistant.upkeep.taking import IMPORTED

BEFORE = "catalog.before-restore.sqlite"
_SIDE_FILES = ("-wal", "-shm", "-journal")


class Holdings(NamedTuple):
    """What a catalog holds."""

    papers: int
    finished: str
    """When it was last indexed; empty where it never was."""


def back_up(catalog: Path, target: Path) -> Holdings:
    """Copy a catalog, as of this moment, to a file that is there whole or not at all."""
    if target.exists() and target.resolve() == catalog.resolve():
        raise UsageError(f"{target} is the catalog itself: give the copy another name")
    if target.exists() and not _is_ours(target):
        raise UsageError(f"{target} is there and no backup of ours: give the copy another name")
    with beside(target) as part:
        copy(catalog, part)
        return _settled(part)


def holdings(path: Path) -> Holdings:
    """What the catalog at `path` holds; an error where it is none, or damaged."""
    with Catalog.open(path) as catalog:
        return _holdings(catalog)


class Restoring:
    """A copy of a backup, read through and found whole; it has not taken the place yet."""

    def __init__(self, part: Path, holds: Holdings) -> None:
        self._part = part
        self.holds = holds

    def put_in_place(self, catalog: Path) -> Path | None:
        """Make it the catalog, for who holds the writer's lock; where the former one is now.

        The indexes are made anew when the catalog is used next.
        """
        with Catalog.open(self._part) as read:
            _mark(read, catalog.parent / "index")
        _settled(self._part)
        before = catalog.with_name(BEFORE)
        if not catalog.exists():
            self._part.replace(catalog)
            return None
        if _is_ours(catalog):
            # Over the file that is there, so that whoever has it open reads on in the new one.
            with beside(before) as kept:
                copy(catalog, kept)
                _settled(kept)
            copy(self._part, catalog)
            return before
        for side in ("", *_SIDE_FILES):
            if (old := Path(f"{catalog}{side}")).exists():
                old.replace(f"{before}{side}")
        self._part.replace(catalog)
        return before


@contextmanager
def restoring(source: Path, folder: Path) -> Iterator[Restoring]:
    """The backup, checked, in the data folder that it is to be restored to."""
    if not source.is_file():
        raise UsageError(f"{source} is no file: give one that `assistant backup` made")
    if not source.stat().st_size:
        raise CatalogError(f"{source} is empty: give another backup; nothing was changed")
    with written_in(folder), TemporaryDirectory(dir=folder, prefix=".restoring-") as beside_it:
        part = Path(beside_it) / "catalog"
        try:
            copy(source, part)
            with Catalog.open(part) as read:
                read.check()
                found = _holdings(read)
        except CatalogError as error:
            reason = str(error).replace(str(part), str(source)).partition(": ")[0]
            raise CatalogError(
                f"{source} cannot be restored ({reason}): give another backup; nothing was changed"
            ) from error
        yield Restoring(part, found)


def _mark(catalog: Catalog, index: Path) -> None:
    """Have the indexes made anew, and under no name that somebody may have open."""
    numbers = [int(one.name[1:]) for one in index.glob("g*") if re.fullmatch(r"g\d+", one.name)]
    numbers += [int((catalog.meta("generation") or "g0")[1:])]
    with catalog.transaction():
        catalog.set_meta("generation", f"g{max(numbers):04}")
        catalog.set_meta("contents", "")
        catalog.set_meta(IMPORTED, "restore")


def _settled(path: Path) -> Holdings:
    """All of it in the one file, without a log beside it."""
    with Catalog.open(path) as catalog:
        catalog.database.rows("PRAGMA journal_mode = DELETE")
        return _holdings(catalog)


def _holdings(catalog: Catalog) -> Holdings:
    runs = catalog.runs()
    return Holdings(catalog.count(), runs[0].finished if runs else "")


def _is_ours(path: Path) -> bool:
    try:
        holdings(path)
    except StoreError:
        return False
    return True
