"""Rows of papers -> how many a month and on which page, as bars that a screen reader can read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from assistant.clean import for_html
from assistant.contents import Row
from assistant.plural import counted

_MOST_YEARS = 15
"""Of more years than these only the years are told apart."""
_MOST_LABELS = 12
_MOST_PAGES = 12


class Bar(NamedTuple):
    """One bar: a month or a year, and its papers."""

    when: str
    papers: int


def charts_html(rows: Sequence[Row]) -> str:
    """Both plots, each with the same figures in words and in a table."""
    if not rows:
        return ""
    return (
        '<section class="chart" aria-label="The corpus in figures">'
        f"{_over_time(rows)}{_by_page(rows)}</section>"
    )


def bars(rows: Iterable[Row]) -> list[Bar]:
    """Papers a month, with the months that have none between the first and the last; or a year."""
    dates = [row.date for row in rows if row.date]
    if not dates:
        return []
    first, last = int(min(dates)[:4]), int(max(dates)[:4])
    if last - first >= _MOST_YEARS:
        found = Counter(date[:4] for date in dates)
        return [Bar(f"{year:04}", found[f"{year:04}"]) for year in range(first, last + 1)]
    found = Counter(date[:7] for date in dates if len(date) >= len("2021-03"))
    return [
        Bar(when, found[when])
        for year in range(first, last + 1)
        for month in range(1, 13)
        if (when := f"{year:04}-{month:02}")
    ]


def summary(rows: Sequence[Row]) -> str:
    """What the bars show, in words."""
    dated = sum(row.date is not None for row in rows)
    if not dated:
        return f"None of the {counted(len(rows), 'paper')} has a date."
    most = max(bars(rows), key=lambda bar: (bar.papers, bar.when))
    years = sorted({row.date[:4] for row in rows if row.date})
    span = years[0] if len(years) == 1 else f"{years[0]} to {years[-1]}"
    peak = f"; the most, {most.papers:,}, in {most.when}" if most.papers else ""
    return f"{dated:,} of {counted(len(rows), 'paper')} are dated, {span}{peak}."


def _over_time(rows: Sequence[Row]) -> str:
    words, found = summary(rows), bars(rows)
    unit = "year" if found and len(found[0].when) == 4 else "month"
    plot = f'<div class="chart-plot" aria-hidden="true">{_years(found)}</div>' if found else ""
    return (
        f'<figure class="chart-figure"><figcaption class="chart-title">Papers a {unit}</figcaption>'
        f'<p class="chart-words">{for_html(words)}</p>{plot}{_table(found, unit)}</figure>'
    )


def _years(found: Sequence[Bar]) -> str:
    highest = max(bar.papers for bar in found) or 1
    years = list(dict.fromkeys(bar.when[:4] for bar in found))
    step = -(-len(years) // _MOST_LABELS)
    groups = []
    for number, year in enumerate(years):
        columns = "".join(_column(bar, highest) for bar in found if bar.when[:4] == year)
        label = year if number % step == 0 else ""
        groups.append(
            f'<div class="chart-year"><div class="chart-bars">{columns}</div>'
            f'<span class="chart-label">{label}</span></div>'
        )
    return "".join(groups)


def _column(bar: Bar, highest: int) -> str:
    height = 100 * bar.papers / highest
    return (
        f'<span class="chart-bar" style="height: {height:.1f}%"'
        f' title="{for_html(bar.when)}: {counted(bar.papers, "paper")}"></span>'
    )


def _table(found: Sequence[Bar], unit: str) -> str:
    rows = "".join(
        f'<tr><th scope="row">{for_html(bar.when)}</th><td>{bar.papers:,}</td></tr>'
        for bar in found
        if bar.papers
    )
    if not rows:
        return ""
    return (
        '<details class="chart-more"><summary>The same as a table</summary>'
        '<div class="chart-scroll" role="region" tabindex="0" aria-label="Papers over time">'
        f'<table class="chart-table"><thead><tr><th scope="col">{unit.capitalize()}</th>'
        f'<th scope="col">Papers</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def _by_page(rows: Sequence[Row]) -> str:
    found = Counter(page for row in rows for page in row.pages)
    alone = Counter(row.pages[0] for row in rows if len(row.pages) == 1)
    highest = max(found.values(), default=1)
    body = "".join(
        _page(page, number, alone[page], highest) for page, number in _biggest(found)[:_MOST_PAGES]
    )
    more = len(found) - _MOST_PAGES
    rest = f'<p class="chart-words">And {counted(more, "more page")}.</p>' if more > 0 else ""
    return (
        '<figure class="chart-figure"><figcaption class="chart-title">Where they were seen'
        '</figcaption><p class="chart-words">The filled part of a bar was seen there only.</p>'
        '<table class="chart-pages"><thead><tr><th scope="col">Page</th>'
        '<th scope="col">Papers</th><th scope="col">Only there</th></tr></thead>'
        f"<tbody>{body}</tbody></table>{rest}</figure>"
    )


def _biggest(found: Counter[str]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def _page(page: str, papers: int, alone: int, highest: int) -> str:
    width = 100 * papers / highest
    share = 100 * alone / papers
    return (
        f'<tr><th scope="row"><span class="chart-name" dir="auto">{for_html(page)}</span>'
        f'<span class="chart-line" aria-hidden="true" style="width: {width:.1f}%">'
        f'<span class="chart-alone" style="width: {share:.1f}%"></span></span></th>'
        f"<td>{papers:,}</td><td>{alone:,}</td></tr>"
    )
