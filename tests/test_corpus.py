"""The five shipped pages, whole: what is found, merged and passed over."""

from collections import Counter
from pathlib import Path

import pytest

from assistant.clean import at_entry
from assistant.corpus import ParsedCorpus, merge, paper_id, read_paths
from assistant.schema import Sighting

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
DATED = "001_b40d90b5f4122fd8.txt"


@pytest.fixture(scope="module")
def corpus() -> ParsedCorpus:
    return read_paths([CORPUS])


@pytest.fixture(scope="module")
def dated(corpus: ParsedCorpus) -> list[Sighting]:
    return [sighting for sighting in corpus.sightings if sighting.page == DATED]


def find(sightings: list[Sighting], title: str) -> Sighting:
    return next(sighting for sighting in sightings if sighting.title.startswith(title))


def test_five_pages_hold_306_listings_of_249_papers(corpus: ParsedCorpus) -> None:
    assert [page.found for page in corpus.pages] == [36, 109, 99, 33, 29]
    assert len(corpus.sightings) == 306
    assert len(merge(corpus.sightings)) == 249


def test_each_page_is_known_for_its_layout(corpus: ParsedCorpus) -> None:
    assert [page.format for page in corpus.pages] == [
        "listing, alternating",
        "listing, spaced, dated",
        "listing, spaced",
        "listing, spaced",
        "listing, alternating",
    ]


def test_no_abstract_loses_or_gains_a_character(corpus: ParsedCorpus) -> None:
    for page in corpus.pages:
        lines = page.path.read_text(encoding="utf-8").split("\n")
        long = [at_entry(line).text for line in lines if len(line) > 400]
        abstracts = [found.abstract for found in corpus.sightings if found.page == page.page]
        assert abstracts == long


def test_every_title_is_its_line_without_the_button(corpus: ParsedCorpus) -> None:
    lines = {page.page: page.path.read_text("utf-8").split("\n") for page in corpus.pages}
    for sighting in corpus.sightings:
        line = lines[sighting.page][sighting.line - 1]
        assert sighting.title in (line, line.removeprefix("Subscribe"))
    assert corpus.sightings[0].title.startswith("MotionEditor: Editing Video Motion")


def test_every_line_is_in_a_listing_or_in_the_report(corpus: ParsedCorpus) -> None:
    for page in corpus.pages:
        found = [sighting for sighting in corpus.sightings if sighting.page == page.page]
        told = {s.title for s in found} | {s.abstract for s in found}
        noted = {note.line for note in page.notes if note.kind == "skipped"}
        for number, line in enumerate(page.path.read_text("utf-8").split("\n"), 1):
            part_of_trailer = line.strip().startswith(("•", "·")) or len(line) < 15
            assert line.removeprefix("Subscribe") in told or number in noted or part_of_trailer, (
                line
            )


def test_no_heading_button_or_name_is_a_paper(corpus: ParsedCorpus) -> None:
    titles = {sighting.title for sighting in corpus.sightings}
    assert not titles & {"new", "Subscribe", "Daily Papers", "Nov 4", "Mar 11", "Dracodes Dracodes"}
    assert not [title for title in titles if title.startswith(("Get trending", "byAK"))]
    assert {"2BP: 2-Stage Backpropagation", "Reversible Column Networks"} <= titles


def test_the_shortest_abstract_has_439_characters(corpus: ParsedCorpus) -> None:
    assert min(len(sighting.abstract) for sighting in corpus.sightings) == 439


def test_only_one_page_dates_its_listings_and_three_there_have_no_date(
    corpus: ParsedCorpus, dated: list[Sighting]
) -> None:
    assert {sighting.page for sighting in corpus.sightings if sighting.date} == {DATED}
    assert sum(sighting.date is None for sighting in dated) == 3
    assert sum(sighting.author_count is None for sighting in dated) == 4


def test_a_year_left_out_follows_the_newest_one_spelled_and_is_flagged(
    dated: list[Sighting],
) -> None:
    inferred = [sighting for sighting in dated if sighting.year_inferred]
    assert len(inferred) == 27
    assert {sighting.date[:4] for sighting in inferred if sighting.date} == {"2025"}
    assert find(dated, "Generative Logic").date == "2025-07-25"
    assert find(dated, "Revisiting ResNets").date == "2021-03-12"
    assert not find(dated, "Revisiting ResNets").year_inferred


def test_author_counts_and_comments_are_kept(dated: list[Sighting]) -> None:
    assert find(dated, "Tutel").author_count == 15
    assert find(dated, "Generative Logic").author_count == 1
    comments = [sighting.extra["comments"] for sighting in dated if sighting.extra]
    assert len(comments) == 10
    assert find(dated, "AlphaGo Moment").extra == {"comments": "1"}


def test_a_name_in_place_of_the_count_is_a_byline_and_keeps_its_date(
    corpus: ParsedCorpus, dated: list[Sighting]
) -> None:
    paper = find(dated, "The Architecture Tradeoff and Risk Analysis Framework")
    assert (paper.authors, paper.author_count) == (("Dracodes Dracodes",), None)
    assert (paper.date, paper.extra) == ("2025-05-01", {"comments": "1"})
    notes = {note.line: note.text for note in corpus.pages[1].notes if note.kind == "skipped"}
    assert "Dracodes Dracodes" in notes[617]


def test_the_report_counts_what_was_passed_over_and_merged(corpus: ParsedCorpus) -> None:
    kinds = [Counter(note.kind for note in page.notes) for page in corpus.pages]
    assert [kind["skipped"] for kind in kinds] == [2, 7, 5, 5, 2]
    assert sum(kind["merged"] for kind in kinds) == 306 - 249
    assert {kind for counter in kinds for kind in counter} == {"skipped", "merged"}


def test_a_paper_on_several_pages_keeps_every_sighting(corpus: ParsedCorpus) -> None:
    papers = {paper.title: paper for paper in merge(corpus.sightings)}
    paper = papers["Reversible Column Networks"]
    assert [sighting.page[:3] for sighting in paper.sightings] == ["001", "002"]
    assert (paper.date, paper.year_inferred) == ("2022-12-22", False)
    assert sum(len(paper.sightings) for paper in papers.values()) == 306


def test_reading_twice_gives_the_same(corpus: ParsedCorpus) -> None:
    assert read_paths([CORPUS]) == corpus


def test_an_id_is_stable_across_versions() -> None:
    assert paper_id("Reversible Column Networks") == "eb9d4a49e9ca"


@pytest.mark.parametrize(
    "other",
    [
        "reversible  column networks",
        "Reversible-Column Networks.",
        "\uff32eversible Column\tNetworks",
    ],
)
def test_an_id_ignores_case_spacing_punctuation_and_width(other: str) -> None:
    assert paper_id(other) == paper_id("Reversible Column Networks")


@pytest.mark.parametrize(
    ("one", "other"), [("U-Net", "U-Net++"), ("Modern C++", "Modern C#"), ("???", "!!!")]
)
def test_an_id_tells_networks_and_languages_apart(one: str, other: str) -> None:
    assert paper_id(one) != paper_id(other)
