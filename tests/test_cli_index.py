import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from keeping import BATS, MOTHS, OWLS, WORMS, Keeping, keeping, kept, record, write_page  # noqa: F401
from whole import ROOT, state

from assistant.errors import Locked
from assistant.upkeep import following

NEW = {"title": "SnailTrack", "abstract": "SnailTrack follows snails across a wall with a laser."}

# Pruning, and looking before


def test_a_dry_run_says_what_would_change_and_changes_nothing(keep: Keeping) -> None:
    (keep.pages / "second.jsonl").unlink()
    write_page(keep.pages / "first.jsonl", record(OWLS), record(BATS), NEW)
    before = state(keep.data)
    ran = keep("index", "--prune", "--dry-run")
    assert ran.code == 0
    assert "goes: page second.jsonl\n" in ran.out
    assert f"{keep.id_of(WORMS)}  {WORMS}" in ran.out
    assert BATS not in ran.out
    assert "3 papers: 1 added, 0 changed, 2 removed, 1 page gone" in ran.out
    told = keep("index", "--prune", "--dry-run", "--json").json
    assert told["dry_run"]
    assert {title for _, title in told["papers_gone"]} == {MOTHS, WORMS}
    assert state(keep.data) == before
    assert keep.titles() == {OWLS, BATS, MOTHS, WORMS}


def test_what_is_pruned_is_named_and_a_paper_on_another_page_stays(keep: Keeping) -> None:
    (keep.pages / "second.jsonl").unlink()
    ran = keep("index", "--prune")
    assert ran.code == 0
    assert ran.err.index(f"  {MOTHS}") < ran.err.index("Indexing")
    assert keep.titles() == {OWLS, BATS}


def test_many_papers_that_go_are_counted(keep: Keeping) -> None:
    records = [{"title": f"Paper {n} on sand", "abstract": f"Sand, {n}."} for n in range(25)]
    write_page(keep.pages / "many.jsonl", *records)
    keep("index")
    (keep.pages / "many.jsonl").unlink()
    ran = keep("index", "--prune", "--dry-run")
    assert ran.out.count("goes: paper") == 20
    assert "goes: 5 more" in ran.out


def test_what_was_dropped_onto_the_page_is_not_pruned(keep: Keeping) -> None:
    write_page(keep.data / "uploads" / "dropped.jsonl", NEW)
    keep("index", str(keep.data / "uploads"))
    ran = keep("index", "--prune")
    assert "goes:" not in ran.err
    assert NEW["title"] in keep.titles()


def test_a_dry_run_goes_with_nothing_that_acts(keep: Keeping) -> None:
    for other in ("--watch", "--rebuild"):
        assert keep("index", "--dry-run", other).code == 2
    assert "read once" in keep("index", "-", "--watch").err


def test_a_pattern_is_followed_in_its_folder(tmp_path: Path) -> None:
    told = following.changes([tmp_path / "pages*" / "*.jsonl"])
    assert next(told) is False
    write_page(tmp_path / "pages-1" / "a.jsonl", NEW)
    assert next(told) is True


# Following


def test_changed_files_are_told_of_once_they_are_quiet(tmp_path: Path) -> None:
    folder, alone = tmp_path / "pages", tmp_path / "alone.txt"
    folder.mkdir()
    alone.touch()
    told = following.changes([folder, alone])
    assert next(told) is False
    for number in range(5):
        (folder / "a.jsonl").write_text(str(number))
    assert next(told) is True
    beside = alone.with_suffix(".tmp")
    beside.write_text("new")
    beside.replace(alone)
    assert next(told) is True
    for name in (".hidden.txt", "a.swp", ".git/x.txt", "a.jsonl~"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (tmp_path / "other.txt").touch()
    assert next(told) is False


def follow(keep: Keeping, monkeypatch: pytest.MonkeyPatch, *steps: Any) -> Any:
    """Runs `index --watch`; each step does something, and says whether files changed by it."""

    def changes(_: object) -> Any:
        for step in steps:
            yield step()
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "changes", changes)
    return keep("index", "--watch", "--json")


def test_only_what_changed_is_encoded_again(keep: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    def add() -> bool:
        write_page(keep.pages / "third.jsonl", NEW)
        return True

    ran = follow(keep, monkeypatch, lambda: False, add)
    assert ran.code == 130
    assert [(row["added"], row["encoded"]) for row in ran.rows] == [(0, 0), (1, 1)]


def test_a_file_that_cannot_be_read_does_not_end_it(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil() -> bool:
        for page in keep.pages.iterdir():
            page.write_text("{")
        return True

    def mend() -> bool:
        write_page(keep.pages / "first.jsonl", record(OWLS), NEW)
        return True

    ran = follow(keep, monkeypatch, spoil, lambda: False, mend)
    assert ran.err.count("error: ") == 1
    assert [row["added"] for row in ran.rows] == [0, 1]


def test_it_waits_for_another_writer_and_says_so_once(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant.indexer import Indexer

    real, locked = Indexer.index, [False, True, True, False]

    def index(*args: Any, **options: Any) -> Any:
        if locked.pop(0):
            raise Locked("another process is indexing: wait until it is done")
        return real(*args, **options)

    monkeypatch.setattr(Indexer, "index", index)
    ran = follow(keep, monkeypatch, lambda: True, lambda: False, lambda: False, lambda: False)
    assert ran.err.count("another process") == 1
    assert len(ran.rows) == 2


@pytest.mark.parametrize(
    ("sent", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_each_signal_ends_the_waiting_as_itself(
    tmp_path: Path, sent: signal.Signals, raised: type[BaseException]
) -> None:
    told = following.changes([tmp_path])
    Timer(0.1, os.kill, (os.getpid(), sent)).start()
    with pytest.raises(raised) as ended:
        next(told)
    assert str(ended.value) == ("143" if sent == signal.SIGTERM else "")


def test_ctrl_c_ends_the_command_with_130(keep: Keeping) -> None:
    environment = {
        "HOME": str(keep.folder),
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "ASSISTANT_DATA__FOLDER": str(keep.data),
    }
    command = [sys.executable, "-m", "assistant", "index", str(keep.pages), "--watch", "--json"]
    with subprocess.Popen(
        command, cwd=keep.folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["added"] == 0
        while "following" not in process.stderr.readline():
            assert process.poll() is None
        # It has said so just before it listens.
        time.sleep(0.5)
        write_page(keep.pages / "third.jsonl", NEW)
        assert json.loads(process.stdout.readline())["added"] == 1
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert time.monotonic() - asked < 3
