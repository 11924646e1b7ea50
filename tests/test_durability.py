"""Accidents while indexing, few of each; `python -m evals durability --full` has them all."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from whole import CORPUS, ROOT, one_encoder, run

from assistant import build, config
from assistant.catalog import Catalog
from assistant.errors import CatalogError, StoreError
from assistant.generation import Generations, open_index
from evals import drill, durability
from evals.drill import CATALOG, STEPS, Aim, Stub

pytestmark = pytest.mark.usefixtures("untraced")
NOTHING = ("lost", "twice", "wrong", "differ", "unreadable", "missed", "silent", "unclear")


def harm(told: durability.Told) -> dict[str, int]:
    return {name: told[name] for name in NOTHING if told.get(name)}


# Every step of the swap is hit; the others in turn, the full run has them all.
@pytest.mark.parametrize("steps", [("vectors", "words", "recent"), ("seal", "pointer", "run")])
def test_killed_at_a_step_it_loses_nothing_and_ends_as_if_undisturbed(
    tmp_path: Path, steps: tuple[str, ...]
) -> None:
    told = durability.killed(
        tmp_path, (Aim(one, 1, after) for one in steps for after in (False, True))
    )
    assert told["killed"] == 2 * len(steps)
    assert harm(told) == {}


def test_killed_at_any_moment_it_loses_nothing(tmp_path: Path) -> None:
    told = durability.killed(tmp_path, durability.moments(4, seed=3))
    assert told["killed"] >= 2
    assert harm(told) == {}


def test_every_step_that_is_aimed_at_is_there() -> None:
    assert all(callable(getattr(owner, name)) for owner, name in STEPS.values())
    assert {aim.step for aim in durability.aims(50, 0)} == set(STEPS)


def test_a_loss_would_be_seen(tmp_path: Path) -> None:
    papers = drill.made_papers(8)
    drill.index(tmp_path / "data", drill.write_pages(tmp_path / "pages", papers))
    assert drill.look(tmp_path / "data", {*papers, "never there"}).lost == 1
    assert drill.look(tmp_path / "data", set(papers)) == drill.State(8, 0, 0, 0)
    with Catalog.open(tmp_path / "data" / CATALOG) as catalog:
        (one, *_) = catalog.papers()
        before = drill.export(tmp_path / "data")
        catalog.set_papers([replace(one, title="Another", abstract="Not in the index.")])
    assert drill.export(tmp_path / "data") != before
    assert drill.look(tmp_path / "data", set(papers)).wrong == 1


def test_without_room_it_says_so_and_all_is_well_once_there_is_some(tmp_path: Path) -> None:
    told = durability.full_disk(tmp_path, 5)
    assert told["stopped"] >= 2
    assert harm(told) == {}


FULL = """
import os, sys
from pathlib import Path
from assistant.errors import StoreError
from evals import drill
drill.index(Path("here/data"), Path(sys.argv[1]))
room = os.statvfs("here").f_bavail * os.statvfs("here").f_frsize
Path("here/ballast").write_bytes(bytes(room - 100_000))
try:
    drill.index(Path("here/data"), Path(sys.argv[2]))
except StoreError as error:
    print(error)
