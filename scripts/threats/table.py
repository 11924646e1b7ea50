"""Figures and tests -> docs/threats.md."""

import re
from collections.abc import Iterator, Mapping, Sequence

from threats.ground import Ground
from threats.rows import THREATS, Threat
from threats.tested import Ran, held, tested


def tables(
    ground: Ground, rows: Sequence[str], tests: bool, figures: bool, page: str
) -> Iterator[str]:
    """The page, whole, each time that one more of these rows is made anew.

    Without `tests` or `figures` those before stand, and so does a figure that needs more to go by.
    """
    known = {row[0]: row[3] for line in page.splitlines() if len(row := _cells(line)) == _CELLS}
    yield _page(known)
    ran = tested(rows) if tests else []
    for threat in THREATS:
        if threat.name in rows:
            before = known.get(threat.name, "")
            known[threat.name] = _reached(threat, ground, ran, before, figures)
            print(_row(threat, known), flush=True)
            yield _page(known)


def _page(known: Mapping[str, str]) -> str:
    return "\n".join([*_HEAD, *(_row(threat, known) for threat in THREATS)]) + "\n"


def _row(threat: Threat, known: Mapping[str, str]) -> str:
    files = ", ".join(dict.fromkeys(f"`{one.partition('::')[0]}`" for one in threat.tests))
    reached = known.get(threat.name, "")
    return f"| {' | '.join((threat.name, threat.what, threat.wanted, reached, files))} |"


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
    counted = re.search(r"(?:; )?(\d+ of \d+ tests)$", before)
    figure = threat.figure(ground) if threat.figure and figures else ""
    figure = figure or (before[: counted.start()] if counted else before)
    tests = held(threat, ran) if ran else counted[1] if counted else ""
    return "; ".join(filter(None, (figure, tests)))
