import io
import sys
from typing import Any

import pytest
from keeping import BATS, MOTHS, OWLS, TEXTS, WORMS, Keeping, keeping, kept, record, write_page  # noqa: F401

from assistant import build
from assistant.encoder import MiniLM
from assistant.indexer import writing


@pytest.fixture
def no_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing may be encoded but a question."""

    class Idle(MiniLM):
        def encode_and_read(self, texts: Any) -> Any:
            assert len(texts) <= 1
            assert not any(part in text for text in texts for part in TEXTS.values())
            return super().encode_and_read(texts)

    monkeypatch.setattr(build, "MiniLM", lambda: Idle())


def test_a_removed_paper_is_found_by_no_engine_and_by_no_name(keep: Keeping) -> None:
    ran = keep("remove", keep.id_of(OWLS)[:6], "--yes")
    assert (ran.code, ran.out) == (0, "1 removed, 3 papers left\n")
    assert OWLS in ran.err
    assert keep.titles() == {BATS, MOTHS, WORMS}
    assert OWLS not in keep.found("OwlEar hears owls at night")
    assert keep("show", keep.data.name).code == 2


def test_removing_makes_no_index_anew_and_encodes_nothing(keep: Keeping) -> None:
    before = sorted(keep.data.rglob("*.json"))
    seals = [path.read_bytes() for path in before]
    ran = keep("remove", keep.id_of(OWLS), "--yes", "--json")
    assert (ran.json["removed"], ran.json["encoded"]) == (1, 0)
    assert [path.read_bytes() for path in before] == seals


def test_a_removed_paper_stays_out_when_its_page_is_read_again(keep: Keeping) -> None:
    keep("remove", keep.id_of(OWLS), "--yes")
    write_page(keep.pages / "first.jsonl", record(OWLS), record(BATS), record(OWLS, venue="X"))
    assert keep("index").code == 0
    assert OWLS not in keep.titles()
    assert OWLS not in keep.found("OwlEar hears owls at night")


@pytest.mark.parametrize("indexed_between", [True, False])
def test_what_was_removed_is_put_back_without_encoding(
    keep: Keeping, no_encoding: None, indexed_between: bool
) -> None:
    paper_id = keep.id_of(OWLS)
    keep("remove", paper_id, "--yes")
    if indexed_between:
        keep("index")
    ran = keep("remove", "--undo", paper_id[:5])
    assert (ran.code, ran.out) == (0, "1 put back, 4 papers left\n")
    assert keep.found("OwlEar hears owls at night")[0] == OWLS


def test_nothing_is_removed_unless_someone_says_so(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper_id = keep.id_of(OWLS)
    ran = keep("remove", paper_id)
    assert ran.code == 2
    assert "add --yes" in ran.err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = {"n\n": 1, "\n": 1, "y\n": 0}
    for answer, code in answers.items():
        assert OWLS in keep.titles()
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert keep.main("remove", paper_id).code == code
    assert OWLS not in keep.titles()


def test_an_unknown_id_removes_nothing_at_all(keep: Keeping) -> None:
    ran = keep("remove", keep.id_of(OWLS), "ffffffff", "--yes")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert keep("remove", "--yes").code == 2
    ran = keep("remove", "--undo", keep.id_of(OWLS))
    assert (ran.code, "no paper was removed" in ran.err) == (2, True)
    assert len(keep.titles()) == 4


def test_what_can_be_put_back_is_named(keep: Keeping) -> None:
    paper_id = keep.id_of(OWLS)
    keep("remove", paper_id, "--yes")
    for arguments in ((), (keep.id_of(BATS),)):
        ran = keep("remove", "--undo", *arguments)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert f"{paper_id} ({OWLS})" in ran.err


def test_while_another_process_indexes_nothing_is_removed(keep: Keeping) -> None:
    with writing(keep.data):
        ran = keep("remove", keep.id_of(OWLS), "--yes")
    assert ran.code == 75
    assert OWLS in keep.titles()


def test_history_tells_what_each_run_did(keep: Keeping) -> None:
    write_page(keep.pages / "first.jsonl", record(OWLS), {**record(BATS), "abstract": "Changed."})
    write_page(keep.pages / "third.jsonl", {"title": "New", "abstract": "Never seen before."})
    keep("index")
    keep("remove", keep.id_of(OWLS), "--yes")
    rows = keep("history", "--json").rows
    assert [row["kind"] for row in rows] == ["remove", "index", "index"]
    newest, middle, first = rows
    assert (newest["removed"], newest["papers"], newest["encoded"]) == (1, 4, 0)
    assert (middle["added"], middle["papers"]) == (1, 5)
    assert middle["encoded"] == middle["added"] + middle["updated"]
    assert (first["added"], first["merged"], first["papers"]) == (4, 1, 4)
    ran = keep("history", "--last", "1")
    assert ran.out.count("\n") == 1
    assert "remove: 1 removed; 4 papers" in ran.out


def test_an_empty_history_says_what_to_do(keep: Keeping) -> None:
    keep.set("ASSISTANT_DATA__FOLDER", str(keep.folder / "other"))
    ran = keep("history")
    assert (ran.code, ran.out) == (0, "")
    assert "assistant index" in ran.err
