"""A text of one's own, checked sentence by sentence."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser, expect
from ui_page import Visit, chromium, served  # noqa: F401

from assistant.errors import IndexMissing
from assistant.records import TEXT_LIMIT
from assistant.schema import Evidence, Paper, Sentence, Verdict, VerdictLabel
from assistant.ui.draft import Checked, check_text, checked_html, draft_tab

OWLS = Paper("ab12cd34ef56", "Owls <b>at night</b>", "Owls hear 81 percent of all mice.")
LABELS: dict[str, VerdictLabel] = {
    "hear": "supported",
    "see": "contradicted",
    "Thanks": "not_a_claim",
}


class Judge:
    """Supports what owls hear, and contradicts what they see."""

    def __init__(self) -> None:
        self.catalog = self
        self.fails_at: str = "\0"
        self.trouble = ""
        self.asked: list[str] = []

    def papers(self, ids: list[str]) -> list[Paper]:
        return [OWLS] if OWLS.paper_id in ids else []

    def verify(self, text: str) -> tuple[Sentence, ...]:
        self.asked.append(text)
        if self.fails_at in text:
            raise IndexMissing("nothing is indexed yet: run `assistant index`")
        label = next((label for word, label in LABELS.items() if word in text), "not_in_evidence")
        evidence = Evidence(OWLS.paper_id, OWLS.abstract, 0, len(OWLS.abstract))
        told = label in ("supported", "contradicted")
        reason = "the abstract says hear, not see" if label == "contradicted" else ""
        return (Sentence(text, (), Verdict(label, 0.9, evidence if told else None, reason)),)


@pytest.fixture
def judge() -> Any:
    return Judge()


def last(found: Iterator[Checked]) -> Checked:
    return list(found)[-1]


def test_every_sentence_has_its_sign_its_words_its_quote_and_its_paper(judge: Any) -> None:
    html = checked_html(last(check_text(judge, "Owls hear mice. Owls see mice. Thanks to all.")))
    assert "1 of 2 claims supported." in html
    for part in (
        "✓</span> <strong>supported</strong>",
        "✗</span> <strong>contradicted</strong>: the abstract says hear, not see",
        "·</span> <strong>no claim</strong>",
        "Owls hear 81 percent of all mice.",
        "Owls &lt;b&gt;at night&lt;/b&gt;",
        "ab12cd34ef56",
    ):
        assert part in html


def test_verdicts_come_one_after_the_other(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.ui.draft._SHOWN_EVERY_S", -1.0)
    steps = list(check_text(judge, "Owls hear mice. Owls see mice."))
    assert [(len(one.sentences), one.left) for one in steps] == [(0, 2), (1, 1), (2, 0)]
    assert "Checking sentence 2 of 2…" in checked_html(steps[1])
    stopped = checked_html(steps[1], stopped=True)
    assert "Stopped: 1 of 1 claims supported, 1 sentence not looked at." in stopped


def test_what_the_text_says_is_no_markup(judge: Any) -> None:
    html = checked_html(last(check_text(judge, "Owls hear <img src=x onerror=alert(1)>.")))
    assert "<img" not in html


def test_no_text_and_too_long_a_text_are_answered_with_one_line(judge: Any) -> None:
    assert "paste a sentence" in checked_html(last(check_text(judge, " \n")))
    long = checked_html(last(check_text(judge, "x" * (TEXT_LIMIT + 1))))
    assert 'role="alert"' in long
    assert "200,001 characters" in long
    sentence = last(check_text(judge, "x" * 6000))
    assert "break it up" in sentence.fault
    assert judge.asked == []


def test_a_fault_in_the_middle_keeps_what_was_found(judge: Any) -> None:
    judge.fails_at = "see"
    html = checked_html(last(check_text(judge, "Owls hear mice. Owls see mice.")))
    assert "run `assistant index`" in html
    assert "1 of 1 claims supported." in html


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    def build(tabs: gr.Tabs, question: gr.Textbox) -> None:
        with gr.Tab("Draft", id="draft"):
            draft_tab(Judge())  # type: ignore[arg-type]

    with served(build) as address:
        yield address


def test_a_paragraph_is_checked_with_the_keyboard_alone_and_stays(
    chromium: Browser,  # noqa: F811
    url: str,
) -> None:
    with Visit(chromium, url) as visit:
        page = visit.page
        page.get_by_role("tab", name="Draft").click()
        text = page.get_by_label("Your text")
        text.fill("Owls hear mice. Owls see mice.")
        text.press("Control+Enter")
        expect(page.locator(".draft-tally")).to_have_text("1 of 2 claims supported.")
        expect(page.locator(".draft-sentence")).to_have_count(2)
        expect(text).to_have_value("Owls hear mice. Owls see mice.")
        assert visit.faults("[role=tabpanel]:not([style*=none])") == []
        text.fill("")
        page.get_by_role("button", name="Check against the corpus").click()
        expect(page.get_by_role("alert")).to_contain_text("paste a sentence")
        assert visit.foreign == []


def test_checking_can_be_stopped(chromium: Browser) -> None:  # noqa: F811
    slow = SimpleNamespace(catalog=Judge(), verify=_slowly, trouble="")

    def build(tabs: gr.Tabs, question: gr.Textbox) -> None:
        with gr.Tab("Draft", id="draft"):
            draft_tab(slow)  # type: ignore[arg-type]

    with served(build) as url, Visit(chromium, url) as visit:
        page = visit.page
        page.get_by_role("tab", name="Draft").click()
        page.get_by_label("Your text").fill("Owls hear mice. " * 60)
        page.get_by_role("button", name="Check against the corpus").click()
        expect(page.locator(".draft-sentence").first).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".draft-tally")).to_contain_text("not looked at")
        # Nothing that was under way comes after it.
        page.wait_for_timeout(1_000)
        expect(page.locator(".draft-tally")).to_contain_text("not looked at")


def _slowly(text: str) -> tuple[Sentence, ...]:
    from time import sleep

    sleep(0.2)
    return Judge().verify(text)
