import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from fakes import FakeEncoder

from assistant.catalog import Catalog, Listing, Page
from assistant.errors import CatalogError, UsageError
from assistant.schema import Chunk, Filters, Paper, Sighting

ME = FakeEncoder().identity
OTHER = FakeEncoder("other").identity
FULL = Paper(
    paper_id="aaaa00000001",
    title="Élan: a 'quoted' title; DROP TABLE papers",
    abstract="First sentence. Second one.",
    date="2021-03",
    year_inferred=True,
    author_count=3,
    authors=("A. Uthor", "B. 蔡"),
    url="https://example.org",
    extra={"doi": "10.1/x"},
)


def plain(number: int, date: str | None = None, title: str = "") -> Paper:
    return Paper(f"{number:012}", title or f"Title {number}", f"Abstract {number}.", date=date)


def seen(paper: Paper, page: str, position: int = 1) -> Listing:
    return Listing(
        paper.paper_id,
        Sighting(page, position, 10 * position, paper.title, paper.abstract, paper.date),
    )


def page(name: str, sha256: str = "0") -> Page:
    return Page(name, f"/corpus/{name}", sha256, "listing")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "catalog.sqlite3") as catalog:
        yield catalog


def test_a_paper_comes_back_as_it_was_put_in(catalog: Catalog) -> None:
    catalog.set_papers([FULL])
    assert catalog.papers() == [FULL]
    assert catalog.papers([FULL.paper_id, "unknown", FULL.paper_id]) == [FULL]
    assert catalog.count() == 1


def test_papers_come_by_title_or_in_the_order_asked_for(catalog: Catalog) -> None:
    catalog.set_papers([plain(1, title="b"), plain(2, title="A"), plain(3, title="c")])
    assert [p.title for p in catalog.papers()] == ["A", "b", "c"]
    assert [p.title for p in catalog.papers([plain(3).paper_id, plain(2).paper_id])] == ["c", "A"]
    assert catalog.papers([]) == []


def test_every_sighting_keeps_its_own_words(catalog: Catalog) -> None:
    older = dataclasses.replace(FULL, abstract="Other words.")
    listing = Listing(
        FULL.paper_id,
        Sighting("b", 4, 9, "T", "A", "2020", True, 2, ("X",), "https://u", {"k": "v"}),
    )
    catalog.replace_page(page("b"), [listing])
    catalog.replace_page(page("a"), [seen(older, "a", 2), seen(FULL, "a", 1)])
    catalog.set_papers([FULL])
    (paper,) = catalog.papers()
    assert [(s.page, s.position) for s in paper.sightings] == [("a", 1), ("a", 2), ("b", 4)]
    assert [s.abstract for s in paper.sightings] == [FULL.abstract, "Other words.", "A"]
    assert paper.sightings[2] == listing.sighting
    assert catalog.sightings() == {FULL.paper_id: list(paper.sightings)}


def test_a_page_read_again_replaces_what_it_was_and_tells_what_it_touches(catalog: Catalog) -> None:
    one, two, three = plain(1), plain(2), plain(3)
    assert catalog.replace_page(page("p", "old"), [seen(one, "p"), seen(two, "p", 2)]) == {
        one.paper_id,
        two.paper_id,
    }
    touched = catalog.replace_page(page("p", "new"), [seen(two, "p"), seen(three, "p", 2)])
    # What is said of the second paper is what was said of it before.
    assert touched == {one.paper_id, three.paper_id}
    assert catalog.pages() == {"p": "new"}
    assert catalog.page_files() == {"p": page("p", "new")}
    assert set(catalog.sightings()) == {two.paper_id, three.paper_id}
    assert catalog.remove_page("p") == {two.paper_id, three.paper_id}
    assert (catalog.pages(), catalog.sightings()) == ({}, {})


def test_a_change_that_fails_half_way_changes_nothing(catalog: Catalog) -> None:
    def change_and_fail() -> None:
        with catalog.transaction():
            catalog.set_papers([plain(2)])
            catalog.replace_page(page("p"), [seen(plain(2), "p")])
            raise RuntimeError

    catalog.set_papers([plain(1)])
    with pytest.raises(RuntimeError):
        change_and_fail()
    assert (catalog.count(), catalog.pages()) == (1, {})


