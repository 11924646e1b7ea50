"""A date at any precision -> the first and last day that it may mean."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date as Day  # noqa: N812
from typing import NamedTuple

from assistant.clean import at_entry
from assistant.errors import UsageError
from assistant.schema import Filters

_SHOWN = 40
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class Period(NamedTuple):
    """Two days, ISO 8601, both included; ISO text compares as the days do."""

    first: str
    last: str


ALWAYS = Period("0000-00-00", "9999-99-99")


def period(date: str) -> Period:
    """What `2021`, `2021-03` or `2021-03-12` may mean; anything else is a `UsageError`."""
    match = _DATE.fullmatch(_cleaned(date))
    year, month, day = match.groups() if match else ("", "", "")
    try:
        first = Day(int(year), int(month or 1), int(day or 1))
        most = monthrange(first.year, int(month or 12))[1]
        last = Day(first.year, int(month or 12), int(day or most))
    except ValueError as error:
        raise UsageError(
            f"the date {_cleaned(date)!r} is not understood: write 2021, 2021-03 or 2021-03-12"
        ) from error
    return Period(first.isoformat(), last.isoformat())


def _cleaned(date: str) -> str:
    """A date as whoever typed it sees it, and no longer than an error may be."""
    text = at_entry(date[: 4 * _SHOWN]).text.strip()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def filters(
    since: str | None = None,
    until: str | None = None,
    year: int | None = None,
    page: str | None = None,
    without: Iterable[str] = (),
    as_of: str | None = None,
    *,
    mark: str = "",
) -> Filters:
    """The filters asked for, or an error where no paper could ever pass them.

    `mark` stands before each name in that error: "--" where they are options.
    """
    since, until, as_of = (None if one is None else _cleaned(one) for one in (since, until, as_of))
    first = _end(f"{mark}since", since, ALWAYS).first
    if first > _end(f"{mark}until", until, ALWAYS).last:
        raise UsageError(f"{mark}since {since} is after {mark}until {until}: swap them")
    name = f"{mark}as-of" if mark else "as_of"
    if first > _end(name, as_of, ALWAYS).last:
        raise UsageError(f"{mark}since {since} is after {name} {as_of}: nothing is left")
    return Filters(
        since=since, until=until, year=year, page=page, without=tuple(without), as_of=as_of
    )


def _end(name: str, date: str | None, otherwise: Period) -> Period:
    try:
        return otherwise if date is None else period(date)
    except UsageError:
        raise UsageError(f"{name} {date!r} is no date: write 2021, 2021-03 or 2021-03-12") from None


def asked(filters: Filters) -> Period | None:
    """The period that `since`, `until` and `year` leave; None if no date is asked for."""
    parts = [period(f"{filters.year:04}")] if filters.year is not None else []
    if filters.since is not None:
        parts.append(Period(period(filters.since).first, ALWAYS.last))
    if filters.until is not None:
        parts.append(Period(ALWAYS.first, period(filters.until).last))
    if not parts:
        return None
    whole = Period(max(part.first for part in parts), min(part.last for part in parts))
    if whole.first > whole.last:
        raise UsageError(
            "no day lies in the dates asked for: make since no later than until, and year between"
        )
    return whole
