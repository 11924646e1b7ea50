"""Figures and tests -> docs/threats.md."""

import re
from collections.abc import Sequence

from threats.ground import Ground
from threats.rows import THREATS, Threat
from threats.tested import Ran, held, tested


def table(ground: Ground, rows: Sequence[str], tests: bool, figures: bool, page: str) -> str:
    """The page with these rows made anew; without `tests` or `figures` those before stand."""
    known = {row[0]: row for line in page.splitlines() if len(row := _cells(line)) == _CELLS}
    ran = tested(rows) if tests else []
    lines = [*_HEAD]
    for threat in THREATS:
        before = known[threat.name][3] if threat.name in known else ""
        reached = before
        if threat.name in rows:
            reached = _reached(threat, ground, ran, before, figures)
        files = ", ".join(dict.fromkeys(f"`{one.partition('::')[0]}`" for one in threat.tests))
        row = (threat.name, threat.what, threat.wanted, reached, files)
        lines.append(f"| {' | '.join(row)} |")
        if threat.name in rows:
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


_CELLS = 5
_HEAD = (
    "# Threats, and the figures reached",
    "",
    "Made by `python scripts/threats --sets FOLDER --soak 2000`; `--only` makes some rows anew."
    " CI runs the tests of each row. R10 names the files that stay open; where questions wait for a"
    " processor, Chroma has up to ten connections to `chroma.sqlite3`, and no more.",
    "",
    "| # | threat | wanted | reached | held by |",
    "|---|---|---|---|---|",
)


def _cells(line: str) -> list[str]:
    return [part.strip() for part in line.strip().strip("|").split(" | ")]


def _reached(threat: Threat, ground: Ground, ran: Sequence[Ran], before: str, figures: bool) -> str:
    figure = threat.figure(ground) if threat.figure and figures else ""
    counted = re.search(r"(?:; )?(\d+ of \d+ tests)$", before)
    tests = held(threat, ran) if ran else counted[1] if counted else ""
    if not figures:
        figure = before[: counted.start()] if counted else before
    return "; ".join(filter(None, (figure, tests)))
