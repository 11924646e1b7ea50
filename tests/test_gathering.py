"""Files into the catalog: one paper from many sources, its versions, and nothing lost."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from test_corpus_reading import shut

from assistant import database, tables
from assistant.catalog import Catalog
from assistant.errors import CorpusError
from assistant.gathering import Gathered, gather
from assistant.identifiers import identifiers, paper_id
from assistant.schema import Paper
from assistant.sightings import versions

WORDS = (
    "We study how saved pages can be read back. Our reader looks at the form of each line and never"
    " at its words. Experiments on thirty thousand real abstracts show that it loses none of them."
    " It is small."
)
OTHER = (
    "Glaciers flow faster where their bed is wet. Models of ice flow therefore need fine grids,"
    " which are slow. Here the grid is refined near the grounding line only, which is six times as"
    " fast as a uniform one with the same error."
)


class Room:
    """A folder of files and a catalog."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder
        self.catalog = catalog

    def write(self, name: str, *records: dict[str, Any]) -> None:
        (self.folder / name).write_text("".join(f"{json.dumps(one)}\n" for one in records))

    def gather(self, *paths: str, **options: Any) -> Gathered:
        wanted = [self.folder / path for path in paths] or [self.folder]
        return gather(self.catalog, wanted, **options)

    @property
    def papers(self) -> list[Paper]:
        return self.catalog.papers()

    def abstracts(self, paper: Paper) -> list[tuple[str, str]]:
        """Each version's abstract and place."""
        found = versions(self.catalog.database, paper)
        assert [one.is_current for one in found] == [False] * (len(found) - 1) + [True]
        return [(one.abstract, one.page) for one in found]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    folder = tmp_path / "papers"
    folder.mkdir()
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        yield Room(folder, catalog)


def record(title: str = "A Title", abstract: str = WORDS, **more: Any) -> dict[str, Any]:
    return {"title": title, "abstract": abstract, **more}


def test_one_identifier_is_one_paper_whatever_its_title(room: Room) -> None:
    room.write("a.jsonl", record("Old Title", arxiv_id="2101.00001v1", date="2021-01-04"))
    room.write("b.jsonl", record("New Name", OTHER, doi="10.48550/arXiv.2101.00001", year=2022))
    room.write("c.jsonl", record("Third", WORDS[:50], arxiv="arXiv:2101.00001v3", doi="10.1000/X"))
    room.write("d.jsonl", record("Fourth", WORDS[:60], doi="https://doi.org/10.1000/x"))
    assert room.gather()[:6] == (4, 0, (), 4, 1, 0)
    (paper,) = room.papers
    assert [seen.page for seen in paper.sightings] == ["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"]
    assert identifiers(paper)["doi"] == "10.1000/x"
    for name in ("arXiv:2101.00001", "2101.00001v9", "https://doi.org/10.1000/X", "10.1000/x"):
        assert room.catalog.paper(name) == paper
    assert room.catalog.paper(paper_id("Third")) == paper


def test_one_title_with_two_identifiers_and_other_words_is_two_papers(room: Room) -> None:
    room.write("a.jsonl", record("Editorial", WORDS, doi="10.1000/a"))
    room.write("b.jsonl", record("Editorial", OTHER, doi="10.1000/b"))
    room.write("c.jsonl", record("Editorial", OTHER + " It is new."))
    room.gather()
    one, two = sorted(room.papers, key=lambda paper: paper.abstract, reverse=True)
    assert [seen.page for seen in one.sightings] == ["a.jsonl"]
    assert [seen.page for seen in two.sightings] == ["b.jsonl", "c.jsonl"]
    assert paper_id("Editorial") in {one.paper_id, two.paper_id}


def test_one_title_with_two_identifiers_and_much_the_same_words_is_one_paper(room: Room) -> None:
    room.write("a.jsonl", record(doi="10.1000/preprint"))
    room.write("b.jsonl", record(abstract=WORDS.replace("small", "large"), doi="10.1000/journal"))
    room.gather()
    assert [len(paper.sightings) for paper in room.papers] == [2]


def test_one_abstract_below_titles_much_alike_is_one_paper(room: Room) -> None:
    room.write("a.jsonl", record("Reading Saved Pages (Extended Abstract)"))
    room.write("b.jsonl", record("Reading Saved Pages"))
    room.write("c.jsonl", record("Something Else"), record("Reading Saved Pages 2"))
    room.gather()
    assert sorted(len(paper.sightings) for paper in room.papers) == [1, 1, 2]


