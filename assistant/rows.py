"""Papers and sightings <-> the columns that both of them have in the catalog."""

import json
from collections.abc import Sequence
from typing import Any

from assistant.errors import UsageError
from assistant.period import period
from assistant.schema import Paper, Sighting

OF_BOTH = "title, abstract, date, year_inferred, author_count, authors, url, extra"


def common_row(of: Paper | Sighting) -> tuple[Any, ...]:
    """The values of `OF_BOTH`."""
    return (
        of.title,
        of.abstract,
        of.date,
        of.year_inferred,
        of.author_count,
        json.dumps(of.authors),
        of.url,
        json.dumps(dict(of.extra)),
    )


def common_of(row: Sequence[Any]) -> dict[str, Any]:
    """The fields that the values of `OF_BOTH` make."""
    title, abstract, date, year_inferred, author_count, authors, url, extra = row
    return {
        "title": title,
        "abstract": abstract,
        "date": date,
        "year_inferred": bool(year_inferred),
        "author_count": author_count,
        "authors": tuple(json.loads(authors)),
        "url": url,
        "extra": json.loads(extra),
    }


def days_of(date: str | None) -> tuple[str, str] | tuple[None, None]:
    """The first and last day that a paper's date may mean; none where no calendar has it."""
    try:
        return period(date or "")
    except UsageError:
        return (None, None)
