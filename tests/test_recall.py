from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant import recall
from assistant.catalog import Catalog
from assistant.schema import Paper

OWLS = Paper("owls", "Owls", "Owls hunt by ear.", date="2021")
BEES = Paper("bees", "Bees", "Bees dance.", url="https://example.org")
LATER = replace(OWLS, abstract="Owls hunt by night.")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    with Catalog.open(path) as catalog:
        catalog.set_papers([OWLS, BEES])
        yield catalog


def abstracts(catalog: Catalog, ids: Sequence[str] = ("owls",)) -> list[str]:
    """What both ways of asking say, which must be the same."""
    found = [paper.abstract for paper in catalog.papers(ids)]
    assert [paper.abstract for paper in catalog.texts(ids)] == found
    return found


def test_a_paper_that_was_read_is_not_read_again(catalog: Catalog) -> None:
    first, second = catalog.papers(["owls", "bees"]), catalog.papers(["bees", "owls"])
    assert first == [OWLS, BEES]
    assert second[0] is first[1]
    assert second[1] is first[0]


def test_texts_come_in_the_order_asked_for_and_each_once(catalog: Catalog) -> None:
    found = catalog.texts(["bees", "nobody", "owls", "bees"])
    assert [(one.title, one.abstract) for one in found] == [
        ("Bees", "Bees dance."),
        ("Owls", "Owls hunt by ear."),
    ]


def test_what_another_process_changed_is_seen_at_once(catalog: Catalog, path: Path) -> None:
    assert abstracts(catalog, ["owls", "bees"]) == [OWLS.abstract, BEES.abstract]
    with Catalog.open(path) as other:
        other.set_papers([LATER])
        other.remove_papers(["bees"])
        assert abstracts(catalog, ["owls", "bees"]) == [LATER.abstract]


def test_what_was_changed_here_is_seen_at_once(catalog: Catalog) -> None:
    assert abstracts(catalog) == [OWLS.abstract]
    catalog.set_papers([LATER])
    assert abstracts(catalog) == [LATER.abstract]


def test_nothing_that_was_undone_is_remembered(catalog: Catalog) -> None:
    def changes_its_mind() -> None:
        with catalog.transaction():
            catalog.set_papers([LATER])
            assert abstracts(catalog) == [LATER.abstract]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        changes_its_mind()
    assert abstracts(catalog) == [OWLS.abstract]


def test_a_change_while_papers_are_read_is_not_missed(catalog: Catalog, path: Path) -> None:
    memory = recall.Recall(catalog.database)

    def slow(ids: Sequence[str]) -> dict[str, Paper]:
        with Catalog.open(path) as other:
            other.set_papers([LATER])
        return {"owls": OWLS}

    assert memory.papers(["owls"], slow) == {"owls": OWLS}
    assert memory.papers(["owls"], lambda ids: {"owls": LATER}) == {"owls": LATER}


def test_the_longest_unasked_is_forgotten_first(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_KEPT", 1)
    (first,) = catalog.papers(["owls"])
    catalog.papers(["bees"])
    assert catalog.papers(["owls"])[0] is not first
