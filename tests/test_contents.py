"""Rows without abstracts, as the catalog's own papers say."""

from corpora import BEES, COMPOST, OWLS, POLLEN, Corpus

from assistant.contents import listings_of, rows_of
from assistant.period import Period


def test_every_paper_has_one_row_by_title(corpus: Corpus) -> None:
    papers = corpus.catalog.papers()
    rows = rows_of(corpus.catalog)
    assert [(row.paper_id, row.title, row.date) for row in rows] == [
        (paper.paper_id, paper.title, paper.date) for paper in papers
    ]
    assert rows[0].title == BEES


def test_a_row_knows_its_pages_and_the_days_that_its_date_may_mean(corpus: Corpus) -> None:
    rows = {row.title: row for row in rows_of(corpus.catalog)}
    assert rows[OWLS].pages == ("first.jsonl",)
    assert rows[OWLS].days == Period("2021-03-12", "2021-03-12")
    assert rows[BEES].days == Period("2019-05-01", "2019-05-31")
    assert rows[COMPOST].days is None
    assert rows[POLLEN].searched == f"{POLLEN.casefold()}\n{rows[POLLEN].paper_id}"


def test_pages_are_counted_by_their_listings(corpus: Corpus) -> None:
    assert listings_of(corpus.catalog) == (("first.jsonl", 3), ("second.json", 3))
