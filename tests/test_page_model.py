"""The page with a model behind it: what it writes is verified, and its server may fail."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import QUESTION, Readers, Visit, chromium, readers, serving  # noqa: F401
from playwright.sync_api import Browser
from provider import Exchange, Provider, delta, fails, resets, says
from whole import ROOT, SERVING, ready  # noqa: F401

from assistant.prompts import Prompts
from evals import hostile, hostile_page
from evals.hostile import attacks
from evals.hostile_page import Planted, Seen, Show

STORES = "S-LoRA stores all adapters in the main memory [1]."
WRONG = "S-LoRA can improve the throughput by up to 9 times [1]."
RIGHT = WRONG.replace("9", "4")
NOWHERE = "The moon is made of green cheese [1]."


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def address(ready: Path, server: Provider) -> Iterator[str]:  # noqa: F811
    flags = {
        "answer__base_url": server.url,
        "answer__model": "test-model",
        "answer__models": ("other-model",),
        "answer__max_retries": 0,
        # A browser on a starved machine is slow to see what a reply must wait for.
        "answer__timeout_s": 100.0,
    }
    with serving(ready, **flags) as url:
        yield url


@pytest.fixture
def visit(readers: Readers, address: str) -> Visit:  # noqa: F811
    return readers.visit(address)


def slowly(exchange: Exchange) -> None:
    """A reply of many pieces, each after a while."""
    exchange.head(kind="text/event-stream")
    for number in range(100):
        delta = {"role": "assistant", "content": f"word{number} "}
        exchange.event({"id": "c", "choices": [{"index": 0, "delta": delta}]})
        if not exchange.wait(0.1):
            return


def test_the_status_line_names_the_model_and_its_server(visit: Visit, server: Provider) -> None:
    visit.page.get_by_text(f"answers are written by test-model at {server.url}").wait_for()


def test_a_sentence_that_is_not_supported_is_marked_with_the_reason_in_words(
    visit: Visit, server: Provider
) -> None:
    # Asked again, since so little is borne out, the model insists.
    server.enqueue(*[says(f"{STORES} {WRONG} {NOWHERE}")] * 2)
    visit.ask(SERVING)
    doubts = visit.last(".doubt").all_inner_texts()
    assert len(doubts) == 2
    assert "✗ Contradicted" in doubts[0]
    assert "4 times" in doubts[0]
    assert "⚠ Not in the abstract" in doubts[1]
    assert "1 of 3 claims supported · test-model" in visit.last(".summary").inner_text()
    assert visit.grave() == []


def begin(visit: Visit, server: Provider) -> None:
    """An answer is under way that takes its time."""
    server.enqueue(slowly)
    visit.page.locator(QUESTION).fill(SERVING)
    visit.page.locator(QUESTION).press("Enter")
    visit.page.locator("#live .turn[aria-busy=true]").get_by_text("word3").wait_for()


def test_text_streams_and_can_be_stopped_and_what_came_is_said_to_be_partial(
    visit: Visit, server: Provider
) -> None:
    begin(visit, server)
    early = visit.page.locator("#live .streaming").inner_text()
    visit.page.get_by_role("button", name="Stop").click()
    visit.turns(1)
    shown = visit.last(".answer").inner_text()
    assert shown.startswith("word0 word1")
    assert len(shown) >= len(early)
    assert "Stopped here: this answer is partial, and not verified." in shown
    server.enqueue(says(STORES))
    visit.last('[data-act="retry"]').first.click()
    visit.page.wait_for_selector("#transcript .sentence.supported")


def test_who_leaves_for_a_new_conversation_ends_the_answer_and_finds_it_later(
    visit: Visit, server: Provider
) -> None:
    begin(visit, server)
    visit.page.get_by_role("button", name="New conversation").click()
    visit.page.wait_for_selector("#transcript .opening")
    server.enqueue(says(STORES))
    visit.ask(SERVING)
    visit.last(".sentence.supported").wait_for()
    visit.page.locator(".conversation-open").last.click()
    visit.page.get_by_text("Stopped here: this answer is partial").wait_for()
    assert visit.page.locator("#transcript .turn").count() == 1
    assert visit.page.locator("#live .turn").count() == 0


def test_the_conversation_of_an_answer_under_way_can_be_deleted(
    visit: Visit, server: Provider
) -> None:
    begin(visit, server)
    visit.page.get_by_role("button", name="Stop").click()
    visit.turns(1)
    visit.last('[data-act="retry"]').first.wait_for()
    server.enqueue(slowly)
    visit.last('[data-act="retry"]').first.click()
    visit.page.locator("#live .turn[aria-busy=true]").get_by_text("word3").wait_for()
    visit.page.locator(".conversation-delete").click()
    visit.page.wait_for_selector("#transcript .opening")
    visit.page.wait_for_function("!document.querySelector('.conversation-open')")
    assert not any("conversation:" in name for name in visit.stored())


def test_a_sentence_carries_its_sign_while_the_rest_streams(visit: Visit, server: Provider) -> None:
    done = threading.Event()

    def writes(exchange: Exchange) -> None:
        """Goes on until the reader has seen enough."""
        exchange.head(kind="text/event-stream")
        # Half is borne out, so that the model is not asked again.
        exchange.event(delta(f"{STORES} {RIGHT} {WRONG} It also"))
        while not done.is_set():
            exchange.event(delta(" goes on and"))
            if not exchange.wait(0.1):
                return
        exchange.event(delta(" ends [1].", "stop"))

    server.enqueue(writes)
    visit.page.locator(QUESTION).fill(SERVING)
    visit.page.locator(QUESTION).press("Enter")
    growing = visit.page.locator("#live .turn[aria-busy=true] .streaming")
    growing.locator(".sentence.supported .sign", has_text="✓").first.wait_for()
    growing.locator(".sentence.contradicted .doubt", has_text="4 times").wait_for()
    assert "goes on and" in growing.inner_text()
    done.set()
    visit.turns(1)
    assert visit.last(".sentence").count() == 4
    assert visit.page.locator("#transcript .sign").count() == 0


def test_a_long_wait_is_counted(visit: Visit, server: Provider) -> None:
    def late(exchange: Exchange) -> None:
        exchange.wait(4.5)
        says(STORES)(exchange)

    server.enqueue(late)
    visit.page.locator(QUESTION).fill(SERVING)
    visit.page.locator(QUESTION).press("Enter")
    visit.page.get_by_text("Looking through the abstracts · 3 s").wait_for()
    visit.turns(1)


@pytest.mark.parametrize(
    ("behaviour", "cure"),
    [
        (fails(401), "key"),
        (fails(429), "ask again later"),
        (fails(500), "later"),
        (resets(), "start the server"),
    ],
    ids=["wrong key", "rate limit", "server's fault", "lost connection"],
)
def test_a_server_that_fails_is_said_with_what_to_do_and_quotes_are_offered(
    visit: Visit, server: Provider, behaviour: object, cure: str
) -> None:
    server.enqueue(behaviour)  # type: ignore[arg-type]
    visit.ask(SERVING)
    trouble = visit.last(".trouble").inner_text()
    assert server.host in trouble
    assert cure in trouble
    visit.page.get_by_text("Answer with quotes instead").click()
    visit.page.wait_for_selector("#transcript .sentence.supported")
    assert "quoted, no model" in visit.last(".summary").inner_text()


def test_the_reader_chooses_among_the_models(visit: Visit, server: Provider) -> None:
    visit.page.get_by_text("Limits", exact=True).click()
    visit.page.get_by_label("Answered by").click()
    visit.page.get_by_role("option", name="other-model").click()
    server.enqueue(says(STORES))
    visit.ask(SERVING)
    assert server.questions[-1].body["model"] == "other-model"
    assert "other-model" in visit.last(".summary").inner_text()


def test_markup_in_a_reply_is_shown_and_not_run(visit: Visit, server: Provider) -> None:
    server.enqueue(
        says(
            f"{STORES} <img src=http://foreign.example/x onerror='window.hit=1'> ![a](http://foreign.example/y)"
        )
    )
    visit.ask(SERVING)
    assert "<img src=" in visit.last(".answer").inner_text()
    time.sleep(0.2)
    assert visit.page.evaluate("window.hit") is None


def test_hostile_texts_do_nothing_in_the_page_whoever_says_them(
    visit: Visit, server: Provider
) -> None:
    """Foreign requests and breaches of the policy fail every test of the page."""
    hostile = [attack.text for attack in attacks()]
    dialogs: list[str] = []
    visit.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    server.enqueue(says("\n\n".join(f"{text} [1]." for text in hostile)))
    visit.ask(f"{SERVING} {' '.join(hostile[3:7])}")
    server.enqueue(fails(400, hostile[3]))
    visit.ask(SERVING)
    visit.page.reload()
    visit.page.wait_for_selector("#transcript .turn")
    links = visit.page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    assert [link for link in links if not link.startswith(("http://", "https://"))] == []
    assert visit.page.locator("#transcript img, #transcript script, #transcript svg").count() == 0
    assert dialogs == []


def test_hostile_texts_are_only_text_in_every_field_of_every_room(
    chromium: Browser,  # noqa: F811
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = attacks()
    papers = hostile.planted(found)
    texts = [Planted(one.text, paper) for one, paper in zip(found, papers, strict=True)]
    show = Show(chromium, address, Prompts.load(ROOT / "prompts"))
    (seen,) = show(texts)
    assert seen == Seen(len(texts), 2, 0, 0, 0, ())
    # What is not escaped would be seen.
    monkeypatch.setattr(hostile_page, "_rooms", lambda one, _: one.text)
    (seen,) = show(texts[3:6])
    assert seen.breaches > 0
    assert {"<img onerror>", "<svg onload>", "<script>"} <= set(seen.odd)


def test_a_lost_connection_is_said_and_what_was_typed_stays(
    readers: Readers,  # noqa: F811
    ready: Path,  # noqa: F811
) -> None:
    with serving(ready) as address:
        visit = readers.visit(address)
        visit.page.locator(QUESTION).fill("a long question")
    visit.page.evaluate("window.dispatchEvent(new Event('offline'))")
    visit.page.get_by_text("The connection is lost.").wait_for()
    assert visit.page.locator(QUESTION).input_value() == "a long question"
