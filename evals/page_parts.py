"""Figures, cells and texts -> pieces of HTML in which every text is only text."""

from collections.abc import Iterable, Sequence

from assistant.clean import for_html
from evals.metrics import Estimate

_COUNTED = frozenset({"words", "claims"})
_DECIMAL = frozenset({"rr", "ndcg_at_10"})
DASH = "–"


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Any value as text; what is HTML already stays."""
    return value if isinstance(value, Html) else Html(for_html(str(value)))


def join(pieces: Iterable[object], between: str = "") -> Html:
    """Pieces one after the other."""
    return Html(between.join(text(piece) for piece in pieces))


def tag(name: str, *inside: object, **attributes: str) -> Html:
    """An element; `class_` stands for class, and `_` within a name for `-`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{for_html(value)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{join(inside)}</{name}>")


BREAK = Html("<br>")


def section(name: str, title: str, *inside: object) -> Html:
    """A part of the page with its heading."""
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *inside, id=name, aria_labelledby=f"{name}-title")


def table(
    caption: str, head: Sequence[object], rows: Iterable[Sequence[object]], numbers: int = 1
) -> Html:
    """A table whose columns from `numbers` on are figures; a wide one scrolls by itself."""
    cells = [
        tag("th", one, scope="col", **({"class_": "number"} if place >= numbers else {}))
        for place, one in enumerate(head)
    ]
    lines = [_line(row, numbers) for row in rows]
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *cells)),
        tag("tbody", *lines),
    )
    return tag("div", inner, class_="wide", role="region", tabindex="0", aria_label=caption)


def _line(row: Sequence[object], numbers: int) -> Html:
    first = tag("th", row[0], scope="row")
    rest = [
        tag("td", one, **({"class_": "number"} if place >= numbers else {}))
        for place, one in enumerate(row[1:], 1)
    ]
    return tag("tr", first, *rest)


def percent(value: float) -> str:
    """A share as a person reads it."""
    return f"{100 * value:.1f} %"


def number(key: str, value: float) -> str:
    """The value of a measure, in its own unit."""
    if key in _COUNTED:
        return f"{value:.1f}"
    return f"{value:.3f}" if key in _DECIMAL else percent(value)


def interval(key: str, low: float, high: float) -> str:
    """The ends of an interval, in the measure's own unit."""
    if key in _COUNTED or key in _DECIMAL:
        return f"{number(key, low)} to {number(key, high)}"
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def short(estimate: Estimate | None) -> Html:
    """A share with its interval, for a cell; a dash where nothing was measured."""
    if estimate is None:
        return text(DASH)
    ends = f"{100 * estimate.low:.0f}{DASH}{100 * estimate.high:.0f}"
    return join([tag("b", f"{100 * estimate.value:.0f} %"), " ", tag("small", ends)])


def bar(estimate: Estimate) -> Html:
    """The interval as a stroke between none and all; its text stands beside it."""
    places = (estimate.low, estimate.high, estimate.value)
    low, high, at = (f"{100 * min(1.0, max(0.0, one)):.1f}%" for one in places)
    return tag(
        "span", Html("<i></i><b></b>"), class_="bar", aria_hidden="true",
        style=f"--low:{low};--high:{high};--at:{at}",
    )  # fmt: skip


def figure_card(key: str, label: str, estimate: Estimate, says: str = "") -> Html:
    """One figure, large, with its interval and n."""
    drawn = bar(estimate) if key not in _COUNTED else Html("")
    return tag(
        "div",
        tag("h3", label),
        tag("p", number(key, estimate.value), class_="figure"),
        drawn,
        tag("p", f"{interval(key, estimate.low, estimate.high)}, n = {estimate.n}", class_="ends"),
        *([tag("p", says, class_="says")] if says else []),
        class_="card",
    )


def pairs(values: Iterable[tuple[str, object]]) -> Html:
    """Names and values, side by side."""
    return tag("dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in values))


def alarm(*lines: object) -> Html:
    """What must be read before any figure."""
    return tag("div", *(tag("p", line) for line in lines), class_="alarm", role="note")