@pytest.mark.parametrize(("first", "second"), [("Alpha", "Beta"), ("Beta", "Alpha")])
def test_a_paper_keeps_its_id_when_a_source_with_another_title_joins_it(
    room: Room, first: str, second: str
) -> None:
    room.write("a.jsonl", record(first, doi="10.1000/x", year=2020))
    room.write("b.jsonl", record(second, OTHER, doi="10.1000/x", year=2021))
    room.gather("a.jsonl")
    report = room.gather("b.jsonl")
    assert (report.added, report.changed, report.removed) == (0, 1, 0)
    assert [(one.paper_id, one.title) for one in room.papers] == [(paper_id(first), second)]


def test_papers_that_a_record_held_together_part_when_it_goes(room: Room) -> None:
    room.write("a.jsonl", record("One", arxiv_id="2101.00001"))
    room.write("b.jsonl", record("Two", OTHER, doi="10.1000/x"))
    room.write("c.jsonl", record("One", arxiv_id="2101.00001", doi="10.1000/x"))
    room.gather()
    assert len(room.papers) == 1
    room.write("c.jsonl", record("One", arxiv_id="2101.00001"))
    report = room.gather()
    assert (report.pages_unchanged, report.added, report.removed) == (2, 1, 0)
    assert {paper.paper_id for paper in room.papers} == {paper_id("One"), paper_id("Two")}


@pytest.mark.parametrize(
    "order", [("a.jsonl", "b.jsonl", "c.jsonl"), ("c.jsonl", "a.jsonl", "b.jsonl")]
)
def test_the_papers_are_the_same_in_whatever_order_the_files_come(
    room: Room, order: tuple[str, ...]
) -> None:
    room.write("a.jsonl", record("Same", doi="10.1000/a"), record("Lone", OTHER))
    room.write("b.jsonl", record("Same", OTHER, doi="10.1000/b", arxiv_id="2101.00001"))
    room.write("c.jsonl", record("Name", "Short.", arxiv_id="2101.00001v2"), record("Lone", OTHER))
    for name in order:
        room.gather(name)
    sights = sorted([(s.page, s.line) for s in paper.sightings] for paper in room.papers)
    assert sights == [
        [("a.jsonl", 1)],
        [("a.jsonl", 2), ("c.jsonl", 2)],
        [("b.jsonl", 1), ("c.jsonl", 1)],
    ]


def test_an_unchanged_file_is_not_read_again_unless_its_notes_are_asked_for(room: Room) -> None:
    room.write("a.jsonl", record(), {"title": "No Abstract"})
    assert room.gather().listings == 1
    again = room.gather()
    assert (again.pages_unchanged, again.listings, again.added, again.notes) == (1, 1, 0, ())
    notes = room.gather(reread=True).notes
    assert [(page, note.line, note.kind) for page, note in notes] == [("a.jsonl", 2, "skipped")]


def test_a_long_file_tells_how_far_it_was_read(room: Room) -> None:
    told: list[tuple[str, int, int]] = []
    room.write("a.jsonl", *(record(f"Paper {n}", f"{n} {OTHER}") for n in range(4000)))
    room.gather(progress=lambda *step: told.append(step))
    assert told[0] == ("read", 0, 1)
    assert len(told) == 6
    assert told[-1] == ("read", 1, 1)


def test_a_changed_file_changes_no_more_papers_than_it_must(room: Room) -> None:
    some = [record(f"Paper {n}", f"{n} {OTHER}", doi=f"10.1000/{n}") for n in range(9)]
    room.write("a.jsonl", *some)
    room.gather()
    # Whatever is merged anew is counted here.
    room.catalog.database.change("CREATE TEMP TABLE put (paper_id)")
    for event in ("INSERT", "UPDATE"):
        room.catalog.database.change(
            f"CREATE TEMP TRIGGER on_{event} AFTER {event} ON papers"
            " BEGIN INSERT INTO put VALUES (new.paper_id); END"
        )
    room.write("a.jsonl", record("First"), *some[:4], *some[5:])
    report = room.gather()
    assert (report.added, report.changed, report.removed) == (1, 0, 1)
    assert room.catalog.paper("10.1000/8").sightings[0].line == 9
    assert room.catalog.database.rows("SELECT * FROM put") == [(paper_id("First"),)]


