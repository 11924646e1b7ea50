"""Listings nobody has seen yet: title and abstract are told by form, not by our five files."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.corpus.dates import iso, read_date
from assistant.corpus.lines import read_trailer, text_kind
from assistant.corpus.listing import read_listing
from assistant.corpus.page import Reading

LONG = (
    "We study how saved pages can be read back. Our reader looks at the form of each line and never"
    " at its words. Experiments on thirty thousand real abstracts show that it loses none of them."
)
OTHER = LONG.replace("We study", "Here we ask")
THIRD = LONG.replace("We study", "This paper shows")


def found(reading: Reading) -> list[tuple[str, str]]:
    return [(sighting.title, sighting.abstract) for sighting in reading.sightings]


def read(*lines: str) -> Reading:
    return read_listing("\n".join(lines), "page.txt")


def skipped(reading: Reading) -> dict[int, str]:
    return {note.line: note.text for note in reading.notes if note.kind == "skipped"}


def test_a_modern_page_with_every_button_reads_as_its_papers() -> None:
    reading = read(
        *("Hugging Face", "Models", "Daily Papers", "by AK and the research community", "Dec 3"),
        *("", "Upvote", "", "128", "", "First Paper of the Day", "", LONG, "", "-", ""),
        *("Submitted by", "akhaliq", "", "  • 1 author", "·", "Published on Mar 4, 2024"),
        *("", "Upvote 7", "arXiv Page", "GitHub 1.2k", "", "Second Paper", "", OTHER, ""),
        *("Submitted by taesiri", "· 12 authors · Mar 5 3", "", "Load more", "Previous", "Next"),
    )
    assert found(reading) == [("First Paper of the Day", LONG), ("Second Paper", OTHER)]
    first, second = reading.sightings
    assert (first.author_count, first.date, first.year_inferred) == (1, "2024-03-04", False)
    assert (second.author_count, second.date, second.year_inferred) == (12, "2025-03-05", True)
    assert second.extra == {"comments": "3"}
    assert skipped(reading)[18] == 'the page\'s own words: "akhaliq"'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \t\n", "\n\n", "\n\n\n"], ids=ascii)
def test_line_ends_blank_lines_and_trailing_spaces_make_no_difference(end: str) -> None:
    lines = ["new", "One Paper", LONG, "• 3 authors", "·", "Jul 2, 2020", "Next Paper", OTHER]
    reading = read_listing("\ufeff" + end.join(lines) + end, "page.txt")
    assert found(reading) == [("One Paper", LONG), ("Next Paper", OTHER)]
    assert reading.sightings[0].date == "2020-07-02"


@pytest.mark.parametrize("gap", [[], [""]], ids=["alternating", "spaced"])
def test_a_title_without_an_abstract_takes_none_from_the_next(gap: list[str]) -> None:
    reading = read("One Paper", *gap, "Two Papers", *gap, OTHER, *gap, "Last Paper")
    assert found(reading) == [("Two Papers", OTHER)]
    texts = list(skipped(reading).values())
    assert texts == ['no abstract follows: "One Paper"', 'no abstract follows: "Last Paper"']


def test_the_trailer_of_a_title_without_an_abstract_is_not_given_to_the_paper_above() -> None:
    reading = read("One", "", LONG, "", "Two", "", "  • 9 authors", "·", "May 1, 2020")
    assert found(reading) == [("One", LONG)]
    assert (reading.sightings[0].author_count, reading.sightings[0].date) == (None, None)


def test_a_trailer_without_a_count_is_not_given_to_the_paper_above_either() -> None:
    spaced = read("One", "", LONG, "", "Two Words", "", "·", "May 1, 2020")
    close = read("One", LONG, "Two Words", "·", "9 authors", "May 1, 2020")
    for reading in (spaced, close):
        assert found(reading) == [("One", LONG)]
        assert reading.sightings[0].date is None


def test_a_line_with_an_address_between_paragraphs_is_no_title() -> None:
    code = "Code: https://e.x/y"
    assert found(read("One", LONG, code, OTHER)) == [("One", f"{LONG} {code} {OTHER}")]


def test_an_abstract_without_a_title_is_noted() -> None:
    reading = read("One", LONG, "• 2 authors", OTHER, "Two", THIRD)
    assert found(reading) == [("One", LONG), ("Two", THIRD)]
    assert "a text without a title" in skipped(reading)[4]


def test_an_abstract_of_several_paragraphs_stays_whole() -> None:
    reading = read("One", "", LONG, "", OTHER, "", "Code: https://e.x/y", "", "Two", "", THIRD)
    assert found(reading) == [("One", f"{LONG} {OTHER} Code: https://e.x/y"), ("Two", THIRD)]
    assert [note.line for note in reading.notes if note.kind == "merged"] == [5, 7]


def test_a_short_last_sentence_belongs_to_the_abstract_above() -> None:
    reading = read("One", LONG, "We release all our code and data.", "Two", OTHER)
    assert found(reading)[0] == ("One", f"{LONG} We release all our code and data.")


def test_an_abstract_wrapped_by_an_editor_is_one_text() -> None:
    whole = f"{LONG} {OTHER} {THIRD}"
    lines = textwrap.wrap(whole, 75)
    assert len(lines) > 7
    reading = read("One", "", *lines, "", "Two", "", *lines)
    assert found(reading) == [("One", whole), ("Two", whole)]


def test_a_short_first_sentence_belongs_to_the_abstract_below() -> None:
    first = "We show how to read."
    assert found(read("Zero", LONG, "One", f"{first} Now.", OTHER)) == [
        ("Zero", LONG),
        ("One", f"{first} Now. {OTHER}"),
    ]


def test_a_one_sentence_abstract_is_one_below_its_title_and_none_above_the_first_paper() -> None:
    withdrawn = "This paper has been withdrawn by its authors."
    reading = read("Trending", withdrawn, "One", LONG, "Two", withdrawn, "Three", OTHER)
    assert found(reading) == [("One", LONG), ("Two", withdrawn), ("Three", OTHER)]
    dated = read("One", withdrawn, "• 2 authors", "·", "May 1, 2020")
    assert found(dated) == [("One", withdrawn)]


def test_a_title_may_be_long_or_end_in_a_full_stop() -> None:
    long = "On " + "Very " * 44 + "Long Titles of Papers"
    stop = "A simple framework for reading listings."
    assert len(long) > 200
    reading = read("One", LONG, long, OTHER, stop, THIRD)
    assert [title for title, _ in found(reading)] == ["One", long, stop]


def test_a_long_text_without_a_full_stop_goes_on_where_no_abstract_follows() -> None:
    tail = "and so on " * 22 + "for ever"
    assert found(read("One", LONG, tail, "Two", OTHER))[0][1] == f"{LONG} {tail}"
    assert found(read("Zero", LONG, "One", tail, "Two", OTHER))[1] == ("One", tail)


def test_a_trailer_above_the_abstract_is_read_too() -> None:
    reading = read("One", "· 4 authors · Jan 3, 2021", LONG, "Two", "· 5 authors", OTHER)
    assert [(s.title, s.author_count) for s in reading.sightings] == [("One", 4), ("Two", 5)]
    assert reading.sightings[0].date == "2021-01-03"


def test_a_bare_date_between_papers_is_the_pages_and_not_a_papers() -> None:
    reading = read("Mar 2, 2023", "One", LONG, "Mar 3, 2023", "Two", OTHER)
    assert [sighting.date for sighting in reading.sightings] == [None, None]
    assert set(skipped(reading)) == {1, 4}


def test_the_pages_own_year_is_the_one_its_heading_spells() -> None:
    reading = read("Dec 2, 2025", "One", LONG, "·", "Jul 2", "Two", OTHER, "·", "Jul 2, 2025")
    assert reading.sightings[0].date == "2025-07-02"
    assert reading.sightings[0].year_inferred


def test_without_any_year_on_the_page_a_date_is_left_open() -> None:
    reading = read("One", LONG, "·", "Jul 2")
    assert (reading.sightings[0].date, reading.sightings[0].year_inferred) == (None, False)


@pytest.mark.parametrize("first", ["2BP: Backpropagation", "eDiff-I", "einspace: Searching", "Xyz"])
def test_the_button_comes_off_the_first_title(first: str) -> None:
    assert found(read("Get trending papers today!", f"Subscribe{first}", LONG))[0][0] == first


@pytest.mark.parametrize("first", ["Subscriber Churn", "Subscribers and Us", "Subscribe to This"])
def test_a_title_about_subscribers_keeps_its_word(first: str) -> None:
    assert found(read(first, LONG))[0][0] == first
    assert found(read("Subscribe", "SubscribeNet", LONG))[0][0] == "SubscribeNet"
    assert found(read(first, LONG, "SubscribeNet", OTHER))[1][0] == "SubscribeNet"


def test_hidden_characters_are_taken_out_and_noted_by_line() -> None:
    reading = read("One\u200b Paper", LONG + "\U000e0041\U000e0042")
    assert found(reading) == [("One Paper", LONG)]
    notes = [(note.line, note.kind, note.text.split(": ")[1]) for note in reading.notes]
    assert notes == [(1, "cleaned", "1 zero_width"), (2, "cleaned", "2 tag")]


TITLES = st.lists(
    st.sampled_from(
        ["Deep", "Sparse", "Graph", "Vision", "Layer", "Model", "Search", "Kernel", "Robust"]
    ),
    min_size=2,
    max_size=12,
).map(" ".join)
SENTENCES = st.lists(
    st.lists(
        st.sampled_from(
            [
                "we",
                "show",
                "that",
                "large",
                "(small)",
                "networks,",
                "3.5",
                "of",
                "e.g.",
                "BERT;",
                "\u2264",
            ]
        ),
        min_size=12,
        max_size=30,
    ).map(lambda words: "Here " + " ".join(words) + "."),
    min_size=4,
    max_size=9,
).map("  ".join)
SPACED = pytest.mark.parametrize("gap", [[], [""]], ids=["alternating", "spaced"])


@SPACED
@given(
    papers=st.lists(st.tuples(TITLES, SENTENCES, st.booleans()), min_size=1, max_size=8),
    trailer=st.sampled_from([[], ["  • 3 authors", "·", "Jul 5"], ["· 1 author · May 1, 2020 4"]]),
)
@settings(max_examples=60, deadline=None)
def test_any_papers_written_as_a_listing_are_read_back(
    gap: list[str], papers: list[tuple[str, str, bool]], trailer: list[str]
) -> None:
    lines = ["new", *gap, "Nov 4", *gap]
    for title, abstract, has_abstract in papers:
        lines += [title, *gap, *([abstract, *gap] if has_abstract else [])]
        lines += [*trailer, *gap]
    expected = [(title, abstract) for title, abstract, has_abstract in papers if has_abstract]
    assert found(read(*lines)) == expected


@given(st.text(max_size=300))
def test_no_text_at_all_is_too_odd_to_read(text: str) -> None:
    reading = read_listing(text, "page.txt")
    assert all(sighting.title and sighting.abstract for sighting in reading.sightings)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (LONG, "prose"),
        ("x" * 400, "prose"),
        ("Is it? Yes. " * 18, "prose"),
        ("We propose a way to read.", "sentence"),
        ("We read well. Others read badly. Nobody reads all.", "sentence"),
        ("Code at https://e.x", "sentence"),
        ("Deep Layer Aggregation", "title"),
        ("Towards Reading Saved Pages Well.", "title"),
        ("\u6211\u4eec\u63d0\u51fa\u4e00\u79cd" * 5 + "\u3002", "sentence"),
    ],
)
def test_the_form_of_a_text_tells_what_it_is(text: str, kind: str) -> None:
    assert text_kind(text.strip()) == kind


@pytest.mark.parametrize("text", ["A | B", "· Learning", "12", "Jul 5", "3 authors agree", "2021"])
def test_other_lines_are_no_trailers(text: str) -> None:
    assert read_trailer(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021", "2021"),
        ("2021-03", "2021-03"),
        ("2021/3/2", "2021-03-02"),
        ("2021-03-12T18:00:00Z", "2021-03-12"),
        ("2021-03-12 18:00", "2021-03-12"),
        ("20210312", "2021-03-12"),
        ("Mar 12, 2021", "2021-03-12"),
        ("September 1st 2021", "2021-09-01"),
        ("Sept. 1, 2021", "2021-09-01"),
        ("March 2021", "2021-03"),
        ("12 March 2021", "2021-03-12"),
        ("Mon, 2 Apr 2007 19:18:42 GMT", "2007-04-02"),
        ("2007 Apr 2", "2007-04-02"),
        ("Feb 31, 2021", "2021-02"),
        ("2021-13-01", "2021"),
        ("2021-00", "2021"),
        ("Jul 5", None),
    ],
)
def test_a_date_is_iso_as_precise_as_it_is_written(text: str, expected: str | None) -> None:
    written = read_date(text)
    assert written is not None
    assert iso(written) == expected


@pytest.mark.parametrize("text", ["", "soon", "12345", "Mar", "in 2021", "1/2/2021", "0999"])
def test_what_is_no_date_is_not_guessed_at(text: str) -> None:
    assert read_date(text) is None