def test_a_paper_is_found_by_the_beginning_of_its_id(catalog: Catalog) -> None:
    catalog.set_papers([FULL, plain(1)])
    assert catalog.paper("AAAA0") == FULL
    with pytest.raises(UsageError, match="there is no paper 'zzz'"):
        catalog.paper("zzz")


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (Filters(), {1, 2, 3, 4, 5}),
        (Filters(year=2021), {1, 2, 3}),
        (Filters(since="2021-04"), {1, 3, 4}),
        (Filters(until="2021-03-12"), {1, 2}),
        (Filters(since="2021-03", until="2021-03"), {1, 2}),
        (Filters(year=2022), {4}),
        (Filters(year=1999), set()),
        (Filters(page="second"), {2, 5}),
        (Filters(page="SECOND.TXT", year=2021), {2}),
    ],
)
def test_filters_let_through_what_may_be_meant(
    catalog: Catalog, filters: Filters, numbers: set[int]
) -> None:
    dates = {1: "2021", 2: "2021-03", 3: "2021-07-25", 4: "2022-01-01", 5: None}
    papers = [plain(number, date) for number, date in dates.items()]
    catalog.set_papers(papers)
    catalog.replace_page(page("first.txt"), [seen(p, "first.txt", n) for n, p in enumerate(papers)])
    catalog.replace_page(page("second.txt"), [seen(papers[n], "second.txt", n) for n in (1, 4)])
    assert catalog.paper_ids(filters) == {f"{number:012}" for number in numbers}


def test_a_part_of_the_papers_comes_in_the_order_of_all(catalog: Catalog) -> None:
    every = catalog.papers()
    assert catalog.some_papers(2, 1) == every[1:3]
    assert catalog.some_papers(5, len(every)) == []


def test_papers_put_aside_are_not_found(catalog: Catalog) -> None:
    every = catalog.paper_ids()
    aside = sorted(every)[:2]
    assert catalog.paper_ids(Filters(without=tuple(aside))) == every - set(aside)


def test_a_filter_that_makes_no_sense_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="'soon' is not understood"):
        catalog.paper_ids(Filters(since="soon"))
    with pytest.raises(UsageError, match="no page 'x'"):
        catalog.paper_ids(Filters(page="x"))


def test_a_date_that_no_calendar_has_is_as_good_as_none(catalog: Catalog) -> None:
    catalog.set_papers([plain(1, "sometime"), plain(2, "2021-02-30")])
    assert catalog.papers()[0].date == "sometime"
    assert catalog.paper_ids(Filters(since="1900")) == set()


def test_the_fingerprint_changes_if_and_only_if_the_words_do(catalog: Catalog) -> None:
    catalog.set_papers([plain(1), plain(2)])
    before = catalog.fingerprint()
    assert catalog.keep_fingerprint() == before == catalog.fingerprint()
    catalog.set_papers([plain(2), plain(1, "2021")])
    assert catalog.fingerprint() == before
    catalog.set_papers([dataclasses.replace(plain(1), abstract="New.")])
    changed = catalog.fingerprint()
    assert changed != before
    catalog.set_papers([plain(1)])
    assert catalog.fingerprint() == before
    catalog.remove_papers([plain(1).paper_id])
    assert catalog.fingerprint() not in (before, changed)


def chunk_of(paper: Paper, start: int, end: int) -> Chunk:
    text = paper.abstract[start:end]
    return Chunk(f"{paper.paper_id}-{start:08}", paper.paper_id, paper.title, text, start, end)


