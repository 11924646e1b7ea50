import sqlite3
import threading
from pathlib import Path

import pytest
from keeping import BATS, MOTHS, OWLS, WORMS, Keeping, keeping, kept  # noqa: F401

from assistant import config
from assistant.build import CATALOG, Assistant
from assistant.indexer import writing
from assistant.upkeep.backup import BEFORE

EVERY = {OWLS, BATS, MOTHS, WORMS}


def backed_up(keep: Keeping, name: str = "copy.sqlite") -> Path:
    ran = keep("backup", name)
    assert (ran.code, ran.out) == (0, f"4 papers copied to {name}\n"), ran.err
    return keep.folder / name


def test_a_backup_brings_everything_back_and_encodes_nothing(keep: Keeping) -> None:
    backed_up(keep)
    keep("remove", keep.id_of(OWLS), keep.id_of(BATS), "--yes")
    keep("index")
    ran = keep("restore", "copy.sqlite", "--yes")
    assert (ran.code, ran.out) == (0, "4 papers restored\n"), ran.err
    assert keep.titles() == EVERY
    assert keep.found("OwlEar hears owls at night")[0] == OWLS
    newest = keep("history", "--json").rows[0]
    assert (newest["kind"], newest["encoded"], newest["papers"]) == ("restore", 0, 4)
    # What stood there before is a backup too.
    assert keep("restore", str(keep.data / BEFORE), "--yes").code == 0
    assert keep.titles() == {MOTHS, WORMS}


def test_a_program_that_runs_reads_on_in_what_was_restored(keep: Keeping) -> None:
    backed_up(keep)
    keep("remove", keep.id_of(OWLS), "--yes")
    keep("index")
    settings = config.load(flags={"data.folder": str(keep.data)}, environ={})
    with Assistant(settings) as running:
        assert OWLS not in [hit.paper.title for hit in running.search("owls").papers]
        assert keep("restore", "copy.sqlite", "--yes").code == 0
        assert OWLS in [hit.paper.title for hit in running.search("owls").papers]


def test_a_backup_is_one_file_whole_and_of_one_moment(keep: Keeping) -> None:
    """A writer adds pairs of marks all the while: each copy has both of a pair, or neither."""
    stop = threading.Event()

    def write() -> None:
        with keep.open() as catalog:
            number = 0
            while not stop.is_set():
                with catalog.transaction():
                    catalog.set_meta(f"left {number}", "x" * 5_000)
                    catalog.set_meta(f"right {number}", "x" * 5_000)
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [backed_up(keep, f"{number}.sqlite") for number in range(5)]
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        assert [one.name for one in keep.folder.glob(f"{copy.name}?*")] == []
        connection = sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)
        keys = {key for (key,) in connection.execute("SELECT key FROM meta")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        left = {key.split()[1] for key in keys if key.startswith("left")}
        assert left == {key.split()[1] for key in keys if key.startswith("right")}


def test_a_damaged_catalog_is_moved_aside_for_the_backup(keep: Keeping) -> None:
    backed_up(keep)
    (keep.data / CATALOG).write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000)
    assert keep("search", "owls").code == 6
    assert keep("restore", "copy.sqlite", "--yes").code == 0
    assert keep.titles() == EVERY
    assert keep.found("OwlEar hears owls at night")[0] == OWLS
    assert (keep.data / BEFORE).read_bytes().endswith(b"\xff")


def test_another_machine_may_start_from_a_backup(keep: Keeping) -> None:
    backed_up(keep)
    keep.data = keep.folder / "other"
    keep.set("ASSISTANT_DATA__FOLDER", str(keep.data))
    ran = keep("restore", "copy.sqlite", "--json")
    assert (ran.code, ran.json["papers"], ran.json["before"]) == (0, 4, "")
    assert keep.found("OwlEar hears owls at night")[0] == OWLS


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\1" * 5_000])
def test_what_is_no_backup_is_refused_and_nothing_is_touched(keep: Keeping, content: bytes) -> None:
    (keep.folder / "bad.sqlite").write_bytes(content)
    ran = keep("restore", "bad.sqlite", "--yes")
    assert (ran.code, ran.err.count("error: ")) == (6, 1), ran.err
    assert "bad.sqlite" in ran.err
    assert keep("restore", "nowhere.sqlite", "--yes").code == 2
    other = sqlite3.connect(keep.folder / "other.sqlite")
    other.execute("CREATE TABLE diary (entry TEXT)")
    other.close()
    assert keep("restore", "other.sqlite", "--yes").code == 6
    assert keep.titles() == EVERY
    assert not (keep.data / BEFORE).exists()
    assert list(keep.data.glob(".restoring*")) == []


def test_a_backup_takes_the_place_of_no_file_but_an_older_backup(keep: Keeping) -> None:
    copy = backed_up(keep)
    first = copy.read_bytes()
    assert backed_up(keep).read_bytes() == first
    thesis = keep.folder / "thesis.txt"
    thesis.write_text("Years of work.")
    assert keep("backup", "thesis.txt").code == 2
    assert thesis.read_text() == "Years of work."
    assert keep("backup", str(keep.data / CATALOG)).code == 2
    assert keep("backup", "nowhere/copy.sqlite").code == 6


def test_nothing_is_restored_without_a_word_or_while_another_writes(keep: Keeping) -> None:
    backed_up(keep)
    keep("remove", keep.id_of(OWLS), "--yes")
    assert keep("restore", "copy.sqlite").code == 2
    with writing(keep.data):
        assert keep("restore", "copy.sqlite", "--yes").code == 75
        # To copy needs no lock.
        assert keep("backup", "second.sqlite").code == 0
    assert keep.titles() == EVERY - {OWLS}


def test_there_is_nothing_to_copy_before_something_is_indexed(keep: Keeping) -> None:
    keep.set("ASSISTANT_DATA__FOLDER", str(keep.folder / "other"))
    assert keep("backup", "copy.sqlite").code == 6
    assert not (keep.folder / "other").exists()
