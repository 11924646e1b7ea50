"""Indexed folders of several sizes -> how long finding takes in each, and a plot of all costs."""

import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from assistant import config
from assistant.build import Assistant
from assistant.encoder import MiniLM
from assistant.schema import Reading, Vectors
from evals.dataset import SETS, load

_QUESTIONS = 300
_WARM = 50


class _Once(MiniLM):
    """The shipped encoder; a question that it has read costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[tuple[str, ...], tuple[Vectors, list[Reading]]] = {}

    def encode_and_read(self, texts: Sequence[str]) -> tuple[Vectors, list[Reading]]:
        """Both at the price of one, once."""
        key = tuple(texts)
        if key not in self._read:
            self._read[key] = super().encode_and_read(texts)
        return self._read[key]


def latencies(folders: Sequence[Path]) -> list[dict[str, float]]:
    """Milliseconds to find the papers for a question, beyond encoding it, in each folder.

    All in one process, the folders in turn at every question, and no question twice in one.
    """
    encoder = _Once()
    questions = list(dict.fromkeys(sample.question for sample in load(SETS)))
    random.Random(0).shuffle(questions)
    opened = [_opened(folder, encoder) for folder in folders]
    taken: list[list[float]] = [[] for _ in folders]
    busy: list[list[float]] = [[] for _ in folders]
    for question in questions[:_QUESTIONS]:
        encoder.encode_and_read([question])
        for assistant, times, cpu in zip(opened, taken, busy, strict=True):
            started, worked = perf_counter(), process_time()
            assistant.search(question)
            times.append(1000 * (perf_counter() - started))
            cpu.append(1000 * (process_time() - worked))
    for assistant in opened:
        assistant.close()
    return [
        _figures(times[_WARM:], "ms") | _figures(cpu[_WARM:], "cpu_ms")
        for times, cpu in zip(taken, busy, strict=True)
    ]


def _opened(folder: Path, encoder: MiniLM) -> Assistant:
    flags = {"data.folder": str(folder)}
    return Assistant(config.load(flags=flags, environ={}), encoder=encoder)


def _figures(times: Sequence[float], unit: str) -> dict[str, float]:
    """On a machine that others use too, what the processor did tells more than the clock."""
    return {f"p{share:02}_{unit}": float(np.percentile(times, share)) for share in (5, 50, 95)}


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Each cost against the number of papers, both by powers of ten, as SVG."""
    from matplotlib.figure import Figure

    papers = [row["papers"] for row in rows]
    names = {
        "first_s": "first run but encoding, s",
        "again_s": "run with nothing new, s",
        "add_100_s": "100 papers more, s",
        "remove_1_s": "one paper less, s",
        "p95_ms": "finding, 95th percentile, ms",
        "peak_mb": "peak memory, MB",
    }
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for key, label in names.items():
        axes.loglog(papers, [row[key] for row in rows], marker="o", label=label)
    axes.set_xlabel("papers")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