def test_chunks_come_back_with_their_text(catalog: Catalog) -> None:
    catalog.set_papers([FULL])
    chunks = [chunk_of(FULL, 0, 15), chunk_of(FULL, 16, 27)]
    assert catalog.unchunked(ME, catalog.paper_ids()) == [FULL.paper_id]
    catalog.set_chunks(ME, [FULL.paper_id], chunks[::-1])
    assert catalog.chunks() == chunks
    assert catalog.chunks([chunks[1].chunk_id, "unknown", chunks[0].chunk_id]) == chunks[::-1]
    assert catalog.chunk_ids() == {c.chunk_id for c in chunks}
    assert catalog.unchunked(ME, catalog.paper_ids()) == []
    assert catalog.unchunked(OTHER, catalog.paper_ids()) == [FULL.paper_id]


def test_the_chunks_of_changed_words_are_dropped_and_no_others(catalog: Catalog) -> None:
    catalog.set_papers([FULL])
    catalog.set_chunks(ME, [FULL.paper_id], [chunk_of(FULL, 0, 15)])
    catalog.set_papers([dataclasses.replace(FULL, date="1999")])
    assert len(catalog.chunks()) == 1
    assert catalog.unchunked(ME, catalog.paper_ids()) == []
    catalog.set_papers([dataclasses.replace(FULL, abstract="New words.")])
    assert catalog.chunks() == []
    assert catalog.unchunked(ME, catalog.paper_ids()) == [FULL.paper_id]


def test_the_chunks_of_a_removed_paper_go_with_it(catalog: Catalog) -> None:
    catalog.set_papers([FULL])
    catalog.set_chunks(ME, [FULL.paper_id], [chunk_of(FULL, 0, 15)])
    catalog.remove_papers([FULL.paper_id])
    assert catalog.chunk_ids() == set()


def test_vectors_are_kept_apart_by_encoder(catalog: Catalog) -> None:
    mine, theirs = FakeEncoder().encode(["a", "b"]), FakeEncoder("other").encode(["a"]) * -1
    catalog.add_vectors(ME, ["a", "b"], mine)
    catalog.add_vectors(OTHER, ["a"], theirs)
    found = catalog.vectors(ME, ["b", "a", "unknown"])
    assert found.keys() == {"a", "b"}
    assert np.array_equal(found["b"], mine[1])
    assert found["b"].dtype == np.float32
    assert np.array_equal(catalog.vectors(OTHER, ["a", "b"])["a"], theirs[0])
    assert catalog.known_texts(OTHER, ["a", "b"]) == {"a"}


def test_a_vector_of_another_length_is_damage(catalog: Catalog) -> None:
    catalog.add_vectors(ME, ["a"], np.zeros((1, 3), np.float32))
    with pytest.raises(CatalogError, match="a vector of another length"):
        catalog.vectors(ME, ["a"])


def test_facts_and_runs_are_kept(catalog: Catalog) -> None:
    assert catalog.meta("generation") is None
    catalog.set_meta("generation", "g1")
    catalog.set_meta("generation", "g2")
    assert catalog.meta("generation") == "g2"
    catalog.add_run({"papers": 1})
    catalog.add_run({"papers": 2})
    assert [run.report["papers"] for run in catalog.runs()] == [2, 1]
    assert catalog.runs()[0].finished.endswith("+00:00")


def test_it_is_read_by_many_threads_at_once(catalog: Catalog) -> None:
    catalog.set_papers([plain(n) for n in range(50)])
    counts: list[int] = []
    threads = [Thread(target=lambda: counts.append(len(catalog.papers()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [50] * 16


def test_damage_is_found_when_it_is_checked(catalog: Catalog) -> None:
    catalog.set_papers([plain(n) for n in range(500)])
    catalog.check()
    catalog.close()
    with catalog.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 30_000)
    with pytest.raises(CatalogError, match="is damaged"), Catalog.open(catalog.path) as hurt:
        hurt.check()


def test_vectors_are_little_endian_floats_in_the_file(catalog: Catalog) -> None:
    catalog.add_vectors(ME, ["a"], FakeEncoder().encode(["a"]))
    with sqlite3.connect(catalog.path) as raw:
        ((blob,),) = raw.execute("SELECT vector FROM vectors")
    raw.close()
    assert np.array_equal(np.frombuffer(blob, "<f4"), FakeEncoder().encode(["a"])[0])
