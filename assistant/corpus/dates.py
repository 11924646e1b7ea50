"""Dates as people write them -> ISO 8601 at the precision they give."""

import re
from datetime import date
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[12]\d{3})"
_WRITTEN = tuple(
    re.compile(f"{form}$", re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_YEAR}",
        rf"{_YEAR}[-/.](?P<month>\d{{1,2}})",
        rf"{_YEAR}[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?:[t ]\d.*)?",
        rf"{_YEAR}(?P<month>[01]\d)(?P<day>[0-3]\d)",
        rf"{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?",
        rf"{_MONTH},?\s+{_YEAR}",
        rf"(?:[a-z]{{3,9}},\s*)?{_DAY}\s+{_MONTH},?(?:\s+{_YEAR}(?:\s+\d.*)?)?",
        rf"{_YEAR}[\s,]+{_MONTH}(?:\s+{_DAY})?",
    )
)


class Written(NamedTuple):
    """A date as far as it is written out."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


def read_date(text: str) -> Written | None:
    """Read the date that the whole text is, if it is one."""
    match = next(filter(None, (form.match(text.strip()) for form in _WRITTEN)), None)
    if match is None:
        return None
    part = match.groupdict()
    month = _MONTHS.index(part["name"][:3].lower()) + 1 if part.get("name") else part.get("month")
    return Written(
        *(int(value) if value else None for value in (part["year"], month, part.get("day")))
    )


def month_number(text: str) -> int | None:
    """Give the number of the month that `3`, `mar` or `March` names."""
    text = text.strip().lower()
    if text.isdecimal():
        return int(text) if 1 <= int(text) <= 12 else None
    return _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else None


def iso(written: Written) -> str | None:
    """ISO 8601 as precise as the date is possible: the 31st of April is an April."""
    year, month, day = written
    if year is None:
        return None
    if month is None or not 1 <= month <= 12:
        return f"{year:04}"
    try:
        return date(year, month, day or 0).isoformat()
    except ValueError:
        return f"{year:04}-{month:02}"
