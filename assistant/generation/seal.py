"""A folder of index files -> a seal: what they hold, and whether each is as it was written."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from assistant.damage import REBUILD, as_store_error
from assistant.database import rows_sha256
from assistant.errors import StoreError

SEAL = "seal.json"
# Chroma writes into these at every start.
_TOUCHED = frozenset({"acquire_write", "maintenance_log"})
# Locks come and go, and so does what SQLite keeps beside a database.
_PASSING = (".lock", "-wal", "-shm", "-journal")
# A file that this process has read and that was not written since is not read again.
_KNOWN: dict[tuple[int, int, int, int], str] = {}
_MOST_KNOWN = 10_000


class Seal(NamedTuple):
    """What a generation holds."""

    chunks: int
    papers: int
    vectors: str
    """The generation whose folder has the vectors; empty where a server has them."""
    contents: str
    """Stands for all the words in it."""
    files: Mapping[str, str]
    """The hash of each file, by its path in the folder of all generations."""


def write(folder: Path, seal: Seal) -> None:
    """Seal the generation in `folder`; from here on no file of it may change."""
    with as_store_error("index", folder, "make room on its disk"):
        (folder / SEAL).write_text(json.dumps(seal._asdict()), encoding="utf-8")
        _to_disk(folder / SEAL)


def read(folder: Path) -> Seal:
    """The seal of the generation in `folder`, its files not looked at."""
    try:
        kept = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        if "vectors" not in kept:
            # The first format: each generation had all its files, and named them from its folder.
            files = {f"{folder.name}/{name}": sha256 for name, sha256 in kept["files"].items()}
            kept |= {"vectors": folder.name, "contents": "", "files": files}
        return Seal(
            int(kept["chunks"]),
            int(kept["papers"]),
            str(kept["vectors"]),
            str(kept["contents"]),
            dict(kept["files"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder, "its seal cannot be read") from error


def check(folder: Path, seal: Seal, but_for: str | None = None) -> None:
    """Raise unless every file of the generation in `folder` is as it was written.

    Those whose path begins with `but_for` are in use already.
    """
    files = {
        n: known for n, known in seal.files.items() if not but_for or not n.startswith(but_for)
    }
    try:
        sound = all(hash_of(folder.parent / name) == known for name, known in files.items())
    except OSError as error:
        raise damaged(folder, "a file cannot be read") from error
    if not sound:
        raise damaged(folder, "a file is not as it was written")


def hashes(folder: Path, known: Mapping[str, str]) -> dict[str, str]:
    """The hash of every file in `folder`, by its path from the folder above.

    One that is a second name of a file whose hash is `known` is not read.
    """
    top = folder.parent
    twins = {Path(name).name: name for name in known}
    found = {}
    for path in _files(folder):
        twin = twins.get(path.name)
        is_same = twin is not None and (top / twin).exists() and path.samefile(top / twin)
        found[path.relative_to(top).as_posix()] = known[twin] if is_same and twin else hash_of(path)
    return found


def hash_of(path: Path) -> str:
    """The hash of a file; of Chroma's database that of its rows."""
    if path.name == "chroma.sqlite3":
        return rows_sha256(path, _TOUCHED)
    stat = path.stat()
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if key not in _KNOWN:
        if len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.clear()
        with path.open("rb") as file:
            _KNOWN[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _KNOWN[key]


def damaged(folder: Path, why: str) -> StoreError:
    """The error for an index that can no longer be relied on."""
    return StoreError(f"the index {folder} is damaged ({why}): {REBUILD}")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL and not path.name.endswith(_PASSING):
            yield path


def to_disk(folder: Path) -> None:
    """Have everything in `folder` written out, before anything points to it."""
    with as_store_error("index", folder, "make room on its disk"):
        for path in (folder, *folder.rglob("*")):
            _to_disk(path)


def _to_disk(path: Path) -> None:
    # Windows cannot open a folder, and needs not.
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
