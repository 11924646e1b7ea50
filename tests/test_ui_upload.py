"""Pages that are dropped: kept, indexed, told of, and never in another's place."""

import errno
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from playwright.sync_api import Browser, expect
from ui_page import Visit, chromium, served  # noqa: F401
from whole import one_encoder

from assistant import Assistant, build, config
from assistant.corpus import Note
from assistant.errors import Locked
from assistant.indexer import IndexReport, writing
from assistant.ui.intake import Intake, Outcome, Refused, Taken, safe_name
from assistant.ui.upload import outcome_html, upload_panel

OWLS = {"title": "OwlEar: Hearing Owls at Night", "abstract": "OwlEar hears 81 percent of owls."}
BATS = {"title": "BatEar: Hearing Bats at Dusk", "abstract": "BatEar hears 64 percent of bats."}
MOTHS = {"title": "MothEye: Seeing Moths", "abstract": "MothEye sees 12 percent of moths."}


class Home:
    """A corpus of one page, an assistant over it, and a folder to drop files from."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.pages = folder / "pages"
        self.write("pages/shipped.jsonl", OWLS)
        self.assistant = self.open()
        self.assistant.index()

    def open(self) -> Assistant:
        flags = {"data.folder": str(self.data), "corpus.paths": str(self.pages)}
        return Assistant(config.load(flags={**flags, "server.upload_mb": 1}, environ={}))

    def write(self, name: str, *records: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        return path

    def drop(self, *records: Any, name: str = "mine.jsonl") -> Outcome:
        return self.take(self.write(f"drop/{name}", *records))

    def take(self, *files: Path) -> Outcome:
        return Intake(self.assistant).take(files, lambda *_: None)

    @property
    def titles(self) -> set[str]:
        return {paper.title.partition(":")[0] for paper in self.assistant.catalog.papers()}

    @property
    def kept(self) -> set[str]:
        return {path.name for path in (self.data / "uploads").glob("*")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    made = Home(tmp_path)
    yield made
    made.assistant.close()


def test_a_dropped_page_can_be_asked_about_and_the_configured_one_stays(home: Home) -> None:
    outcome = home.drop(BATS)
    assert outcome.report
    assert (outcome.report.added, outcome.report.papers) == (1, 2)
    assert home.titles == {"OwlEar", "BatEar"}
    assert "64 percent" in home.assistant.ask("How many bats does BatEar hear?").answer().text


def test_a_dropped_page_survives_a_restart_and_a_later_run_of_the_indexer(home: Home) -> None:
    home.drop(BATS)
    home.assistant.close()
    home.assistant = home.open()
    home.assistant.index()
    home.assistant.index(rebuild=True)
    assert home.titles == {"OwlEar", "BatEar"}
    assert home.kept == {"mine.jsonl"}


def test_a_page_of_a_shipped_pages_name_gets_another_and_keeps_it(home: Home) -> None:
    assert home.drop(BATS, name="shipped.jsonl").taken[0].page == "shipped-2.jsonl"
    assert set(home.assistant.catalog.pages()) == {"shipped.jsonl", "shipped-2.jsonl"}
    again = home.drop(BATS, MOTHS, name="shipped.jsonl").taken[0]
    assert (again.page, again.replaces) == ("shipped-2.jsonl", True)
    assert home.titles == {"OwlEar", "BatEar", "MothEye"}


def test_a_shipped_page_whose_file_is_gone_is_not_replaced_either(home: Home) -> None:
    (home.pages / "shipped.jsonl").unlink()
    home.drop(BATS, name="shipped.jsonl")
    assert home.titles == {"OwlEar", "BatEar"}


def test_the_same_name_again_replaces_what_was_dropped_before(home: Home) -> None:
    home.drop(BATS)
    outcome = home.drop(MOTHS)
    assert outcome.taken[0].replaces
    assert outcome.report
    assert (outcome.report.added, outcome.report.removed) == (1, 1)
    assert home.titles == {"OwlEar", "MothEye"}
    assert home.kept == {"mine.jsonl"}


def test_a_file_without_papers_is_removed_again_and_said_so(home: Home) -> None:
    empty = home.folder / "notes.txt"
    empty.write_text("Milk\n", encoding="utf-8")
    outcome = home.take(empty)
    assert (outcome.taken, outcome.report) == ((), None)
    assert "no paper found" in outcome.refused[0].reason
    assert home.kept == set()


def test_a_file_without_papers_leaves_the_earlier_one_of_its_name(home: Home) -> None:
    home.drop(BATS)
    before = (home.data / "uploads" / "mine.jsonl").read_bytes()
    assert home.drop({"no": "paper"}).refused
    assert (home.data / "uploads" / "mine.jsonl").read_bytes() == before
    assert home.titles == {"OwlEar", "BatEar"}


def test_of_several_files_the_good_ones_are_taken(home: Home) -> None:
    latin = home.folder / "latin.txt"
    latin.write_bytes("Über Eulen\n".encode("latin-1"))
    pdf = home.folder / "paper.pdf"
    pdf.write_bytes(b"%PDF-1.7 ...")
    large = home.folder / "large.txt"
    large.write_bytes(b"x" * (1024 * 1024 + 1))
    outcome = home.take(latin, home.write("good.jsonl", BATS), pdf, large)
    assert [one.page for one in outcome.taken] == ["good.jsonl"]
    reasons = {one.page: one.reason for one in outcome.refused}
    assert "save it as UTF-8" in reasons["latin.txt"]
    assert "binary, not text" in reasons["paper.pdf"]
    assert reasons["large.txt"] == "it is larger than 1 MB: split it into smaller files"
    assert home.kept == {"good.jsonl"}


@pytest.mark.parametrize("records", [[], [BATS]], ids=["at once", "after a paper"])
def test_what_unpacks_to_more_than_the_limit_is_refused(home: Home, records: list[Any]) -> None:
    packed = home.folder / "packed.jsonl.gz"
    lines = [*map(json.dumps, records), " " * 2_000_000]
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    outcome = home.take(packed)
    assert [one.reason.partition(":")[0] for one in outcome.refused] == ["larger than 1 MB"]
    assert (home.titles, home.kept) == ({"OwlEar"}, set())


def test_no_folder_of_the_machine_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    latin = home.folder / "latin.txt"
    latin.write_bytes("Über Eulen\n".encode("latin-1"))
    outcomes = [home.take(latin)]

    def fails(*_: object, **__: object) -> None:
        raise Locked(f"the data folder {home.data} is in use, {home.data}/uploads/mine.jsonl too")

    monkeypatch.setattr(home.assistant, "index", fails)
    outcomes.append(home.drop(BATS))
    for outcome in outcomes:
        html = outcome_html(outcome)
        assert "✗" in html
        assert str(home.folder) not in html
        assert str(home.folder.resolve()) not in html
        assert "…/" not in html


def test_while_another_process_indexes_nothing_is_changed(home: Home) -> None:
    home.drop(BATS)
    with writing(home.data):
        outcome = home.drop(MOTHS)
    assert "wait until it is done" in outcome.fault
    assert outcome.taken == ()
    assert b"BatEar" in (home.data / "uploads" / "mine.jsonl").read_bytes()
    assert home.kept == {"mine.jsonl"}


def test_a_full_disk_is_said_and_nothing_half_written_stays(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"{")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    [refused] = home.drop(BATS).refused
    assert refused.reason == "the disk is full: free some space and drop the file again"
    assert home.kept == set()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("page.txt", "page.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/.hidden.txt", "hidden.txt"),
        ("...", "page"),
        ("a b\x00\u202ec?.csv", "a_bc_.csv"),
        ("con.txt", "page_con.txt"),
        ("Ü" * 300 + ".jsonl", "Ü" * 37 + ".jsonl"),
        ("论文.bib", "论文.bib"),
    ],
)
def test_a_name_is_made_harmless(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_report_tells_what_was_found_and_what_was_passed_over() -> None:
    notes = (
        Note(3, "skipped", "<b>no paper</b>"),
        Note(9, "merged", "same paper as a:1"),
        Note(0, "cleaned", "hidden characters taken out"),
    )
    html = outcome_html(
        Outcome(
            (Taken("mine.txt", 7, 6, True, notes),),
            (Refused("x.pdf", "x.pdf: binary, not text."),),
            IndexReport(added=5, changed=1, papers=1254),
        )
    )
    for part in (
        "✓ 5 new papers, 1 changed; the corpus now holds 1,254 papers.",
        "7 listings of 6 papers found; 1 merged with one of the same title; in place of",
        "1 line passed over, 1 note",
        "line 3: &lt;b&gt;no paper&lt;/b&gt;",
        "</span> was not taken in: binary, not text.",
    ):
        assert part in html


def test_a_page_that_is_known_already_is_not_kept_twice(home: Home) -> None:
    html = outcome_html(home.drop(OWLS, name="other.jsonl"))
    assert "in the corpus already, as the page shipped.jsonl" in html
    assert home.kept == set()


def test_papers_that_are_known_already_are_no_new_ones(home: Home) -> None:
    html = outcome_html(home.drop(OWLS, OWLS))
    assert "No new paper; the corpus now holds 1 paper." in html


def test_no_other_file_of_the_machine_can_be_taken_in(home: Home) -> None:
    secret = home.write("secret.jsonl", MOTHS)

    def panel(tabs: gr.Tabs, question: gr.Textbox) -> None:
        with gr.Tab("Add", id="add"):
            upload_panel(home.assistant)

    with served(panel) as url:
        told = httpx.get(f"{url}config").json()
        [number] = [one["id"] for one in told["dependencies"] if one["targets"][0][1] == "upload"]
        file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
        asked = {"data": [[file]], "fn_index": number, "session_hash": "x"}
        httpx.post(f"{url}gradio_api/queue/join", json=asked).raise_for_status()
        with httpx.stream("GET", f"{url}gradio_api/queue/data?session_hash=x") as events:
            [*_, end] = (line for line in events.iter_lines() if "process_completed" in line)
    assert '"success":false' in end.replace(" ", "")
    assert home.titles == {"OwlEar"}
    assert home.kept == set()


def test_a_reader_drops_two_files_and_reads_what_came_of_them(
    home: Home,
    chromium: Browser,  # noqa: F811
) -> None:
    def panel(tabs: gr.Tabs, question: gr.Textbox) -> None:
        with gr.Tab("Add", id="add"):
            upload = upload_panel(home.assistant)
            after = gr.Textbox(label="After")
            upload.done.then(lambda: "seen", None, after, api_visibility="private")

    notes = home.folder / "notes.txt"
    notes.write_text("Milk\n", encoding="utf-8")
    with served(panel) as url, Visit(chromium, url) as visit:
        page = visit.page
        page.get_by_role("tab", name="Add").click()
        good = home.write("drop/bats.jsonl", BATS)
        page.locator(".upload-file input[type=file]").set_input_files([good, notes])
        expect(page.locator(".upload-sum")).to_contain_text("1 new paper;")
        expect(page.locator(".upload-refused")).to_contain_text("notes.txt was not taken in")
        expect(page.get_by_label("After")).to_have_value("seen")
        assert visit.faults("[role=tabpanel]:not([style*=none])") == []
        # The field is free again.
        page.locator(".upload-file input[type=file]").set_input_files(home.write("m.jsonl", MOTHS))
        expect(page.locator(".upload-sum")).to_contain_text("holds 3 papers")
        assert visit.foreign == []
    assert home.kept == {"bats.jsonl", "m.jsonl"}
