"""The real corpus, indexed once a session, and a way to run the real commands on it."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock
from stub_assistant import Ran, isolate

from assistant import build, config
from assistant.catalog import Catalog
from assistant.cli import main
from assistant.encoder import MiniLM

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "corpus"
SERVING = "How does S-LoRA serve thousands of adapters?"
NOT_HERE = "Who won the football world cup of 2022?"
S_LORA = "S-LoRA: Serving Thousands of Concurrent LoRA Adapters"

one_encoder = cache(MiniLM)
"""Loading the model takes longer than a question does; in this process it is loaded once."""


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the real corpus in it; who changes it takes `data`."""
    folder = place_of_all(tmp_path_factory) / "real-corpus"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            _index(tmp_path_factory.mktemp("indexing")).rename(folder)
    return folder


def place_of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all test files share, in whichever process they run."""
    # Each file that imports a session's fixture gets one of its own, and so does each process.
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _index(folder: Path) -> Path:
    flags = {"data.folder": str(folder), "corpus.paths": str(CORPUS)}
    with build.Assistant(config.load(flags=flags, environ={})) as assistant:
        assistant.index()
    # What one test was answered must not answer another: in the common folder nothing is kept.
    (folder / "cache.sqlite").mkdir()
    return folder


@pytest.fixture
def data(ready: Path, tmp_path: Path) -> Path:
    """A data folder of one's own, with the real corpus in it."""
    unkept = shutil.ignore_patterns("cache.sqlite")
    return Path(shutil.copytree(ready, tmp_path / "data", ignore=unkept))


@pytest.fixture(name="cli")
def commands(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, ready: Path
) -> "Commands":
    """Commands that read the common data folder."""
    return Commands(monkeypatch, capsys, tmp_path, ready)


@pytest.fixture(name="own")
def own_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, data: Path
) -> "Commands":
    """Commands with a data folder of their own."""
    return Commands(monkeypatch, capsys, tmp_path, data)


class Commands:
    """Runs commands in this process, with no settings of anyone's."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Any, folder: Path, data: Path
    ) -> None:
        self.folder, self.data = folder, data
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.chdir(folder)
        isolate(monkeypatch, folder)
        monkeypatch.setattr(build, "MiniLM", one_encoder)
        self.set("ASSISTANT_DATA__FOLDER", str(data))

    def set(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(name, value)

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Ran:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), "utf-8"))
        return self.main(*arguments)

    def main(self, *arguments: str) -> Ran:
        """The command, with the standard input that there is."""
        self._capsys.readouterr()
        return Ran(main(arguments), *self._capsys.readouterr())

    def write(self, name: str, content: str | bytes) -> str:
        raw = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(raw)
        return name


def run(
    *arguments: str | bytes,
    home: Path,
    before: Sequence[str] = (),
    stdin: bytes = b"",
    **environment: str,
) -> Ran:
    """A command as a process of its own, with nothing but a home folder."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "assistant", *arguments],
        cwd=home,
        env={"HOME": str(home), "PATH": os.defpath, "PYTHONPATH": str(ROOT), **environment},
        input=stdin,
        capture_output=True,
        timeout=100,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


class State(NamedTuple):
    """What must be the same where nothing may have changed."""

    fingerprint: str
    generation: str | None
    contents: str | None
    files: dict[str, str]


def state(data: Path) -> State:
    """The catalog's words and the index's sealed files."""
    with Catalog.open(data / build.CATALOG) as catalog:
        return State(
            catalog.fingerprint(),
            catalog.meta("generation"),
            catalog.meta("contents"),
            dict(_sealed_files(data / "index")),
        )


def _sealed_files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        # Chroma touches its database at every start; locks come and go.
        if path.is_file() and "sqlite3" not in path.name and path.suffix != ".lock":
            yield str(path.relative_to(folder)), sha256(path.read_bytes()).hexdigest()
