"""What a reader of the chat page does, in a real browser, with the quoted answer and the corpus."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from browser import PHONE, QUESTION, Readers, Visit, chromium, readers, serving  # noqa: F401
from playwright.sync_api import Route
from whole import NOT_HERE, S_LORA, SERVING, ready  # noqa: F401

from assistant.feedback import FILE, kept
from assistant.ui.chat import Chat, Shown

FOLLOW_UP = "And what throughput does it reach?"


@pytest.fixture(scope="module")
def folder(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    import shutil

    return Path(shutil.copytree(ready, tmp_path_factory.mktemp("page") / "data"))


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder) as url:
        yield url


@pytest.fixture
def visit(readers: Readers, address: str) -> Visit:  # noqa: F811
    return readers.visit(address)


# The opening screen


def test_the_opening_tells_what_the_corpus_holds_and_its_questions_are_answered(
    visit: Visit,
) -> None:
    assert "249 papers" in visit.page.locator("#transcript").inner_text()
    visit.page.locator(".example").first.click()
    visit.turns(1)
    assert visit.last(".cite").count() > 0
    assert visit.last(".refusal").count() == 0


def test_the_status_line_says_who_answers(visit: Visit) -> None:
    visit.page.wait_for_selector(".status-line")
    status = visit.page.locator(".status-line").inner_text()
    assert status == "249 papers · answers are quoted from the abstracts; no model is set"


# Asking


def test_an_answer_is_cited_and_its_claims_are_counted(visit: Visit) -> None:
    visit.ask(SERVING)
    assert visit.last(".sentence.supported").count() > 1
    assert re.search(
        r"(\d+) of \1 claims supported · quoted, no model", visit.last(".summary").inner_text()
    )
    assert visit.page.locator(QUESTION).input_value() == ""


def test_a_citation_shows_its_paper_on_focus_and_hides_it_on_escape(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.last(".cite").first.focus()
    tip = visit.last(".tip").first
    assert tip.is_visible()
    assert S_LORA in tip.inner_text()
    visit.page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_a_click_on_a_citation_opens_the_paper_at_the_marked_span(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.last(".cite").first.click()
    visit.page.wait_for_selector(".source.chosen")
    assert visit.page.evaluate("document.activeElement.id") == "source-0-1"
    chosen = visit.page.locator(".source.chosen")
    assert S_LORA in chosen.inner_text()
    quote = visit.last(".tip q").first.text_content()
    marked = " ".join(chosen.locator("mark").all_text_contents())
    assert quote in marked
    chosen.locator(".back").click()
    assert "cite" in visit.page.evaluate("document.activeElement.className")


def test_a_citation_of_an_earlier_answer_brings_its_own_sources_back(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.ask("How does BigNAS train child models?")
    visit.page.locator('.cite[data-turn="0"]').first.click()
    visit.page.wait_for_selector('.sources[data-turn="0"] .source.chosen')
    assert S_LORA in visit.page.locator(".source.chosen").inner_text()


def test_a_follow_up_is_understood_and_says_how(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.ask(FOLLOW_UP)
    assert S_LORA in visit.last(".understood").inner_text()
    assert "4 times" in visit.last(".answer").inner_text()


def test_a_question_that_the_corpus_cannot_answer_is_declined_with_what_can_be_asked(
    visit: Visit,
) -> None:
    visit.ask(NOT_HERE)
    refusal = visit.last(".refusal")
    assert "Not in the corpus" in refusal.inner_text()
    assert NOT_HERE in refusal.locator(".looked-for").inner_text()
    refusal.locator(".example").first.click()
    visit.turns(2)
    assert visit.last(".cite").count() > 0


def test_an_unticked_source_is_left_out_when_asked_again(visit: Visit) -> None:
    visit.ask(SERVING)
    again = visit.page.locator(".ask-again")
    assert again.is_disabled()
    visit.page.locator(".use-source").first.uncheck()
    again.click()
    visit.turns(2)
    assert visit.last(".limits").inner_text() == "without 1 source"
    titles = visit.page.locator(".source .paper-title").all_inner_texts()
    assert titles
    assert S_LORA not in titles


def test_limits_hold_and_one_that_makes_no_sense_is_said(visit: Visit) -> None:
    visit.page.get_by_text("Limits", exact=True).click()
    visit.page.get_by_label("Since").first.fill("soon")
    visit.ask(SERVING)
    assert "'soon' is not understood" in visit.last(".trouble").inner_text()
    assert visit.page.locator(QUESTION).input_value() == SERVING
    visit.page.get_by_label("Since").first.fill("2024")
    visit.ask(SERVING)
    assert "since 2024" in visit.last(".limits").inner_text()
    dates = " ".join(visit.page.locator(".source .paper-facts").all_inner_texts())
    assert re.search(r"\b202[45]\b", dates)
    assert not re.search(r"\b20(1\d|2[0-3])-", dates)


def test_a_question_can_be_edited_and_what_followed_is_replaced(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.ask(FOLLOW_UP)
    visit.page.locator('[data-act="edit"][data-turn="0"]').click()
    visit.page.wait_for_selector(".editing-note")
    box = visit.page.locator(QUESTION)
    assert box.input_value() == SERVING
    box.fill("How does BigNAS train child models?")
    box.press("Enter")
    visit.turns(1)
    assert visit.last(".question").inner_text() == "How does BigNAS train child models?"
    assert visit.page.locator(".editing-note").count() == 0


def test_an_answer_can_be_asked_for_again(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.last('[data-act="retry"]').click()
    visit.page.wait_for_selector("#live .turn", state="attached")
    visit.turns(1)
    assert visit.last(".cite").count() > 0


def test_a_question_asked_before_the_page_has_opened_waits_and_is_answered(
    readers: Readers,  # noqa: F811
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = Event()
    opened, answer = Chat.opened, Chat.answer

    def late(*given: Any) -> Any:
        # An answer that did not wait is there by now, and would be covered up.
        answered.wait(1.5)
        return opened(*given)

    def told(*given: Any) -> Iterator[Shown]:
        yield from answer(*given)
        answered.set()

    monkeypatch.setattr(Chat, "opened", late)
    monkeypatch.setattr(Chat, "answer", told)
    visit = readers.arrive(address)
    visit.page.locator(QUESTION).fill(SERVING)
    visit.page.locator(QUESTION).press("Enter")
    visit.turns(1)
    assert visit.last(".sentence.supported").count() > 1
    assert visit.page.locator("#transcript .opening").count() == 0
    visit.ask(FOLLOW_UP)
    assert "4 times" in visit.last(".answer").inner_text()


def test_a_question_asked_while_an_answer_comes_is_answered_after_it(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()
    answer = Chat.answer

    def late(*given: Any) -> Iterator[Shown]:
        for shown in answer(*given):
            yield shown
            assert asked.wait(60)

    monkeypatch.setattr(Chat, "answer", late)
    visit.page.locator(QUESTION).fill(SERVING)
    visit.page.locator(QUESTION).press("Enter")
    visit.page.wait_for_selector("#live .turn")
    visit.page.locator(QUESTION).fill(FOLLOW_UP)
    visit.page.locator(QUESTION).press("Enter")
    asked.set()
    visit.turns(2)
    assert "4 times" in visit.last(".answer").inner_text()
    assert visit.page.locator(QUESTION).input_value() == ""


def test_an_empty_question_is_said_to_be_one(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Ask", exact=True).click()
    visit.turns(1)
    assert "the question is empty" in visit.last(".trouble").inner_text()


def test_a_word_on_an_answer_is_kept_for_the_evals(visit: Visit, folder: Path) -> None:
    visit.ask(SERVING)
    visit.last('[data-rating="wrong"]').click()
    visit.page.wait_for_selector('[data-rating="wrong"][aria-pressed="true"]')
    (*_, last) = kept(folder)
    assert (last.rating, last.answer["question"]) == ("wrong", SERVING)
    (folder / FILE).unlink()


def _answered(answer: dict[str, Any], route: Route) -> None:
    route.fulfill(**answer)


def test_a_page_that_is_turned_away_says_so_and_keeps_the_question(visit: Visit) -> None:
    box, slow = visit.page.locator(QUESTION), "this page asks too fast: try again in 30 s"
    box.fill(SERVING)
    full = {"detail": "Queue is full. Max size is 64 and size is 64."}
    for answer, said in (
        ({"status": 429, "json": {"error": slow, "code": 75, "kind": "Busy"}}, slow),
        ({"status": 503, "json": full}, "currently busy"),
    ):
        visit.page.route("**/queue/join*", partial(_answered, answer))
        box.press("Enter")
        visit.page.get_by_text(said).first.wait_for()
        visit.page.unroute("**/queue/join*")
        assert box.input_value() == SERVING
    box.press("Enter")
    visit.turns(1)
    assert visit.last(".cite").count() > 0


# What is kept


def test_reload_finds_the_conversation_and_a_new_one_starts_beside_it(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.page.reload()
    visit.turns(1)
    assert visit.last(".question").inner_text() == SERVING
    assert S_LORA in visit.page.locator("#sources").inner_text()
    visit.page.get_by_role("button", name="New conversation").click()
    visit.page.wait_for_selector("#transcript .opening")
    visit.ask("How does BigNAS train child models?")
    assert visit.page.locator(".conversation-open").count() == 2
    visit.page.get_by_role("button", name=SERVING, exact=True).click()
    visit.page.wait_for_function(
        "s => document.querySelector('#transcript .question')?.innerText === s", arg=SERVING
    )


def test_a_conversation_can_be_deleted(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.page.locator(".conversation-delete").click()
    visit.page.wait_for_selector("#transcript .opening")
    assert visit.page.locator(".conversation-open").count() == 0
    assert visit.stored() == {"assistant:conversations": []}


def test_a_follow_up_after_a_reload_still_knows_what_it_is_about(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.page.reload()
    visit.turns(1)
    visit.ask(FOLLOW_UP)
    assert S_LORA in visit.last(".understood").inner_text()


def test_a_conversation_that_was_tampered_with_is_refused_and_runs_nothing(visit: Visit) -> None:
    visit.ask(SERVING)
    visit.page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find(k => k.startsWith("assistant:conversation:"));
          const turns = JSON.parse(localStorage.getItem(key));
          turns[0].question = "<img src=x onerror='window.hit=1'>";
          turns[0].record.answer = "<script>window.hit=1</script>";
          const evil = "<img src=http://foreign.example/x onerror='window.hit=1'>";
          turns[0].record.citations[0].title = evil;
          localStorage.setItem(key, JSON.stringify(turns));
        }"""
    )
    visit.page.reload()
    visit.turns(1)
    assert "<img src=x" in visit.last(".question").inner_text()
    assert visit.page.evaluate("window.hit") is None
    visit.page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find(k => k.startsWith("assistant:conversation:"));
          localStorage.setItem(key, '[{"question": 3}]');
        }"""
    )
    visit.page.reload()
    visit.page.get_by_text("this conversation cannot be opened").wait_for()


@pytest.mark.parametrize(
    ("words", "ending", "holds"),
    [("Markdown", ".md", "## Sources"), ("BibTeX", ".bib", "@misc{"), ("Web page", ".html", "<ol")],
)
def test_an_answer_can_be_kept_as_a_file(
    visit: Visit, words: str, ending: str, holds: str, tmp_path: Path
) -> None:
    visit.ask(SERVING)
    visit.last(".export summary").click()
    with visit.page.expect_download() as waiting:
        visit.last(".export").get_by_text(words).click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert file.name == f"how-does-s-lora-serve-thousands-of-adapters{ending}"
    assert holds in file.read_text(encoding="utf-8")


def test_the_exported_page_checks_its_own_quotes(
    visit: Visit,
    readers: Readers,  # noqa: F811
    tmp_path: Path,
) -> None:
    visit.ask(SERVING)
    visit.last(".export summary").click()
    with visit.page.expect_download() as waiting:
        visit.last(".export").get_by_text("Web page").click()
    file = tmp_path / "answer.html"
    waiting.value.save_as(file)
    page = visit.context.new_page()
    page.set_content(file.read_text(encoding="utf-8"))
    page.locator("#check").click()
    found = re.match(
        r"(\d+) of (\d+) quotes stand word for word", page.locator("#result").inner_text()
    )
    assert found
    assert found[1] == found[2] != "0"


def test_an_answer_can_be_copied(visit: Visit) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.ask(SERVING)
    visit.last('[data-act="copy"]').click()
    visit.page.get_by_text("Copied").wait_for()
    assert f"[1] {S_LORA}" in visit.page.evaluate("navigator.clipboard.readText()")


# Everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_nothing_keeps_anyone_out_of_the_chat(
    readers: Readers,  # noqa: F811
    address: str,
    size: str,
    scheme: str,
) -> None:
    options = {"viewport": PHONE, "is_mobile": True, "has_touch": True} if size == "phone" else {}
    visit = readers.visit(f"{address}/?__theme={scheme}", **options)
    assert visit.grave() == []
    visit.ask(SERVING)
    visit.ask(NOT_HERE)
    assert visit.grave() == []


def test_a_phone_shows_the_talk_first_and_nothing_runs_off_its_side(
    readers: Readers,  # noqa: F811
    address: str,
) -> None:
    visit = readers.visit(address, viewport=PHONE, is_mobile=True, has_touch=True)
    visit.page.locator(".example").first.tap()
    visit.turns(1)
    wider = visit.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wider == 0
    visit.last(".cite").first.tap()
    visit.page.wait_for_selector(".source.chosen")


def test_everything_can_be_done_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    page.locator(QUESTION).focus()
    page.keyboard.type(SERVING)
    page.keyboard.press("Enter")
    visit.turns(1)
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.classList.contains('cite')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".source.chosen")
    assert page.evaluate("document.activeElement.classList.contains('source')")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('back')"):
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('cite')")


@pytest.mark.parametrize("text", ["مرحبا، كيف تعمل الشبكات العصبية؟", "深度神经网络如何压缩？"])
def test_other_scripts_are_laid_out_in_their_own_direction(visit: Visit, text: str) -> None:
    visit.ask(text)
    heading = visit.last(".question")
    assert heading.inner_text() == text
    direction = heading.evaluate("e => getComputedStyle(e).direction")
    assert direction == ("rtl" if "ع" in text else "ltr")


def test_a_screen_reader_hears_of_an_answer_once_it_is_whole(visit: Visit) -> None:
    heard = visit.page.locator("[aria-live=polite]", has=visit.page.locator(".opening, .turn"))
    assert heard.get_attribute("aria-label") == "Conversation"
    assert visit.page.locator("[aria-live] #live").count() == 0
    visit.ask(SERVING)
    assert heard.locator(".cite").count() > 0


def test_the_whole_page_comes_from_our_own_address(visit: Visit) -> None:
    visit.ask(SERVING)
    for name in ("Browse", "Check a draft", "Chat"):
        visit.page.get_by_role("tab", name=name).click()
    assert len(visit.requests) > 20
    assert visit.foreign() == []
    assert json.dumps(visit.requests).count("https://") == 0
