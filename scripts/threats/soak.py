"""Many questions -> how memory, threads and open files grow."""

import re
import resource
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from statistics import linear_regression

from evals.dataset import load
from threats import ROOT
from threats.ground import Ground, tell


def soaked(ground: Ground) -> str:
    """Many questions, one after the other, each set of them once before: memory, threads, files."""
    assistant = ground.ready()
    questions = [sample.question for sample in load(("single", "multi", "unanswerable"))]
    for number, question in enumerate(questions):
        assistant.ask(question).answer()
        tell("R10, warming up", number, len(questions))
    threads, before, memory = threading.active_count(), _open_files(), list[float]()
    for number, question in enumerate(islice(cycle(questions), ground.soak)):
        assistant.ask(question).answer()
        memory.append(_rss_mb())
        tell("R10", number, ground.soak)
    slope = linear_regression(range(len(memory)), memory).slope * 1000
    threads, files = threading.active_count() - threads, _open_files()
    return (
        f"{ground.soak:,} questions after {len(questions)} to warm up: {slope:+.1f} MB a thousand,"
        f" {threads:+d} threads, {grown(before, files)}; over HTTP {_over_http(ground.soak)}"
    )


def grown(before: Counter[str], after: Counter[str]) -> str:
    """How many more files are open, and which."""
    names = sorted(before.keys() | after.keys())
    changes = {name: after[name] - before[name] for name in names if after[name] != before[name]}
    told = ", ".join(f"{change:+d} {name}" for name, change in changes.items())
    return f"{sum(changes.values()):+d} files" + (f" ({told})" if told else "")


def _over_http(questions: int) -> str:
    """What scripts/load.py says of the memory of a server, four people asking."""
    command = [sys.executable, "scripts/load.py", "--people", "4", "--questions", str(questions)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = re.search(r"memory .*: (\S+ MB per 1,000) in the last half", ran.stdout)
    errors = re.search(r"errors \d+, mixed-up answers \d+", ran.stdout)
    if not told or not errors:
        return f"not measured: {ran.stderr.strip()[-200:]}"
    return f"{told[1]} in the last half of {questions:,}, {errors[0]}"


def _open_files() -> Counter[str]:
    """How often each file is open, by its name; a pipe or a socket by its kind."""
    found = Counter[str]()
    for one in Path("/proc/self/fd").iterdir():
        # The one with which the folder is read is gone by now.
        with suppress(OSError):
            found[one.readlink().name.partition(":")[0]] += 1
    return found


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024**2
