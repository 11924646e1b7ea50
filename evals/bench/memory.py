"""A server of ours -> what it holds in memory at rest, and after many questions."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from evals.bench.figures import Figure, Goal, Measured, Wanted, together
from evals.bench.setting import Setting, command, opened

GROUP = "memory"
_ADDRESS = re.compile(r"http://[^\s/]+:\d+")
_RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")
_MANY = 2_000
_GROWTH_MB = 15
_SETTLED = 0.1


class Server(NamedTuple):
    """A server that runs."""

    url: str
    process: int

    @property
    def resident(self) -> float:
        """MB of memory."""
        told = _RESIDENT.search(Path(f"/proc/{self.process}/status").read_text())
        assert told
        return int(told[1]) / 1024

    def ask(self, question: str) -> None:
        """Ask over HTTP, and wait for the answer."""
        body = json.dumps({"question": question}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/ask", body, headers)
        with urllib.request.urlopen(request, timeout=300) as reply:
            reply.read()


def measure(setting: Setting) -> Measured:
    """At rest with few papers and with many; and over many questions."""
    with opened(setting.data, paths=setting.corpus) as assistant:
        assistant.ensure_indexed()
    parts = [
        _at_rest(setting, setting.data, "249 papers", 450),
        _grown(setting),
    ]
    if setting.many:
        parts.append(_at_rest(setting, setting.many, "50,000 papers", 900))
    else:
        parts.append(Measured(left_out=("memory at 50,000 papers: give --many",)))
    return together(parts)


def _at_rest(setting: Setting, folder: Path, where: str, most: float) -> Measured:
    values = []
    for _ in range(setting.rounds(3)):
        with served(folder) as server:
            values.append(server.resident)
    figure = Figure(GROUP, f"server with the page, idle, {where}", "MB", tuple(values))
    return Measured((figure,), (), (Wanted(figure, Goal(most)),))


def _grown(setting: Setting) -> Measured:
    """After the first tenth all is warm; what it gains from then on would go on."""
    asked = list(islice(cycle(setting.questions), setting.times(_MANY, 10)))
    warm = int(len(asked) * _SETTLED)
    with served(setting.data, "--no-cache") as server:
        _ask(server, asked[:warm])
        before = server.resident
        _ask(server, asked[warm:])
        after = server.resident
    figure = Figure(GROUP, f"growth over {len(asked):,} questions", "MB", (after - before,))
    level = Figure(GROUP, f"after {len(asked):,} questions", "MB", (after,))
    return Measured((figure, level), (), (Wanted(figure, Goal(_GROWTH_MB)),))


def _ask(server: Server, questions: Sequence[str]) -> None:
    for question in questions:
        server.ask(question)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Server]:
    """`assistant serve`, page and all, over a data folder."""
    environment = {
        **os.environ,
        "ASSISTANT_DATA__FOLDER": str(folder),
        "ASSISTANT_ANSWER__MODEL": "embedded",
    }
    words = command("serve", "--port", "0", *options)
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            found = _ADDRESS.search(process.stdout.readline())
            assert found, "the server did not start"
            yield Server(found[0], process.pid)
        finally:
            process.terminate()
