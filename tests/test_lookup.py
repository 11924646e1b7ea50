import pytest

from assistant.errors import UsageError
from assistant.lookup import page_named, paper_named

PAGES = ["000_19b.txt", "001_b40.txt", "deep/001_b40.txt", "Notes.bib"]
TITLES = {"aaaa11110000": "Global Context Vision Transformers", "aaaa22220000": "A ConvNet"}


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("001_b40.txt", "001_b40.txt"),
        ("notes", "Notes.bib"),
        ("NOTES.BIB", "Notes.bib"),
        ("19b", "000_19b.txt"),
        ("deep", "deep/001_b40.txt"),
    ],
)
def test_a_page_is_known_by_name_stem_or_any_part_that_no_other_has(name: str, page: str) -> None:
    assert page_named(name, PAGES) == page


def test_a_page_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no page 'nope': write one of 000_19b\.txt, 001"):
        page_named("nope", PAGES)
    with pytest.raises(UsageError, match="12 more"):
        page_named("nope", [f"page{n}" for n in range(24)])
    with pytest.raises(UsageError, match="run `assistant index` first"):
        page_named("nope", [])
    with pytest.raises(UsageError, match="no page ''"):
        page_named("", PAGES)


def test_a_part_that_several_pages_have_names_them() -> None:
    with pytest.raises(
        UsageError, match=r"2 pages match '001_b40': write one of 001_b40\.txt, deep"
    ):
        page_named("001_b40", PAGES)


@pytest.mark.parametrize("text", ["aaaa11110000", "AAAA11110000", " aaaa1 "])
def test_a_paper_is_known_by_its_id_or_the_beginning_of_it(text: str) -> None:
    assert paper_named(text, TITLES) == "aaaa11110000"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("aaaa", r"aaaa11110000 \(Global.*\); aaaa22220000 \(A ConvNet\)\?"),
        ("aaa", "did you mean aaaa11110000"),
        ("aaab11110000", "did you mean aaaa11110000"),
        ("context vision", "did you mean aaaa11110000"),
        ("A ConvNets", "did you mean aaaa22220000"),
        ("zzzz", "find its id with `assistant search`"),
        ("", "find its id with `assistant search`"),
    ],
)
def test_a_paper_that_is_not_there_names_those_near(text: str, near: str) -> None:
    with pytest.raises(UsageError, match=near):
        paper_named(text, TITLES)