Path("here/ballast").unlink()
drill.index(Path("here/data"), Path(sys.argv[2]))
print(drill.look(Path("here/data"), set(drill.made_papers(300))).lost)
"""


def test_a_disk_that_is_really_full_is_one_clear_line(tmp_path: Path) -> None:
    """On a disk of a few megabytes, which any user may make."""
    few = drill.write_pages(tmp_path / "few", drill.made_papers(5))
    many = drill.write_pages(tmp_path / "many", drill.made_papers(300))
    (tmp_path / "here").mkdir()
    shell = f'mount -t tmpfs -o size=9m none here && exec {sys.executable} -c "$CODE" {few} {many}'
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", shell],
        cwd=tmp_path,
        env={"CODE": FULL, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    if "unshare" in ran.stderr or "mount" in ran.stderr:
        # Where no disk may be made, a process that may write no more has to do.
        assert harm(durability.full_disk(tmp_path / "else", 2)) == {}
        return
    assert ran.stderr == ""
    said, lost = ran.stdout.splitlines()
    assert "make room" in said
    assert lost == "0"


def test_two_indexers_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    assert harm(durability.two_at_once(tmp_path, 2)) == {}


def test_a_page_that_is_open_finds_what_another_process_indexes(tmp_path: Path) -> None:
    told = durability.page_open(tmp_path, 4)
    assert harm(told) == {}
    assert told["slowest_s"] < 2


def test_damage_to_any_file_of_an_index_is_noticed(tmp_path: Path) -> None:
    told = durability.damaged(tmp_path, 4, seed=1)
    assert told["noticed"] > told["trials"] / 2
    assert harm(told) == {}


def test_damage_to_the_words_of_a_catalog_is_found_by_its_check(tmp_path: Path) -> None:
    data = tmp_path / "data"
    drill.index(data, drill.write_pages(tmp_path / "pages", drill.made_papers(40)))
    whole = (data / CATALOG).read_bytes()
    assert b"Topic39 is" in whole
    (data / CATALOG).write_bytes(whole.replace(b"Topic39 is", b"Topic39 i3"))
    with Catalog.open(data / CATALOG) as catalog, pytest.raises(CatalogError, match="move it away"):
        catalog.check()


def test_an_index_that_does_not_belong_to_its_catalog_is_not_read(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    drill.index(one, drill.write_pages(tmp_path / "a", drill.made_papers(10)))
    drill.index(other, drill.write_pages(tmp_path / "b", drill.made_papers(10, " indeed")))
    shutil.rmtree(one / "index")
    shutil.copytree(other / "index", one / "index")
    with Catalog.open(one / CATALOG) as catalog:
        with pytest.raises(StoreError, match="of another catalog"):
            open_index(catalog, one, Stub.identity)
        Generations(catalog, one, Stub.identity).renew(lambda *_: None)
        open_index(catalog, one, Stub.identity).close()


# Signals, with the real command and the real encoder


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_index_leaves_at_once_and_goes_on_later(
    tmp_path: Path, number: int, code: int
) -> None:
    data = tmp_path / "data"
    environment = {"HOME": str(tmp_path), "ASSISTANT_DATA__FOLDER": str(data)}
    with subprocess.Popen(
        [sys.executable, "-m", "assistant", "index", str(CORPUS)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as it:
        kept = _encoded(data)
        until = time.monotonic() + 60
        while not kept and time.monotonic() < until:
            time.sleep(0.05)
            kept = _encoded(data)
        it.send_signal(number)
        asked = time.monotonic()
        out, err = it.communicate(timeout=30)
        took = time.monotonic() - asked
    assert (it.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert "What is done is kept: run the same again to go on." in err
    # Two seconds of a machine of one's own; others may be at work on it.
    assert took < 2 * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert 0 < _encoded(data) < 482
    with Catalog.open(data / build.CATALOG) as catalog:
        assert catalog.count() == 249
        assert catalog.meta("generation") is None


def _encoded(data: Path) -> int:
    if not (data / build.CATALOG).exists():
        return 0
    with Catalog.open(data / build.CATALOG) as catalog:
        return int(catalog.database.rows("SELECT count(*) FROM vectors")[0][0])


# Surroundings


def test_odd_surroundings_are_no_matter(tmp_path: Path) -> None:
    page = tmp_path / "päge 🦉 one.jsonl"
    page.write_text('{"title": "A Survey of Owls", "abstract": "Owls hunt at night."}')
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    odd = {
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "HOME": "/nonexistent",
        "ASSISTANT_DATA__FOLDER": str(tmp_path / "dä ta 🧪 two"),
        "ASSISTANT_CORPUS__PATHS": str(page),
    }
    ran = run("ask", "When do owls hunt?", home=home, **odd)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "Owls hunt at night. [1]")
    assert list(home.iterdir()) == []


def test_a_clock_that_goes_back_loses_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = drill.write_pages(tmp_path / "pages", drill.made_papers(3))
    drill.index(tmp_path / "data", pages)
    monkeypatch.setattr("assistant.catalog.datetime", _Past)
    drill.index(tmp_path / "data", drill.write_pages(pages, drill.made_papers(4)))
    with Catalog.open(tmp_path / "data" / CATALOG) as catalog:
        latest, first = catalog.runs()
        assert latest.finished < first.finished
        assert (latest.report["papers"], first.report["papers"]) == (4, 3)
        assert catalog.count() == 4


class _Past:
    """1970."""

    @staticmethod
    def now(_zone: object) -> "_Past":
        return _Past()

    def isoformat(self, **_: str) -> str:
        return "1970-01-01T00:00:00+00:00"


# What earlier versions left


def test_a_data_folder_of_the_first_version_is_opened_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    data = tmp_path / "data"
    with tarfile.open(Path(__file__).with_name("store-1.tar.xz")) as archive:
        archive.extractall(data, filter="data")
    page = tmp_path / "moss.jsonl"
    page.write_text('{"title": "A Survey of Moss", "abstract": "Moss grows on stones."}')
    settings = config.load(flags={"data.folder": str(data), "corpus.paths": str(page)}, environ={})
    with build.Assistant(settings) as assistant:
        assert assistant.search("owls").papers[0].paper.title == "OwlEar: Hearing Owls at Night"
        assert assistant.catalog.meta("generation") == "g0001", "it is read as it is"
        report = assistant.index()
        assert (report.papers, report.encoded) == (3, 1)
        assert assistant.search("moss on stones").papers[0].paper.title == "A Survey of Moss"
        assert assistant.search("bats").papers[0].paper.title == "BatEar: Hearing Bats at Dusk"
