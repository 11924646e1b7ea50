"""A data folder -> the corpora side by side in it, each with a catalog and indexes of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from assistant.catalog import Catalog
from assistant.config import CORPORA, DEFAULT, Settings
from assistant.errors import StoreError, UsageError
from assistant.indexer import writing
from assistant.upkeep.files import written_in

CATALOG = "catalog.sqlite"
_PATHS = "paths"


class Held(NamedTuple):
    """A corpus, and what it holds."""

    name: str
    papers: int
    finished: str
    """When it was last indexed; empty where it never was."""
    bytes: int
    folder: str
    fault: str = ""
    """Why it cannot be read."""


def names(settings: Settings) -> list[str]:
    """The corpora that there are, the default one first."""
    found = (settings.root / CORPORA).glob(f"*/{CATALOG}")
    return [DEFAULT, *sorted(one.parent.name for one in found if one.parent.name[0] != ".")]


def check(settings: Settings) -> None:
    """Raise, with the names of those there are, where the corpus in use is not there."""
    name, there = settings.corpus.name, names(settings)
    if name and name not in there:
        raise UsageError(
            f"there is no corpus {name!r}: there are {', '.join(there)};"
            f" make it with `assistant index PATH --corpus {name}`"
        )


def held(settings: Settings) -> list[Held]:
    """Every corpus with what it holds."""
    return [_held(settings.of_corpus(name), name) for name in names(settings)]


def chosen(settings: Settings, name: str) -> Settings:
    """The settings for the corpus of that name, which must be there."""
    try:
        found = settings.of_corpus(name)
    except ValueError as error:
        raise UsageError(f"{name[:80]!r} is no name of a corpus: it {error}") from None
    check(found)
    return found


def removable(settings: Settings, name: str) -> Held:
    """The corpus of that name; the default one is not to be removed."""
    found = chosen(settings, name)
    if not found.corpus.name:
        raise UsageError("the default corpus stays: `assistant remove` takes papers out of it")
    return _held(found, found.corpus.name)


def drop(settings: Settings, name: str) -> None:
    """Remove a whole corpus, which nobody may be writing to; it is gone at once or not at all."""
    folder = settings.of_corpus(name).data.folder
    with (
        written_in(folder),
        TemporaryDirectory(dir=folder.parent, prefix=".removed-") as aside,
        writing(folder),
    ):
        folder.rename(Path(aside) / folder.name)


def remember(catalog: Catalog, paths: Sequence[Path | str]) -> None:
    """Keep the files and folders that a corpus was made of, beside those kept before."""
    given = [str(Path(path).resolve()) for path in paths]
    known = [str(path) for path in remembered(catalog)]
    catalog.set_meta(_PATHS, json.dumps(list(dict.fromkeys([*known, *given]))))


def remembered(catalog: Catalog) -> list[Path]:
    """The files, folders and patterns that a corpus was made of, as far as they are there."""
    known = [Path(path) for path in json.loads(catalog.meta(_PATHS) or "[]")]
    return [path for path in known if path.exists() or set("*?[") & set(path.name)]


def _held(settings: Settings, name: str) -> Held:
    folder = settings.data.folder
    size = sum(one.stat().st_size for one in _files(folder))
    if not (folder / CATALOG).exists():
        return Held(name, 0, "", size, str(folder))
    try:
        with Catalog.open(folder / CATALOG) as catalog:
            runs = catalog.runs()
            finished = runs[0].finished if runs else ""
            return Held(name, catalog.count(), finished, size, str(folder))
    except StoreError as error:
        return Held(name, 0, "", size, str(folder), str(error))


def _files(folder: Path) -> list[Path]:
    """The corpus's own files; those of the corpora in it are theirs."""
    inside = folder.rglob("*")
    return [one for one in inside if one.is_file() and folder / CORPORA not in one.parents]
