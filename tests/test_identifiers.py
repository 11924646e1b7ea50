"""What papers are called: one spelling for each name, and none for what is no name."""

import pytest

from assistant.identifiers import arxiv_id, arxiv_inside, doi, identifiers, links, names, text_id
from assistant.schema import Paper, Sighting


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2311.18830", "2311.18830"),
        ("arXiv:2311.18830v2", "2311.18830v2"),
        ("http://arxiv.org/abs/2311.18830V2", "2311.18830v2"),
        ("https://arxiv.org/pdf/2311.18830.pdf", "2311.18830"),
        ("oai:arXiv.org:0704.0001", "0704.0001"),
        ("hep-th/9901001v3", "hep-th/9901001v3"),
        ("math.GT/0309136", "math.gt/0309136"),
        ("10.48550/arXiv.2311.18830", "2311.18830"),
        ("arXiv:2311.18830 [cs.CV]", "2311.18830"),
        ("2311.1", ""),
        ("10.1000/2311.18830", ""),
        ("https://biorxiv.org/abs/2311.18830", ""),
        ("", ""),
    ],
)
def test_an_arxiv_id_is_read_in_every_spelling(text: str, known: str) -> None:
    assert arxiv_id(text) == known


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("10.1000/ABC.1", "10.1000/abc.1"),
        ("https://doi.org/10.1000/a%28b%29", "10.1000/a(b)"),
        ("doi: 10.1000/x.", "10.1000/x"),
        ("https://e.x/10.1000/x", ""),
        ("11.1000/x", ""),
    ],
)
def test_a_doi_is_read_in_every_spelling(text: str, known: str) -> None:
    assert doi(text) == known


def test_an_address_may_lead_to_an_arxiv_paper() -> None:
    assert arxiv_inside("https://hub.example/papers/2311.18830#comments") == "2311.18830"
    assert arxiv_inside("https://e.x/2311.18830") == ""


def test_a_sighting_is_named_without_versions_and_never_twice_by_arxiv() -> None:
    seen = Sighting("p", 1, 1, "T", "A", extra={
        "arxiv_id": "2311.18830v2", "doi": "10.48550/ARXIV.2311.18830", "mag": "no number",
    })  # fmt: skip
    assert names(seen) == {"arxiv_id:2311.18830"}
    assert identifiers(seen)["arxiv_id"] == "2311.18830v2"


def test_links_begin_with_the_paper_s_own_and_stand_once() -> None:
    paper = Paper("p", "T", "A", url="https://doi.org/10.1000/x", extra={"doi": "10.1000/X"})
    assert links(paper) == ["https://doi.org/10.1000/x"]
    versioned = Paper(
        "p", "T", "A", url="http://arxiv.org/abs/2101.00001v2", extra={"arxiv_id": "2101.00001v2"}
    )
    assert links(versioned) == ["http://arxiv.org/abs/2101.00001v2"]
    assert links(Paper("p", "T", "A")) == []


def test_short_texts_tell_no_papers_apart() -> None:
    assert text_id("Withdrawn.") == text_id("") == text_id("- " * 200) == ""
    assert text_id("Words, " * 60) == text_id("words " * 60) != ""
