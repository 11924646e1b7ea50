"""One step of the size benchmark, in a process of its own, so that its memory can be told."""

import json
import resource
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from assistant import config
from assistant.build import Assistant
from evals.encoded import Encoded


def main(arguments: list[str]) -> None:
    """Print what the step named first took, as one line of JSON."""
    step, data, cache, *rest = arguments
    encoder = Encoded(Path(cache))
    flags = {"data.folder": data}
    with Assistant(config.load(flags=flags, environ={}), encoder=encoder) as assistant:
        told = STEPS[step](assistant, rest)
    sys.stdout.write(json.dumps(told | {"peak_mb": _peak_mb(), "made": encoder.made}) + "\n")
    encoder.close()


def index(assistant: Assistant, pages: list[str]) -> dict[str, Any]:
    """Index pages, with the seconds of each stage."""
    marks: list[tuple[str, float]] = []
    worked = process_time()
    started = perf_counter()
    marks.append(("open", started))
    report = assistant.index(
        pages, progress=lambda stage, *_: marks.append((stage, perf_counter()))
    )
    marks.append(("end", perf_counter()))
    return {
        "seconds": perf_counter() - started,
        "cpu_s": process_time() - worked,
        "stages": _stages(marks),
        "papers": report.papers,
        "chunks": report.chunks,
        "encoded": report.encoded,
    }


def _stages(marks: list[tuple[str, float]]) -> dict[str, float]:
    """The seconds from each mark to the next, added up by name."""
    stages: dict[str, float] = {}
    for (stage, since), (_, until) in pairwise(marks):
        stages[stage] = stages.get(stage, 0.0) + until - since
    return stages


def remove(assistant: Assistant, paper_ids: list[str]) -> dict[str, Any]:
    """Take one paper out, as `assistant remove` does."""
    gone = paper_ids or assistant.catalog.paper_ids_after("", 1)
    started = perf_counter()
    report = assistant.remove(gone)
    return {"seconds": perf_counter() - started, "removed": report.removed}


STEPS: dict[str, Callable[[Assistant, list[str]], dict[str, Any]]] = {
    "index": index,
    "remove": remove,
}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
