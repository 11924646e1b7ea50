"""One paper from many sightings: the newest words win, whatever the order of reading."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from assistant.corpus import merge
from assistant.corpus.merging import merge_notes, newest_first
from assistant.schema import Sighting


def seen(page: str, position: int = 1, abstract: str = "", **more: object) -> Sighting:
    text = abstract or f"Abstract on {page}."
    return Sighting(page, position, position * 10, "A Title", text, **more)  # type: ignore[arg-type]


def test_the_newer_date_wins_over_the_later_page() -> None:
    sightings = [seen("a", date="2023-01-02"), seen("b", date="2021")]
    assert merge(sightings)[0].abstract == "Abstract on a."


def test_the_last_page_in_name_order_wins_where_no_date_tells() -> None:
    assert merge([seen("b"), seen("a")])[0].abstract == "Abstract on b."
    assert merge([seen("b", date="2021"), seen("a", date="2021")])[0].abstract == "Abstract on b."
    assert merge([seen("a", date="2021"), seen("b")])[0].abstract == "Abstract on b."
    assert merge([seen("b", date="2021"), seen("a")])[0].abstract == "Abstract on b."


def test_the_later_position_wins_on_one_page() -> None:
    assert merge([seen("a", 2, "Later."), seen("a", 1, "Sooner.")])[0].abstract == "Later."


def test_what_the_winner_lacks_comes_from_the_newest_that_has_it() -> None:
    paper, *others = merge(
        [
            seen(
                "a", date="2020", url="http://a", author_count=0, extra={"doi": "1", "venue": "A"}
            ),
            seen("b", date="2021-05", year_inferred=True, authors=("Ann",), extra={"venue": "B"}),
            seen("c"),
        ]
    )
    assert not others
    assert paper.abstract == "Abstract on c."
    assert (paper.date, paper.year_inferred, paper.url) == ("2021-05", True, "http://a")
    assert (paper.author_count, paper.authors) == (0, ("Ann",))
    assert paper.extra == {"doi": "1", "venue": "B"}
    assert [sighting.page for sighting in paper.sightings] == ["a", "b", "c"]


def test_each_listing_that_gave_way_is_noted_where_it_stands() -> None:
    notes = list(merge_notes([seen("a", 3), seen("b", 2)]))
    assert [(note.page, note.note.line, note.note.kind) for note in notes] == [
        ("a", 30, "merged"),
        ("a", 30, "abstract_differs"),
    ]
    assert all("b:20" in note.note.text for note in notes)


def test_abstracts_that_differ_in_spacing_alone_do_not_differ() -> None:
    notes = merge_notes([seen("a", 1, "One  two."), seen("b", 1, "One two.")])
    assert [note.note.kind for note in notes] == ["merged"]


SIGHTINGS = st.lists(
    st.builds(
        lambda page, position, date: seen(page, position, f"{page}{position}{date}", date=date),
        st.sampled_from("abc"),
        st.integers(1, 9),
        st.sampled_from([None, "2020", "2021-03", "2021-03-04"]),
    ),
    min_size=2,
    max_size=4,
    unique_by=lambda sighting: (sighting.page, sighting.position),
)


@given(SIGHTINGS)
def test_the_winner_does_not_depend_on_the_order_of_reading(sightings: list[Sighting]) -> None:
    assert len({newest_first(order)[0].abstract for order in permutations(sightings)}) == 1
    assert sorted(newest_first(sightings), key=id) == sorted(sightings, key=id)
