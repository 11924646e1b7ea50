"""A catalog -> a row for each paper without its abstract, and the listings of each page."""

import json
from typing import NamedTuple

from assistant.catalog import Catalog
from assistant.period import Period
from assistant.rows import days_of


class Row(NamedTuple):
    """What a list of papers needs of one."""

    paper_id: str
    title: str
    date: str | None
    year_inferred: bool
    authors: int | None
    pages: tuple[str, ...]
    """Each once, by name."""
    days: Period | None
    """What the date may mean; None where there is none or no calendar has it."""
    searched: str
    """Title, names and id, folded: where the words of a filter are looked for."""


def rows_of(catalog: Catalog) -> tuple[Row, ...]:
    """Every paper, by title. It reads no abstracts: of many papers they are the most."""
    pages: dict[str, list[str]] = {}
    seen = "SELECT DISTINCT paper_id, page FROM sightings ORDER BY page"
    for paper_id, page in catalog.database.rows(seen):
        pages.setdefault(paper_id, []).append(page)
    found = catalog.database.rows(
        "SELECT paper_id, title, date, year_inferred, author_count, authors FROM papers"
    )
    rows = [_row(*fields, pages=tuple(pages.get(fields[0], ()))) for fields in found]
    return tuple(sorted(rows, key=lambda row: (row.title.casefold(), row.title)))


def listings_of(catalog: Catalog) -> tuple[tuple[str, int], ...]:
    """Every page, by name, and how many listings were found on it."""
    counted = dict(catalog.database.rows("SELECT page, count(*) FROM sightings GROUP BY page"))
    return tuple((page, counted.get(page, 0)) for page in catalog.pages())


def _row(
    paper_id: str,
    title: str,
    date: str | None,
    year_inferred: int,
    author_count: int | None,
    authors: str,
    *,
    pages: tuple[str, ...],
) -> Row:
    first, last = days_of(date)
    names = json.loads(authors) if authors != "[]" else ()
    return Row(
        paper_id,
        title,
        date,
        bool(year_inferred),
        author_count,
        pages,
        Period(first, last) if first and last else None,
        "\n".join((title, *names, paper_id)).casefold(),
    )
