"""What a benchmark found -> one HTML page that needs nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from evals.page import TEMPLATES
from evals.page_parts import DASH, Html, join, pairs, section, table, tag

FILE = "bench.html"
_TITLE = "How fast it is"
_GROUPS = {
    "indexing": "Indexing",
    "asking": "A warm question",
    "cold": "A command's start",
    "memory": "Memory",
    "quality": "Quality, and the evals",
    "page": "The page",
}


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write the page into `folder`."""
    path = folder / FILE
    path.write_text(page(result), encoding="utf-8", newline="\n")
    return path


def page(result: Mapping[str, Any]) -> str:
    """The page as text."""
    measured = [name for name in _GROUPS if _of(result["figures"], name)]
    body = [_goals(result), *(_group(result, name) for name in measured), _left_out(result)]
    template = Template((TEMPLATES / "report.html").read_text(encoding="utf-8"))
    names = {"headline": "What was wanted", **{name: _GROUPS[name] for name in measured}}
    return template.substitute(
        title=_TITLE,
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        about=tag("p", _about(result)),
        contents=join(tag("a", name, href=f"#{key}") for key, name in names.items()),
        body=join(body, "\n"),
        footer=tag("p", "How each figure is made stands in docs/speed.md."),
    )


def _about(result: Mapping[str, Any]) -> str:
    quick = ", a quick run: a few repetitions, not to be relied on" if result["quick"] else ""
    return (
        f"Version {result['version']}, {result['when']}, {result['cores']} cores"
        f" ({result['machine']}), Python {result['python']}{quick}. Medians; quartiles beside them."
    )


def _of(rows: Sequence[Mapping[str, Any]], group: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["group"] == group]


def _goals(result: Mapping[str, Any]) -> Html:
    rows = [row for row in (*result["ratios"], *result["wanted"]) if "goal" in row]
    lines = [
        [row["name"], row["goal"], _number(row["median"]), "met" if row["met"] else "missed"]
        for row in rows
    ]
    head = ("figure", "wanted", "seen", "")
    return section("headline", "What was wanted", table("Wanted and seen", head, lines))


def _group(result: Mapping[str, Any], group: str) -> Html:
    figures, ratios = _of(result["figures"], group), _of(result["ratios"], group)
    lines = [
        [row["name"], _number(row["median"]), _spread(row), row.get("unit", "")]
        for row in (*figures, *ratios)
    ]
    head = ("figure", "median", "quartiles", "unit")
    return section(
        group,
        _GROUPS[group],
        *(_plot(group, unit, rows) for unit, rows in _by_unit(figures).items()),
        table(_GROUPS[group], head, lines),
    )


def _by_unit(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["unit"], []).append(row)
    return {unit: rows for unit, rows in found.items() if unit and len(rows) > 1}


def _plot(group: str, unit: str, rows: Sequence[Mapping[str, Any]]) -> Html:
    from evals import plots

    spreads = [(row["name"], row["median"], row["low"], row["high"]) for row in rows]
    name = f"{group}-{''.join(filter(str.isalnum, unit))}"
    return plots.spreads(name, unit, spreads, f"{_GROUPS[group]}, {unit}")


def _left_out(result: Mapping[str, Any]) -> Html:
    lines = [tag("li", line) for line in result["left_out"]]
    peers = [(name, how) for name, how in result["peers"].items()]
    return section(
        "left-out", "What was not measured", tag("ul", *lines or [tag("li", DASH)]), pairs(peers)
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(row: Mapping[str, Any]) -> str:
    return f"{_number(row['low'])} to {_number(row['high'])}" if len(row["values"]) > 1 else DASH
