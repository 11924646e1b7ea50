"""Counts and scores -> pictures as SVG that takes its colours from the page."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evals.page_parts import Html

# Stand-ins that nothing else uses; in the page each becomes one of its colours.
_INK, _QUIET, _MAIN, _GRAVE, _MILD = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_COLOURS = {
    _INK: "var(--ink)",
    _QUIET: "var(--rule)",
    _MAIN: "var(--accent)",
    _GRAVE: "var(--bad)",
    _MILD: "var(--warn)",
}
_WIDTH = 4.3
_GRAVEST = frozenset({"obeyed", "fabricated", "distorted", "miscited"})
_RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evals",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _QUIET,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


def picture(name: str, label: str, height: float, draw: Callable[[Axes], None]) -> Html:
    """What `draw` draws, with `label` for those who do not see it; ids start with `name`."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(_WIDTH, height))
        draw(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return Html(_of_the_page(name, label, out.getvalue()))


def _of_the_page(name: str, label: str, svg: str) -> str:
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"\s*<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]+)"', svg)
    head = f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="{box and box[1]}">'
    svg = head + svg[svg.index(">") + 1 :]
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'xlink:href="#', f'href="#{name}-', svg)
    for stand_in, colour in _COLOURS.items():
        svg = svg.replace(stand_in, colour)
    return svg


def attribution(counts: Mapping[str, int], words: Mapping[str, str], label: str) -> Html:
    """A bar for each cause, as long as it has rows."""
    keys = list(counts)

    def draw(axes: Axes) -> None:
        colours = [_GRAVE if key in _GRAVEST else _MILD for key in keys]
        bars = axes.barh(range(len(keys)), list(counts.values()), color=colours, height=0.62)
        axes.bar_label(bars, padding=3)
        axes.set_yticks(range(len(keys)), [_wrapped(words[key]) for key in keys])
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max(1, *counts.values()) * 1.12)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("questions")

    return picture("attribution-plot", label, 0.36 * len(keys) + 0.5, draw)


def _wrapped(label: str) -> str:
    words, half = label.split(), (len(label.split()) + 1) // 2
    return label if len(label) < 24 else f"{' '.join(words[:half])}\n{' '.join(words[half:])}"


def reliability(bins: Sequence[tuple[float, float, int]], label: str) -> Html:
    """For each bin of scores the share that is faithful; a good judge lies on the diagonal."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_QUIET, linestyle="--", linewidth=1)
        most = max((n for _, _, n in bins), default=1)
        axes.plot([x for x, _, _ in bins], [y for _, y, _ in bins], color=_MAIN, linewidth=1)
        sizes = [18 + 120 * n / most for _, _, n in bins]
        axes.scatter([x for x, _, _ in bins], [y for _, y, _ in bins], s=sizes, color=_MAIN)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.set_xlabel("the judge's probability")
        axes.set_ylabel("share that is faithful")

    return picture("reliability-plot", label, 3.4, draw)


def changes(rows: Sequence[tuple[str, float, float, float]], label: str) -> Html:
    """A dot and a stroke for each difference; right of the line is more."""

    def draw(axes: Axes) -> None:
        places = range(len(rows))
        axes.axvline(0, color=_QUIET, linewidth=1)
        low = [100 * (at - low) for _, at, low, _ in rows]
        high = [100 * (high - at) for _, at, _, high in rows]
        axes.errorbar(
            [100 * at for _, at, _, _ in rows], places, xerr=[low, high], fmt="o", color=_MAIN,
            markersize=4, capsize=2, linewidth=1.2,
        )  # fmt: skip
        axes.set_yticks(places, [_wrapped(name) for name, *_ in rows])
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("points more than before")

    return picture("changes-plot", label, 0.34 * len(rows) + 0.6, draw)


def spreads(
    name: str, unit: str, rows: Sequence[tuple[str, float, float, float]], label: str
) -> Html:
    """A bar for each figure, its quartiles as a stroke; powers of ten where they lie far apart."""

    def draw(axes: Axes) -> None:
        places = range(len(rows))
        values = [middle for _, middle, _, _ in rows]
        bars = axes.barh(places, values, color=_MAIN, height=0.6)
        ends = [[m - low for _, m, low, _ in rows], [high - m for _, m, _, high in rows]]
        axes.errorbar(values, places, xerr=ends, fmt="none", ecolor=_INK, linewidth=1, capsize=2)
        axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=6)
        axes.set_yticks(places, [_wrapped(row[0]) for row in rows])
        axes.invert_yaxis()
        if min(values) > 0 and max(values) > 50 * min(values):
            axes.set_xscale("log")
        axes.margins(x=0.15)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(unit)

    return picture(f"{name}-plot", label, 0.42 * len(rows) + 0.6, draw)
