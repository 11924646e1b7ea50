"""Rows of the table -> the tests that they name, run; a plugin of pytest chooses them."""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from threats import ROOT
from threats.rows import THREATS, Threat


class Ran(NamedTuple):
    """A test that ran."""

    file: str
    name: str
    passed: bool


def names(threat: Threat, file: str, test: str) -> bool:
    """Whether the row names this test of this file."""
    pairs = (given.partition("::")[::2] for given in threat.tests)
    return any(file == one and re.search(words, test) is not None for one, words in pairs)


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """As a plugin of pytest, this module leaves the tests that the rows asked for name."""
    rows = os.environ[_ROWS].split()
    chosen = [threat for threat in THREATS if threat.name in rows]
    named = {item: any(names(one, item.path.stem, item.name) for one in chosen) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not named[item]])
    items[:] = [item for item in items if named[item]]


_ROWS = "THREATS_ROWS"


def tested(rows: Sequence[str]) -> list[Ran]:
    """Every test that one of these rows names, run once."""
    chosen = (threat for threat in THREATS if threat.name in rows)
    files = sorted({one.partition("::")[0] for threat in chosen for one in threat.tests})
    with tempfile.TemporaryDirectory() as passing:
        report = Path(passing) / "report.xml"
        paths = [f"tests/{name}.py" for name in files]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "threats.tested",
        ]
        # Beside a soak of another run everything takes its time.
        command += ["-o", "timeout=900"]
        # In CI a test that is skipped fails.
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "CI": "1"}
        environment[_ROWS] = " ".join(rows)
        subprocess.run(
            [*command, "-n", "2", f"--junitxml={report}", *paths],
            cwd=ROOT,
            env=environment,
            check=False,
        )
        cases = ElementTree.parse(report).iter("testcase")
        return [
            Ran(
                next(part for part in case.get("classname", "").split(".") if part in files),
                case.get("name", ""),
                not any(case.find(bad) is not None for bad in ("failure", "error", "skipped")),
            )
            for case in cases
        ]


def held(threat: Threat, ran: Sequence[Ran]) -> str:
    """How many of the tests that hold it pass."""
    mine = [one for one in ran if names(threat, one.file, one.name)]
    return f"{sum(one.passed for one in mine)} of {len(mine)} tests"
