"""Commands from process start to the first byte of output, beside what cannot be avoided."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from time import perf_counter

from evals.bench.figures import Goal, Measured, figures, interleaved, ratio
from evals.bench.setting import Setting, command, opened

GROUP = "cold"
HELP, SEARCH, ASK, AGAIN = (
    "assistant --help",
    "assistant search",
    "assistant ask",
    "the same ask again",
)
BARE, START = "a bare typer program's --help", "the interpreter alone"
NEEDED_SEARCH, NEEDED_ASK = "what search must load", "what ask must load"
_QUESTION = "How does S-LoRA serve thousands of adapters?"
_BARE = (
    "import typer\napp = typer.Typer()\n@app.command()\ndef one(): ...\n"
    "@app.command()\ndef two(): ...\napp(['--help'])"
)
# What reads a command line and settings, encodes, and looks up by meaning and by words.
_LOADS = (
    "import typer, pydantic, dotenv, platformdirs, filelock, sqlite3, numpy, rich.console\n"
    "import tantivy, tokenizers, onnxruntime, chromadb\n"
    "from assistant.encoder import MiniLM\n"
    "MiniLM().encode(['How does it serve?'])\n"
)
_COUNTS = "from assistant import tokens\ntokens.count('one')\n"
_SAYS = "import sys\nsys.stdout.write('.')\nsys.stdout.flush()\n"


def measure(setting: Setting) -> Measured:
    """Each command in a process of its own, all in turn."""
    with opened(setting.data, paths=setting.corpus) as assistant:
        assistant.ensure_indexed()
    off = {"ASSISTANT_DATA__FOLDER": str(setting.data), "ASSISTANT_CACHE__SIZE_MB": "0"}
    on = {"ASSISTANT_DATA__FOLDER": str(setting.data), "ASSISTANT_CACHE__SIZE_MB": "64"}
    python = [sys.executable, "-c"]
    ways: dict[str, Callable[[], float]] = {
        START: _way([*python, _SAYS], {}),
        BARE: _way([*python, _BARE], {}),
        HELP: _way(command("--help"), {}),
        NEEDED_SEARCH: _way([*python, _LOADS + _SAYS], {}),
        SEARCH: _way(command("search", _QUESTION), off),
        NEEDED_ASK: _way([*python, _LOADS + _COUNTS + _SAYS], {}),
        ASK: _way(command("ask", _QUESTION), off),
        AGAIN: _way(command("ask", _QUESTION), on),
    }
    for way in ways.values():
        way()
    work: dict[str, list[float]] = {name: [] for name in ways}
    found = interleaved(
        {name: _counting(way, work[name]) for name, way in ways.items()}, setting.rounds(9)
    )
    pairs = (
        ("--help to a bare typer program's", HELP, BARE),
        ("search to what it must load", SEARCH, NEEDED_SEARCH),
        ("ask to what it must load", ASK, NEEDED_ASK),
    )
    return Measured(
        (*figures(GROUP, "ms", found), *figures(GROUP, "ms of the processor", work)),
        (
            *(ratio(GROUP, name, found, of, to, Goal(1.5)) for name, of, to in pairs),
            *(ratio(GROUP, f"{name}, processor's work", work, of, to) for name, of, to in pairs),
        ),
    )


def _counting(way: Callable[[], float], work: list[float]) -> Callable[[], float]:
    """The same, what the processor did for it noted too: to the end, not to the first byte."""

    def run() -> float:
        before = _children_ms()
        took = way()
        work.append(_children_ms() - before)
        return took

    return run


def _children_ms() -> float:
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (told.ru_utime + told.ru_stime) * 1000


def _way(words: Sequence[str], environment: dict[str, str]) -> Callable[[], float]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASSISTANT_", "OPENAI_", "AZURE_"))
    }
    return lambda: first_byte(words, {**kept, **environment})


def first_byte(words: Sequence[str], environment: dict[str, str]) -> float:
    """Milliseconds from the start of a process to the first byte that it says."""
    started = perf_counter()
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        process.stdout.read(1)
        took = (perf_counter() - started) * 1000
        process.stdout.read()
    return took
