"""`bench`: every group measured -> bench.json, and a page with plots."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import strftime
from typing import Any

from assistant import config
from evals.bench import page, peers
from evals.bench.figures import Measured, as_json
from evals.bench.setting import Setting

FILE = "bench.json"
GROUPS = {
    "indexing": "evals.bench.indexing",
    "asking": "evals.bench.asking",
    "cold": "evals.bench.cold",
    "memory": "evals.bench.memory",
    "quality": "evals.bench.quality",
    "page": "evals.bench.browser",
}


def add(verb: argparse.ArgumentParser) -> None:
    """The options of `bench`."""
    verb.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder to keep it in")
    verb.add_argument("--only", action="append", choices=GROUPS, help="these groups alone")
    verb.add_argument("--quick", action="store_true", help="a few repetitions of a few questions")
    verb.add_argument("--repeat", type=int, default=1_000, help="rounds at most, of any group")
    verb.add_argument("--many", type=Path, help="a data folder with 50,000 papers more")
    verb.add_argument("--papers", type=Path, help="JSON Lines of 10,000 abstracts, .gz or not")
    verb.add_argument("--encoded", type=Path, help="file of what was encoded of them")
    verb.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="install llama-index and bm25s beside, and measure them too",
    )
    verb.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Measure the groups, print each figure, and keep them as JSON and as a page."""
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    python = None
    if given.peers and not given.quick:
        _tell("installing the peers, this once", quiet=given.quiet)
        python = peers.install(out / "peers")
    more = (given.many, given.papers, given.encoded)
    setting = Setting(out, given.quick, max(1, given.repeat), *more, python)
    for name in given.only or GROUPS:
        _tell(f"measuring: {name}", quiet=given.quiet)
        found = import_module(GROUPS[name]).measure(setting)
        found = found._replace(left_out=tuple(f"{name}: {line}" for line in found.left_out))
        # Each group is kept as soon as it is measured, in place of what it came to before.
        result = about(setting) | merged(before(out), as_json(found), name)
        (out / FILE).write_text(json.dumps(result, indent=1), encoding="utf-8")
        page.write(result, out)
        print(table(found), flush=True)
    return 0


def before(folder: Path) -> Mapping[str, Any]:
    """What an earlier run of this version kept in the folder; nothing where there is none."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return dict(kept) if kept["version"] == config.version() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def merged(kept: Mapping[str, Any], found: Mapping[str, Any], group: str) -> dict[str, Any]:
    """What was found of a group, and what was kept of the others."""
    lists = ("figures", "ratios", "wanted")
    rows = {
        name: [*(one for one in kept.get(name, ()) if one["group"] != group), *found[name]]
        for name in lists
    }
    left = [line for line in kept.get("left_out", ()) if not line.startswith(f"{group}: ")]
    return {**rows, "left_out": [*left, *found["left_out"]]}


def about(setting: Setting) -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "version": config.version(),
        "when": strftime("%Y-%m-%d %H:%M"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "quick": setting.quick,
        "peers": peers.state(setting.peers) if setting.peers else {},
    }


def table(found: Measured) -> str:
    """A line a figure, then the ratios, then what was wanted."""
    lines = [f"{'figure':<66}{'median':>10}   quartiles"]
    for one in found.figures:
        low, high = one.spread
        name = f"{one.group}: {one.name}"
        lines.append(f"{name:<66}{one.median:>10.2f}   {low:.2f} to {high:.2f} {one.unit}")
    lines.append("")
    for ratio in found.ratios:
        low, high = ratio.spread
        name = f"{ratio.group}: {ratio.name}"
        held = f"   wanted {ratio.goal}: {_met(ratio.goal.met(ratio.median))}" if ratio.goal else ""
        lines.append(f"{name:<66}{ratio.median:>10.2f}   {low:.2f} to {high:.2f}{held}")
    for figure, goal in found.wanted:
        name = f"{figure.group}: {figure.name}"
        held = f"wanted {goal} {figure.unit}: {_met(goal.met(figure.median))}"
        lines.append(f"{name:<66}{figure.median:>10.2f}   {held}")
    return "\n".join([*lines, *(f"left out: {line}" for line in found.left_out)])


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _tell(text: str, *, quiet: bool) -> None:
    if not quiet:
        print(text, file=sys.stderr)
