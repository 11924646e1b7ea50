"""Records of every format become sightings, whatever their keys are called."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.corpus import bibtex, records, table
from assistant.corpus.bibtex import plain
from assistant.corpus.fields import from_records
from assistant.corpus.page import Reading, collected
from assistant.corpus.records import read_json
from assistant.corpus.table import is_table
from assistant.corpus.text import Text
from assistant.errors import CorpusError
from assistant.schema import Sighting

ROOT = Path(__file__).resolve().parents[1]
PAPER = {"title": "A Title", "abstract": "An abstract."}


def one(**fields: Any) -> Sighting:
    reading = from_records([(7, PAPER | fields)], "page")
    return reading.sightings[0]


def text(content: str) -> Text:
    return Text(io.BytesIO(content.encode("utf-8", "surrogateescape")))


def read_json_lines(content: str, page: str) -> Reading:
    return collected(records.read_json_lines(text(content), page))


def read_table(content: str, page: str) -> Reading:
    return collected(table.read_table(text(content), page))


def read_bibtex(content: str, page: str) -> Reading:
    return collected(bibtex.read_bibtex(text(content), page))


def lines(reading: Reading, kind: str) -> dict[int, str]:
    return {note.line: note.text for note in reading.notes if note.kind == kind}


@pytest.mark.parametrize(
    "record",
    [
        {"Title": "T", "Abstract": "A"},
        {"name": "T", "summary": "A"},
        {"paper_title": "T", "paperAbstract": "A"},
        {"title": "T", "abstract": "", "description": "A"},
        {"headline": " T ", "text": ["A"]},
    ],
)
def test_title_and_abstract_are_found_under_their_other_names(record: dict[str, Any]) -> None:
    sighting = from_records([(1, record)], "page").sightings[0]
    assert (sighting.title, sighting.abstract) == ("T", "A")


def test_the_sentences_of_a_listed_abstract_are_joined() -> None:
    assert one(abstract=["One.", "Two."]).abstract == "One. Two."


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"date": "2021-03-12T00:00:00Z"}, "2021-03-12"),
        ({"year": 2021}, "2021"),
        ({"year": "2021", "month": "mar"}, "2021-03"),
        ({"year": 2021, "month": 3, "day": 9}, "2021-03-09"),
        ({"year": 2021, "month": 13}, "2021"),
        ({"year": 2021, "month": "soon"}, "2021"),
        ({"publication_date": "Mar 12, 2021", "year": 2020}, "2021-03-12"),
        ({"published": "2021", "updated": "2023"}, "2021"),
        ({"issued": {"date-parts": [[2021, 3, 12]]}}, "2021-03-12"),
        ({"date": "soon", "year": 2019}, "2019"),
        ({"date": None}, None),
    ],
)
def test_the_date_is_the_most_telling_field_that_is_one(fields: Any, date: str | None) -> None:
    assert one(**fields).date == date


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        (["Ann Lee", "Bo Li"], ("Ann Lee", "Bo Li")),
        ([{"name": "Ann Lee"}, {"given": "Bo", "family": "Li"}], ("Ann Lee", "Bo Li")),
        ("Lee, Ann and Li, Bo", ("Ann Lee", "Bo Li")),
        ("Ann Lee, Bo Li and Cy Xu", ("Ann Lee", "Bo Li", "Cy Xu")),
        ("Ann Lee, Bo Li, and Cy Xu", ("Ann Lee", "Bo Li", "Cy Xu")),
        ("Lee, Ann; Li, Bo", ("Lee, Ann", "Li, Bo")),
        ("Lee, Ann", ("Lee, Ann",)),
    ],
)
def test_authors_are_named_and_counted(authors: Any, names: tuple[str, ...]) -> None:
    assert one(authors=authors).authors == names
    assert one(authors=authors).author_count == len(names)


def test_a_count_is_taken_as_given_and_never_from_an_open_list() -> None:
    assert one(authors=["Ann Lee"], num_authors=9).author_count == 9
    assert one(num_authors="many").author_count is None
    assert one(author="Lee, Ann and others").author_count is None
    assert one(author="Lee, Ann and others").authors == ("Ann Lee",)
    assert one(authors=[]).author_count is None


def test_only_a_web_address_is_a_url() -> None:
    assert one(link="https://e.x/a").url == "https://e.x/a"
    assert one(url="javascript:alert(1)", pdf_url="http://e.x").url == "http://e.x"
    bad = one(url="javascript:alert(1)")
    assert (bad.url, bad.extra) == (None, {"url": "javascript:alert(1)"})
    assert one(url="https://e.x/\u202ea").url is None


def test_whatever_else_there_is_goes_into_extra_under_our_words() -> None:
    extra = one(
        DOI="10.1/x", externalIds={"ArXiv": "2101.00001"}, journal="J", cites=3, tags=["a", "b"],
        empty="", none=None, deep=[{"a": 1}],
    ).extra  # fmt: skip
    assert extra == {
        "doi": "10.1/x", "arxiv_id": "2101.00001", "venue": "J", "cites": "3", "tags": "a b",
    }  # fmt: skip


def test_hidden_characters_go_from_every_field_and_are_noted() -> None:
    reading = from_records(
        [(4, {"title": "T\u200b", "abstract": "A\ud800", "authors": ["N\x1b"], "k\x00": "v\x9b"})],
        "page",
    )
    sighting = reading.sightings[0]
    assert (sighting.title, sighting.abstract, sighting.authors) == ("T", "A", ("N",))
    assert sighting.extra == {"k": "v"}
    assert [(note.line, note.kind) for note in reading.notes] == [(4, "cleaned")] * 5


@pytest.mark.parametrize(
    ("record", "kind", "text"),
    [
        ({"title": "T"}, "skipped", 'a title without an abstract: "T"'),
        ({"abstract": "A"}, "skipped", 'an abstract without a title: "A"'),
        ({"title": "\u200b", "abstract": {"a": 1}}, "skipped", "an empty record"),
        ([1], "unreadable", "not an object with a title and an abstract"),
        ("text", "unreadable", "not an object with a title and an abstract"),
    ],
)
def test_a_record_that_is_no_paper_is_noted(record: Any, kind: str, text: str) -> None:
    reading = from_records([(3, record), (4, PAPER)], "page")
    assert lines(reading, kind) == {3: text}
    assert [(s.line, s.position) for s in reading.sightings] == [(4, 1)]


def test_a_broken_json_line_is_noted_and_the_rest_go_on() -> None:
    text = f'{json.dumps(PAPER)}\n{{"title": \n\n[[\n{"[" * 100_000}\n{json.dumps(PAPER)}\r\n'
    reading = read_json_lines(text, "page")
    assert [sighting.line for sighting in reading.sightings] == [1, 6]
    assert set(lines(reading, "unreadable")) == {2, 4, 5}
    assert "mend the line" in lines(reading, "unreadable")[2]


def test_json_is_a_list_or_wraps_one_and_lines_are_counted() -> None:
    items = [PAPER, [1], PAPER | {"title": "B"}, 3]
    for whole in (items, {"n": 1, "papers": items}, {"data": [], "results": items}):
        text = json.dumps(whole, indent=1)
        reading = read_json(text, "page")
        found = [text.split("\n")[s.line - 1].strip() for s in reading.sightings]
        assert [s.title for s in reading.sightings] == ["A Title", "B"]
        assert found == ["{", "{"]
        assert len(lines(reading, "unreadable")) == 2


def test_one_object_or_one_a_line_may_be_called_json() -> None:
    assert len(read_json(json.dumps(PAPER), "page").sightings) == 1
    text = f"{json.dumps(PAPER)}\n{json.dumps(PAPER)}\n"
    assert [sighting.line for sighting in read_json(text, "page").sightings] == [1, 2]


@pytest.mark.parametrize("text", ['{"a": 1}', "3", '"papers"', '{"papers": {"a": []}}', "null"])
def test_json_without_a_list_says_what_it_wants(text: str) -> None:
    with pytest.raises(CorpusError, match="give a list of objects"):
        read_json(text, "page")


@pytest.mark.parametrize(("text", "line"), [('[\n{"a": 1},\n', 3), ("[" * 100_000, 1), ("{x", 1)])
def test_broken_json_is_named_by_line(text: str, line: int) -> None:
    with pytest.raises(CorpusError, match=f"not JSON at line {line} .*: mend it"):
        read_json(text, "page")


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_a_table_is_parted_by_what_parts_its_header(mark: str) -> None:
    rows = [["Title", "Abstract", "Year"], ["T", '"A, with; all\t|\nsigns"', "2021"], ["U", "B"]]
    text = "\n" + "\n".join(mark.join(row) for row in rows) + "\n\n"
    reading = read_table(text, "page")
    assert [(s.title, s.date, s.line) for s in reading.sightings] == [
        ("T", "2021", 3),
        ("U", None, 5),
    ]
    assert reading.sightings[0].abstract == "A, with; all |\u0020signs".replace("\t", " ")
    assert is_table(text)


def test_a_row_with_too_many_cells_is_noted_and_not_cut() -> None:
    reading = read_table("title,abstract\nT,An abstract, with a comma\nU,B\n", "page")
    assert [sighting.title for sighting in reading.sightings] == ["U"]
    assert "put texts with a comma in quotes" in lines(reading, "unreadable")[2]


def test_a_row_whose_quotes_are_broken_is_noted_and_the_next_ones_are_read() -> None:
    reading = read_table('title,abstract\nT,"A\nU,B\nV,"W" x\nX,Y\n', "page")
    assert [(s.title, s.line) for s in reading.sightings] == [("U", 3), ("X", 5)]
    assert lines(reading, "unreadable").keys() == {2, 4}
    assert "mend its quotes" in lines(reading, "unreadable")[2]


def test_a_table_needs_its_two_columns() -> None:
    with pytest.raises(CorpusError, match=r"no column for the abstract: name one .*summary"):
        read_table("title,year\nT,2021\n", "page")
    with pytest.raises(CorpusError, match="no column for the title"):
        read_table("name of nobody", "page")
    assert not is_table("title")


BIB = r"""
@string{x = "Y"}
@comment{nothing}
@article{lee2021,
  title = {The {BERT} of {Erd\H{o}s}},
  abstract = "We gain 50% on \emph{all {hard} tasks}, \& more:
     $\alpha_{1}$ of \mymodel{X}.",
  author = {M{\"u}ller, J. and {\O}ster, Per and others},
  year = 2021, month = mar, journal = {J}, eprint = {2101.00001},
  url = {https://e.x/~a_b},
}
@article{lee2021, title={{Twice}}, abstract="Also {a} paper."}
@article{bare, title={No Abstract}}
"""


def test_bibtex_entries_become_papers_without_their_braces() -> None:
    first, second = read_bibtex(BIB, "page").sightings
    assert first.title == "The BERT of Erd\u0151s"
    assert first.abstract == (
        r"We gain 50% on all hard tasks, & more: $\alpha_{1}$ of \mymodel{X}."
    )
    assert (first.authors, first.author_count) == (("J. M\u00fcller", "Per \u00d8ster"), None)
    assert (first.date, first.url, first.line) == ("2021-03", "https://e.x/~a_b", 5)
    assert first.extra == {
        "bibtex_key": "lee2021", "bibtex_type": "article", "venue": "J", "arxiv_id": "2101.00001",
    }  # fmt: skip
    assert (second.title, second.abstract) == ("Twice", "Also a paper.")


def test_a_bibtex_entry_without_an_abstract_or_with_open_braces_is_noted() -> None:
    reading = read_bibtex(BIB + "@article{open, title={Open\n@article{d, title={D}}", "page")
    assert 'a title without an abstract: "No Abstract"' in lines(reading, "skipped").values()
    assert list(lines(reading, "unreadable").values()) == ["not BibTeX: mend its braces and commas"]


def test_the_bibtex_parser_prints_nothing_of_the_file() -> None:
    program = (
        "import io, logging; logging.basicConfig(level=1);"
        "from assistant.corpus.bibtex import read_bibtex;"
        "from assistant.corpus.text import Text;"
        "list(read_bibtex(Text(io.BytesIO(b'@misc{a, title={T')), 'page'))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT)
    assert run.stderr == b""


def test_a_file_without_entries_says_what_one_looks_like() -> None:
    with pytest.raises(CorpusError, match="holds no BibTeX entry: give entries like @article"):
        read_bibtex("no entries at all", "page")


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (
            r"\v{S}t\v ep\'{a}n {\ss} \o re Na\"{\i}ve \c{c}",
            "\u0160t\u011bp\u00e1n \u00df \u00f8re Na\u00efve \u00e7",
        ),
        (r"{\bf Bold} \textit{and {deep}} a~b", "Bold and deep a b"),
        (r"x\_y \{set\} \$5 \# 1\% ", "x_y {set} $5 # 1%"),
        (r"$\{x\}$ stays {here}", r"$\{x\}$ stays here"),
        ("plain  text\n of two lines", "plain text of two lines"),
    ],
)  # fmt: skip
def test_tex_becomes_plain_text(tex: str, text: str) -> None:
    assert plain(tex) == text


@given(
    st.lists(
        st.fixed_dictionaries({"title": st.text(), "abstract": st.text()}), min_size=1, max_size=5
    )
)
def test_json_json_lines_and_records_agree_on_any_text(records: list[dict[str, str]]) -> None:
    expected = from_records(list(enumerate(records, 1)), "page").sightings
    text = "".join(json.dumps(record) + "\n" for record in records)
    assert read_json_lines(text, "page").sightings == expected
    listed = read_json(json.dumps(records, ensure_ascii=False), "page").sightings
    assert [(s.title, s.abstract) for s in listed] == [(s.title, s.abstract) for s in expected]


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["title", "abstract", "year", "month", "day", "authors", "url", "x", "n_authors"]
    ), inner, max_size=9)))  # fmt: skip
def test_no_record_is_too_odd_to_read(record: Any) -> None:
    from_records([(1, record)], "page")
    from_records([(1, PAPER | record if isinstance(record, dict) else record)], "page")
