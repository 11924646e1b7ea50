"""A catalog -> rows of a table of papers: filtered, sorted, and a page of them at a time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from assistant.catalog import Catalog
from assistant.clean import for_html
from assistant.contents import Row, rows_of
from assistant.period import ALWAYS, Period, period
from assistant.plural import counted

AT_ONCE = 100
_MOST_PAGES = 20


class View(NamedTuple):
    """What of the table is looked at."""

    words: str = ""
    page: str | None = None
    since: str = ""
    until: str = ""
    column: str = "title"
    descending: bool = False
    start: int = 0


class Shown(NamedTuple):
    """The rows to show, and how many there are in all that pass the filters."""

    rows: tuple[Row, ...]
    found: int
    start: int


class _Column(NamedTuple):
    name: str
    label: str
    value: Callable[[Row], Any]
    """None where a row has no value: then it comes last, whichever way is sorted."""


COLUMNS = (
    _Column("title", "Title", lambda row: row.title),
    _Column("date", "Date", lambda row: row.date),
    _Column("authors", "Authors", lambda row: row.authors),
    _Column("pages", "Pages", lambda row: len(row.pages)),
)


class Held(Protocol):
    """Whoever has the catalog."""

    @property
    def catalog(self) -> Catalog:
        """The catalog."""


class Rows:
    """All rows of a catalog, made once for each state of it."""

    def __init__(self, assistant: Held) -> None:
        self._assistant = assistant
        self._made: tuple[object, tuple[Row, ...]] | None = None

    def now(self) -> tuple[Row, ...]:
        """The rows by title, as the catalog stands."""
        catalog = self._assistant.catalog
        state, made = (catalog.fingerprint(), catalog.pages()), self._made
        if made is None or made[0] != state:
            self._made = made = (state, rows_of(catalog))
        return made[1]


def shown(rows: Sequence[Row], view: View) -> Shown:
    """The part of the table that `view` looks at; a date not understood is a `UsageError`."""
    found = _sorted(_filtered(rows, view), view)
    last = max(0, (len(found) - 1) // AT_ONCE * AT_ONCE)
    start = min(max(0, view.start), last)
    return Shown(tuple(found[start : start + AT_ONCE]), len(found), start)


def turned(view: View, column: str) -> View:
    """The view by that column; by the one it is sorted by already, the other way round."""
    if column not in {one.name for one in COLUMNS}:
        return view
    descending = column == view.column and not view.descending
    return view._replace(column=column, descending=descending, start=0)


def _filtered(rows: Iterable[Row], view: View) -> list[Row]:
    words = view.words.casefold().split()
    days = _days(view)
    return [
        row
        for row in rows
        if all(word in row.searched for word in words)
        and (not view.page or view.page in row.pages)
        and (days is None or _overlaps(row.days, days))
    ]


def _days(view: View) -> Period | None:
    since, until = view.since.strip(), view.until.strip()
    if not since and not until:
        return None
    first = period(since).first if since else ALWAYS.first
    return Period(first, period(until).last if until else ALWAYS.last)


def _overlaps(mine: Period | None, days: Period) -> bool:
    return mine is not None and mine.first <= days.last and mine.last >= days.first


def _sorted(rows: list[Row], view: View) -> list[Row]:
    # Rows come by title, and sorting keeps that order among equals.
    if view.column == COLUMNS[0].name:
        return rows[::-1] if view.descending else rows
    value = next(one.value for one in COLUMNS if one.name == view.column)
    known = [row for row in rows if value(row) is not None]
    known.sort(key=value, reverse=view.descending)
    return known + [row for row in rows if value(row) is None]


def table_html(part: Shown, view: View, all_rows: int) -> str:
    """The table; its buttons carry `data-sort`, `data-move` or `data-paper`."""
    body = "".join(map(_row, part.rows))
    heads = "".join(_head(column, view) for column in COLUMNS)
    return (
        f'<p class="browse-count" role="status">{_count(part, all_rows)}</p>'
        '<div class="browse-scroll" role="region" aria-label="Table of papers" tabindex="0">'
        '<table class="browse-table"><caption class="browse-unseen">Papers; the buttons of the'
        " heads sort, a title opens its paper</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{_moves(part)}"
    )


def _count(part: Shown, all_rows: int) -> str:
    if not all_rows:
        return "Nothing is indexed yet: drop a page, or run <code>assistant index</code>."
    if not part.found:
        return "No paper passes these filters: widen the dates, or use fewer words."
    of = "" if part.found == all_rows else f" of {all_rows:,}"
    if part.found <= AT_ONCE:
        return f"{part.found:,}{of} {'paper' if all_rows == 1 else 'papers'}."
    end = part.start + len(part.rows)
    return f"{part.found:,}{of} papers; {part.start + 1:,} to {end:,} are shown."


def _head(column: _Column, view: View) -> str:
    chosen = column.name == view.column
    order = ("descending" if view.descending else "ascending") if chosen else "none"
    sign = ("▼" if view.descending else "▲") if chosen else "↕"
    return (
        f'<th scope="col" aria-sort="{order}" class="browse-{column.name}">'
        f'<button type="button" class="browse-sort" data-sort="{column.name}">{column.label}'
        f' <span aria-hidden="true">{sign}</span></button></th>'
    )


def _row(row: Row) -> str:
    guess = (
        ' <abbr class="browse-guess" title="year inferred">*</abbr>' if row.year_inferred else ""
    )
    date = (
        f"{for_html(row.date)}{guess}" if row.date else '<span class="browse-none">no date</span>'
    )
    authors = row.authors if row.authors is not None else '<span class="browse-none">unknown</span>'
    pages = for_html(", ".join(row.pages[:_MOST_PAGES]))
    return (
        f'<tr data-paper="{for_html(row.paper_id)}"><th scope="row" class="browse-title">'
        f'<button type="button" class="browse-open" dir="auto">{for_html(row.title)}</button></th>'
        f'<td class="browse-date">{date}</td><td class="browse-authors">{authors}</td>'
        f'<td class="browse-pages" title="{pages}">{len(row.pages):,}</td></tr>'
    )


def _moves(part: Shown) -> str:
    if part.found <= AT_ONCE:
        return ""
    back = _move("Earlier rows", part.start - AT_ONCE, part.start > 0)
    on = _move("Further rows", part.start + AT_ONCE, part.start + AT_ONCE < part.found)
    rows = f"{counted(AT_ONCE, 'row')} at a time"
    return f'<p class="browse-moves">{back}{on}<span>{rows}</span></p>'


def _move(label: str, start: int, possible: bool) -> str:
    # Not `disabled`: that would take the focus away from whoever pressed it last.
    off = "" if possible else ' aria-disabled="true"'
    where = f' data-move="{start}"' if possible else ""
    return f'<button type="button" class="browse-move"{where}{off}>{label}</button>'
