import pytest

from assistant.errors import UsageError
from assistant.period import asked, filters, period
from assistant.schema import Filters


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [
        ("2021", "2021-01-01", "2021-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        (" 2021-03-12 ", "2021-03-12", "2021-03-12"),
        ("\u202e2021\u200b-03", "2021-03-01", "2021-03-31"),
    ],
)
def test_a_date_means_all_days_of_its_precision(date: str, first: str, last: str) -> None:
    assert period(date) == (first, last)


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "21",
        "2021-13",
        "2021-00",
        "2021-02-30",
        "2021-1-1",
        "12/03/2021",
        "\uff12\uff10\uff12\uff11",
    ],
)
def test_anything_else_says_how_to_write_one(date: str) -> None:
    with pytest.raises(UsageError, match="write 2021, 2021-03 or 2021-03-12"):
        period(date)


def test_dates_are_cleaned_where_they_enter_and_an_error_repeats_little_of_them() -> None:
    hidden = {name: "\u2066 2021\u200b" for name in ("since", "until", "as_of")}
    assert filters(**hidden) == Filters(since="2021", until="2021", as_of="2021")
    for name in hidden:
        with pytest.raises(UsageError, match=rf"{name} '\[2Jsoon") as told:
            filters(**{name: "\x1b[2Jsoon" * 100_000})  # type: ignore[arg-type]
        assert len(str(told.value)) < 120


def test_all_that_is_asked_for_must_hold() -> None:
    assert asked(Filters()) is None
    assert asked(Filters(page="x")) is None
    assert asked(Filters(year=2021)) == ("2021-01-01", "2021-12-31")
    assert asked(Filters(since="2021-03", until="2022")) == ("2021-03-01", "2022-12-31")
    assert asked(Filters(year=2021, since="2021-06")) == ("2021-06-01", "2021-12-31")


def test_dates_that_leave_no_day_are_an_error() -> None:
    with pytest.raises(UsageError, match="no day lies in the dates"):
        asked(Filters(since="2022", until="2021"))
    with pytest.raises(UsageError, match="'0000' is not understood"):
        asked(Filters(year=0))
