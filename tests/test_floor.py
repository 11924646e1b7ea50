"""The floor under which a corpus declines: fitted to it, kept with it, told by the doctor."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpora import OWLS, TIDES, Corpus, quoting_model, refusal_model
from test_rag import WINTER, pipeline
from whole import Commands, commands, ready  # noqa: F401

from assistant import floor
from assistant.build import CATALOG
from assistant.catalog import Catalog
from assistant.floor import Floor, fit, floor_of, is_due, known, question_of
from assistant.schema import Paper


@pytest.fixture
def fresh(corpus: Corpus) -> Iterator[Corpus]:
    """The small corpus, which nothing was fitted for, before or after."""
    yield corpus
    corpus.catalog.database.change("DELETE FROM meta WHERE key = ?", (floor.KEY,))


def kept(catalog: Catalog, shift: float) -> None:
    catalog.set_meta(floor.KEY, json.dumps(Floor(shift, 0.1, 0.2, 5, 10, 6)))


def test_a_question_is_made_of_a_papers_own_words_or_of_anothers(corpus: Corpus) -> None:
    owls, tides = corpus.paper(OWLS), corpus.paper(TIDES)
    own, foreign = question_of(owls), question_of(owls, tides)
    assert own == question_of(owls)
    assert own
    assert foreign
    assert " does OwlEar use for " in own
    detail, other = own.split()[1], foreign.split()[1]
    assert detail in owls.abstract.lower()
    assert other not in owls.abstract.lower()
    assert other in tides.abstract.lower()
    assert question_of(Paper("p", "Owls", "They hear.")) is None


def test_a_floor_is_moved_in_log_odds() -> None:
    assert Floor(0.0, 0, 0, 1, 1, 1).moved(0.3) == pytest.approx(0.3)
    assert Floor(1.0, 0, 0, 1, 1, 1).moved(0.5) == pytest.approx(1 / (1 + math.exp(-1)))
    assert Floor(1.0, 0, 0, 1, 1, 1).moved(0.0) == 0.0
    assert Floor(-1.0, 0, 0, 1, 1, 1).moved(1.0) == 1.0


def test_what_was_fitted_is_kept_and_little_data_moves_it_little(fresh: Corpus) -> None:
    found = fit(fresh.catalog, fresh.retriever, quoting_model(), refusal_model(), 0.5)
    assert found
    assert found == known(fresh.catalog)
    assert 2 <= found.n <= found.papers == 6
    assert found.n_absent == 2 * found.n
    assert abs(found.shift) <= found.n / (found.n + 100) + 0.005
    assert 0 <= found.declined <= 1 >= found.answered >= 0
    assert fit(fresh.catalog, fresh.retriever, quoting_model(), refusal_model(), 0.5) == found


def test_a_corpus_declines_below_its_own_floor(fresh: Corpus) -> None:
    asked = pipeline(fresh)
    assert not asked.ask(WINTER).answer().refused
    kept(fresh.catalog, 20.0)
    assert asked.ask(WINTER).answer().refused
    kept(fresh.catalog, -20.0)
    assert not asked.ask(WINTER).answer().refused


@pytest.mark.parametrize("said", ["", "1", "[]", "[1]", "{", '{"shift": 1}'])
def test_a_folder_without_a_floor_goes_on_with_the_shipped_one(fresh: Corpus, said: str) -> None:
    fresh.catalog.set_meta(floor.KEY, said)
    assert known(fresh.catalog) is None
    assert floor_of(fresh.catalog, 0.5) == 0.5


class Counted:
    """A catalog of so many papers, fitted when it had others."""

    def __init__(self, papers: int, fitted: int | None) -> None:
        self._papers = papers
        self._said = fitted and json.dumps(Floor(0.1, 0, 0, 5, 10, fitted))

    def count(self) -> int:
        return self._papers

    def meta(self, _: str) -> Any:
        return self._said


@pytest.mark.parametrize(
    ("papers", "fitted", "due"),
    [
        (29, None, False),
        (30, None, True),
        (249, 249, False),
        (290, 249, False),
        (310, 249, True),
        (180, 249, True),
    ],
)
def test_it_is_fitted_anew_once_the_corpus_changed_by_much(
    papers: int, fitted: int | None, due: bool
) -> None:
    catalog: Any = Counted(papers, fitted)
    assert is_due(catalog) == due


def test_indexing_fits_it_and_on_the_shipped_corpus_it_stays_where_it_was(ready: Path) -> None:  # noqa: F811
    catalog = Catalog.open(ready / CATALOG)
    try:
        found = known(catalog)
    finally:
        catalog.close()
    assert found
    assert found.shift == 0.0
    assert (found.n, found.n_absent, found.papers) == (40, 80, 249)
    assert found.declined <= 0.05


def test_the_doctor_tells_what_the_floor_is_worth(cli: Commands) -> None:
    told = " ".join(cli("doctor").out.split())
    assert "refusals below 0.50; of 40 questions made from this corpus" in told
    assert "of 80 that it does not answer" in told