def test_of_two_listings_on_a_page_the_later_one_wins_also_when_they_change_places(
    room: Room,
) -> None:
    one, two = record(abstract=f"1 {WORDS}"), record(abstract=f"2 {WORDS}")
    for first, second in ((one, two), (two, one), (one, two)):
        room.write("a.jsonl", first, second)
        room.gather()
        assert [paper.abstract for paper in room.papers] == [second["abstract"]]


def test_a_strict_run_that_stops_changes_nothing(room: Room) -> None:
    room.write("a.jsonl", record("Kept"))
    room.gather()
    before = (room.catalog.pages(), room.papers)
    room.write("a.jsonl", record("New"))
    room.write("b.jsonl", *(record(f"Paper {n}", f"{n} {OTHER}") for n in range(700)))
    with (room.folder / "b.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(CorpusError, match=r"b\.jsonl: line 701: not JSON"):
        room.gather(strict=True)
    assert (room.catalog.pages(), room.papers) == before
    assert room.gather().added == 701


def test_a_page_in_which_nothing_is_found_any_more_takes_nothing_out(room: Room) -> None:
    room.write("a.jsonl", record())
    room.write("b.jsonl", record("Other", OTHER))
    room.gather()
    (room.folder / "a.jsonl").write_text("{\n")
    report = room.gather()
    assert (len(room.papers), report.removed) == (2, 0)
    assert {note.kind for page, note in report.notes if page == "a.jsonl"} == {"unreadable"}


def test_a_packed_page_that_breaks_off_takes_nothing_out(room: Room) -> None:
    path = room.folder / "a.jsonl.gz"
    lines = [f"{json.dumps(record(f'Paper {n}', f'{n} {OTHER}'))}\n".encode() for n in range(40)]
    path.write_bytes(gzip.compress(b"".join(lines)))
    room.gather()
    changed = gzip.compress(b"".join(reversed(lines)))
    path.write_bytes(changed[: len(changed) * 3 // 4])
    report = room.gather()
    assert (len(room.papers), report.removed, report.listings) == (40, 0, 40)
    assert [note.text for _, note in report.notes] == [
        "breaks off, so what was read before stays: fetch the file again"
    ]
    with pytest.raises(CorpusError, match=r"a\.jsonl\.gz: breaks off"):
        room.gather(strict=True)
    path.write_bytes(changed)
    assert room.gather().pages_unchanged == 0
    assert len(room.papers) == 40


def test_a_strict_run_stops_at_a_record_of_an_unchanged_file_too(room: Room) -> None:
    room.write("a.jsonl", record())
    with (room.folder / "a.jsonl").open("a") as file:
        file.write("{broken\n")
    room.gather()
    with pytest.raises(CorpusError, match=r"a\.jsonl: line 2: not JSON"):
        room.gather(strict=True)
    assert len(room.papers) == 1


def test_pruning_leaves_what_stands_in_a_folder_that_cannot_be_opened(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (room.folder / "shut").mkdir()
    room.write("a.jsonl", record("Stays", OTHER))
    room.write("shut/b.jsonl", record("Behind a door"))
    room.gather()
    shut(monkeypatch, room.folder / "shut")
    assert room.gather(prune=True).pages_gone == ()
    monkeypatch.undo()
    (room.folder / "shut" / "b.jsonl").unlink()
    assert room.gather(prune=True).pages_gone == ("shut/b.jsonl",)


def test_pruning_takes_pages_out_but_none_that_was_piped_in(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    room.write("a.jsonl", record("Stays", OTHER))
    room.write("b.jsonl", record("Goes"))
    room.gather()
    piped = json.dumps(record("Piped", f"{WORDS} {OTHER}")).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
    gather(room.catalog, ["-"])
    (room.folder / "b.jsonl").unlink()
    report = room.gather(prune=True)
    assert (report.pages_gone, report.papers_gone) == (
        ("b.jsonl",),
        ((paper_id("Goes"), "Goes"),),
    )
    assert {paper.title for paper in room.papers} == {"Stays", "Piped"}


def test_papers_to_leave_out_stay_out(room: Room) -> None:
    room.write("a.jsonl", record("Out"), record("In", OTHER))
    room.gather(without={paper_id("Out")})
    assert [paper.title for paper in room.papers] == ["In"]


# Versions of an abstract


def test_an_abstract_that_changes_in_its_file_is_kept(room: Room) -> None:
    for number in (1, 2, 3):
        room.write("a.jsonl", record(abstract=f"{number} {WORDS}", arxiv_id=f"2101.00001v{number}"))
        room.gather()
    (paper,) = room.papers
    assert room.abstracts(paper) == [
        (f"1 {WORDS}", ""),
        (f"2 {WORDS}", ""),
        (f"3 {WORDS}", "a.jsonl"),
    ]
    assert [one.arxiv_id for one in versions(room.catalog.database, paper)] == [
        "2101.00001v1",
        "2101.00001v2",
        "2101.00001v3",
    ]


def test_abstracts_of_several_files_are_versions_and_the_newest_version_wins(room: Room) -> None:
    room.write("a.jsonl", record(abstract=f"3 {WORDS}", arxiv_id="2101.00001v3", year=2021))
    room.write("b.jsonl", record(abstract=f"1 {WORDS}", arxiv_id="2101.00001v1", year=2021))
    room.write("c.jsonl", record(abstract=f"1  {WORDS}", arxiv_id="2101.00001v1", year=2021))
    room.gather()
    (paper,) = room.papers
    assert paper.abstract == f"3 {WORDS}"
    assert [place for _, place in room.abstracts(paper)] == ["c.jsonl", "a.jsonl"]
    (room.folder / "b.jsonl").unlink()
    (room.folder / "c.jsonl").unlink()
    room.gather(prune=True)
    assert [abstract for abstract, _ in room.abstracts(room.papers[0])] == [
        f"1 {WORDS}",
        f"3 {WORDS}",
    ]


def test_a_file_read_again_with_the_same_words_keeps_no_copies(room: Room) -> None:
    for extra in range(3):
        room.write("a.jsonl", record(), record(f"Other {extra}", OTHER))
        room.gather()
    assert room.catalog.database.rows("SELECT count(*) FROM versions") == [(0,)]


def test_the_versions_of_a_paper_go_with_it_or_over_to_the_one_it_became(room: Room) -> None:
    room.write("a.jsonl", record("Left", f"1 {WORDS}"))
    room.write("b.jsonl", record("Right", f"1 {OTHER}"))
    room.gather()
    room.write("a.jsonl", record("Left", f"2 {WORDS}", doi="10.1000/x"))
    room.write("b.jsonl", record("Right", f"2 {OTHER}", doi="10.1000/x"))
    room.gather()
    (paper,) = room.papers
    assert sorted(abstract for abstract, _ in room.abstracts(paper)) == sorted(
        f"{number} {words}" for number in (1, 2) for words in (WORDS, OTHER)
    )
    room.catalog.remove_papers([paper.paper_id])
    assert room.catalog.database.rows("SELECT count(*) FROM versions") == [(0,)]


# A catalog of the first version


def test_a_catalog_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as raw, raw:
        for statement in tables.STEPS[0]:
            raw.execute(statement)
        raw.execute(
            "INSERT INTO pages VALUES ('a.jsonl', '/nowhere/a.jsonl', 'hash', 'json lines')"
        )
        id_ = paper_id("A Title")
        row = ("A Title", WORDS, None, 0, None, "[]", None, '{"doi": "10.1000/x"}')
        raw.execute(
            "INSERT INTO sightings VALUES ('a.jsonl', 1, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)", (id_, *row)
        )
        raw.execute(
            "INSERT INTO papers VALUES (?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?, NULL)", (id_, *row)
        )
        raw.execute(f"PRAGMA application_id = {database._APPLICATION}")
        raw.execute("PRAGMA user_version = 1")
    with Catalog.open(path) as catalog:
        room = Room(tmp_path, catalog)
        assert [paper.paper_id for paper in room.papers] == [id_]
        # Its files are read again, for what they tell of identifiers.
        assert catalog.pages() == {"a.jsonl": ""}
        room.write("b.jsonl", record())
        room.gather("b.jsonl")
        assert [len(paper.sightings) for paper in room.papers] == [2]
