"""The rooms beside the chat, in a real browser: papers dropped, browsed, and a draft checked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PHONE, QUESTION, Readers, Visit, chromium, readers, serving  # noqa: F401
from whole import S_LORA, data, ready  # noqa: F401

KETTLE = {
    "title": "KettleNet: Predicting When Water Boils",
    "abstract": "Nobody likes to wait for tea. KettleNet listens to a kettle through a cheap"
    " microphone and predicts the moment of boiling 40 seconds ahead. It is right for 96 percent"
    " of 1,200 recorded kettles.",
    "date": "2026-02",
}


@pytest.fixture
def address(data: Path) -> Iterator[str]:  # noqa: F811
    with serving(data) as url:
        yield url


@pytest.fixture
def visit(readers: Readers, address: str) -> Visit:  # noqa: F811
    return readers.visit(address)


def test_a_file_dropped_onto_the_page_is_indexed_and_can_be_asked_about(
    visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "kettles.jsonl"
    file.write_text(json.dumps(KETTLE), encoding="utf-8")
    visit.page.get_by_text("Add papers").click()
    visit.page.locator("input[type=file]").first.set_input_files(file)
    visit.page.get_by_text("1 new paper").first.wait_for()
    visit.page.get_by_text("250 papers").first.wait_for()
    visit.ask("How far ahead does KettleNet predict boiling?")
    assert "40 seconds" in visit.last(".answer").inner_text()
    assert KETTLE["title"] in visit.page.locator("#sources").inner_text()


def test_a_paper_found_by_browsing_can_be_asked_about(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("tab", name="Browse").click()
    page.get_by_label("Words of the title").fill("S-LoRA")
    page.get_by_role("button", name=S_LORA).click()
    page.get_by_text("Unified Paging").first.wait_for()
    assert visit.grave() == []
    page.get_by_role("button", name="Ask about this paper").click()
    page.wait_for_function(
        "s => document.querySelector('#question textarea')?.value.includes(s)", arg=S_LORA
    )
    page.locator(QUESTION).press("Enter")
    visit.turns(1)
    assert S_LORA in page.locator("#sources").inner_text()


def test_each_sentence_of_a_draft_is_checked(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("tab", name="Check a draft").click()
    page.get_by_label("Your text").fill(
        "S-LoRA stores all adapters in the main memory. S-LoRA improves the throughput by up to"
        " 9 times."
    )
    page.get_by_role("button", name="Check against the corpus").click()
    page.get_by_text("1 of 2 claims supported").wait_for()
    assert page.get_by_text("4 times, not 9 times").count() == 1
    assert visit.grave() == []


@pytest.mark.parametrize("room", ["Browse", "Check a draft"])
def test_the_rooms_fit_a_phone_and_keep_nobody_out(
    readers: Readers,  # noqa: F811
    address: str,
    room: str,
) -> None:
    visit = readers.visit(address, viewport=PHONE, is_mobile=True, has_touch=True)
    visit.page.get_by_role("tab", name=room).tap()
    visit.page.wait_for_timeout(500)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit.page.evaluate(wider) == 0
    assert visit.grave() == []
