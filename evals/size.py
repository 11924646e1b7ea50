"""A file of papers -> what indexing and asking cost at each size, as JSON and as a plot.

Encoding takes most of the time and grows with the papers alone. So it is timed on a sample, and
everything else with the encoder's work out of a file (encoded.py); the first run makes that file.
"""

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from assistant.catalog import Catalog
from assistant.encoder import MiniLM
from evals import size_asking

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_A_FILE = 5_000
_MORE = 100
_SAMPLE = 400


def add(verb: argparse.ArgumentParser) -> None:
    """The options of `size`."""
    verb.add_argument("papers", type=Path, help="JSON Lines with title and abstract, .gz or not")
    verb.add_argument("--out", type=Path, required=True, help="folder for indexes and figures")
    verb.add_argument("--sizes", type=_sizes, default=SIZES, help="such as 1000,5000")
    verb.add_argument("--encoded", type=Path, help="file of what was encoded; else in --out")
    verb.set_defaults(command=command)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(number) for number in text.split(",")))


def command(given: argparse.Namespace) -> int:
    """Measure each size, print a table, and keep size.json and size.svg."""
    given.out.mkdir(parents=True, exist_ok=True)
    cache = (given.encoded or given.out / "encoded.sqlite").resolve()
    rows = []
    for size in given.sizes:
        rows.append(_at(size, given.papers, given.out / str(size), cache))
        print(json.dumps(rows[-1]), file=sys.stderr)
    folders = [given.out / str(size) / "data" for size in given.sizes]
    for row, asked in zip(rows, size_asking.latencies(folders), strict=True):
        row.update(asked)
    result = {"encoding": encoding_rate(given.papers), "sizes": rows}
    result["fits"] = fits(rows)
    (given.out / "size.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (given.out / "size.svg").write_text(size_asking.plot(rows), encoding="utf-8")
    print(table(result))
    return 0


def records(path: Path) -> Iterator[str]:
    """The lines of a file, unpacked on the way."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from file


def _at(size: int, papers: Path, folder: Path, cache: Path) -> dict[str, Any]:
    """What a corpus of `size` papers costs; a folder that is there is indexed anew."""
    pages, data = folder / "pages", folder / "data"
    pages.mkdir(parents=True, exist_ok=True)
    _clear(data)
    lines = islice(records(papers), size)
    for number in range(0, size, _A_FILE):
        part = "".join(islice(lines, _A_FILE))
        (pages / f"{number:06}.jsonl").write_text(part, encoding="utf-8")
    more = _more(papers, folder / "more.jsonl")
    first = _step("index", data, cache, str(pages))
    if first["made"]:
        # What had to be encoded is in the file now: the same again, with everything but that.
        _clear(data)
        first = _step("index", data, cache, str(pages))
    return {
        "papers": first["papers"],
        "chunks": first["chunks"],
        "first_s": first["seconds"],
        "first_cpu_s": first["cpu_s"],
        "stages_s": first["stages"],
        "peak_mb": first["peak_mb"],
        "disk": disk(data),
        "again_s": _step("index", data, cache, str(pages))["process_s"],
        "add_100_s": _step("index", data, cache, str(more))["process_s"],
        "remove_1_s": _step("remove", data, cache)["seconds"],
    }


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True) if folder.exists() else ():
        path.rmdir() if path.is_dir() else path.unlink()


def _more(papers: Path, path: Path) -> Path:
    """A hundred papers that no corpus here has, and that are encoded when they are added."""
    with path.open("w", encoding="utf-8") as file:
        for number, line in enumerate(islice(records(papers), _MORE)):
            one = json.loads(line)
            title, abstract = f"{one['title']}, revisited", f"{one['abstract']} Run {number}."
            file.write(json.dumps({"title": title, "abstract": abstract}) + "\n")
    return path


def _step(name: str, data: Path, cache: Path, *rest: str) -> dict[str, Any]:
    command_ = [sys.executable, "-m", "evals.size_step", name, str(data), str(cache), *rest]
    started = perf_counter()
    done = subprocess.run(command_, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told | {"process_s": perf_counter() - started}


def disk(data: Path) -> dict[str, float]:
    """Bytes an abstract: what texts and numbers take, and what index and catalog add to them."""
    texts = "SELECT sum(length(CAST(title AS BLOB)) + length(CAST(abstract AS BLOB))) FROM "
    sums = {
        # A paper's text stands in each of its listings too.
        "text": [f"{texts} papers", f"{texts} sightings"],
        "vectors": ["SELECT sum(length(vector)) FROM vectors"],
        "token_states": ["SELECT sum(length(states)) FROM readings"],
    }
    with Catalog.open(data / "catalog.sqlite") as catalog:
        papers = catalog.count()
        parts = {
            name: sum(int(catalog.database.rows(sql)[0][0]) for sql in queries)
            for name, queries in sums.items()
        }
    index = sum(path.stat().st_size for path in (data / "index").rglob("*") if path.is_file())
    all_files = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    # The index has the vectors once more, to be searched.
    parts["index_rest"] = index - parts["vectors"]
    parts["catalog_rest"] = all_files - index - sum(parts[name] for name in sums)
    return {name: count / papers for name, count in parts.items()}


def encoding_rate(papers: Path) -> dict[str, float]:
    """Abstracts a second that the shipped encoder reads on all cores, on a sample of them."""
    encoder = MiniLM()
    encoder.encode(["warm"])
    sample = [json.loads(line) for line in islice(records(papers), _SAMPLE)]
    texts = [f"{one['title']}\n{one['abstract']}"[:1_200] for one in sample]
    started = perf_counter()
    worked = process_time()
    encoder.encode_and_read(texts)
    seconds, cpu = perf_counter() - started, process_time() - worked
    return {
        "texts": len(texts),
        "seconds": seconds,
        "cpu_s": cpu,
        "texts_per_s": len(texts) / seconds,
        "cpu_s_per_text": cpu / len(texts),
    }


def fits(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Cost = a * papers ** b, by least squares on the logarithms."""
    import numpy as np

    sizes = np.log([row["papers"] for row in rows])
    found = {}
    for name in ("first_s", "peak_mb", "again_s", "add_100_s", "remove_1_s", "p95_ms"):
        if len(rows) > 1:
            slope, level = np.polyfit(sizes, np.log([row[name] for row in rows]), 1)
            found[name] = {"a": float(np.exp(level)), "b": float(slope)}
    return found


def table(result: Mapping[str, Any]) -> str:
    """The figures, a line a size, and what they come to at the largest."""
    rate = result["encoding"]["texts_per_s"]
    lines = ["papers  chunks  rest s  encode s  rest %  peak MB  index KB  again s  +100 s"]
    lines[0] += "  -1 s  p50 ms  p95 ms  p95 cpu ms"
    for row in result["sizes"]:
        encode = row["chunks"] / rate
        share = 100 * row["first_s"] / (row["first_s"] + encode)
        lines.append(
            f"{row['papers']:6} {row['chunks']:7} {row['first_s']:7.1f} {encode:9.1f} {share:7.1f}"
            f" {row['peak_mb']:8.0f} {row['disk']['index_rest'] / 1024:8.2f} {row['again_s']:8.2f}"
            f" {row['add_100_s']:7.2f} {row['remove_1_s']:5.2f} {row['p50_ms']:7.1f}"
            f" {row['p95_ms']:7.1f} {row['p95_cpu_ms']:11.1f}"
        )
    low, high = result["sizes"][0], result["sizes"][-1]
    ratio = high["p95_ms"] / low["p95_ms"]
    lines.append(f"\np95 at {high['papers']} is {ratio:.2f} times that at {low['papers']}")
    added = high["add_100_s"] / (high["first_s"] + high["chunks"] / rate)
    work = high["chunks"] * result["encoding"]["cpu_s_per_text"]
    rest = 100 * high["first_cpu_s"] / (high["first_cpu_s"] + work)
    lines.append(f"of the processor's work, {rest:.1f} % is not encoding, at {high['papers']}")
    lines.append(f"adding 100 papers takes {100 * added:.2f} % of the first run")
    return "\n".join(lines)
