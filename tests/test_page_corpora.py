from collections.abc import Iterator
from dataclasses import replace

import pytest
from browser import Readers, Visit, chromium, readers, serving  # noqa: F401
from keeping import BATS, MOTHS, OWLS, Keeping, keeping, kept, record, write_page  # noqa: F401
from stub_assistant import answer, sentence

from assistant import Assistant, config
from assistant.records import answer_record, plain
from assistant.ui.chat import Chat
from assistant.ui.conversation import Asked, ChatTurn, turns_of
from assistant.ui.corpora import Each
from assistant.ui.draft import check_text
from assistant.ui.transcript import transcript_html

SNAILS = {"title": "SnailTrack", "abstract": "SnailTrack follows snails across a wall at night."}
SLUGS = {"title": "SlugTrack", "abstract": "SlugTrack follows slugs across a lawn at noon."}
ASKED = "What does SnailTrack follow?"


@pytest.fixture
def bio(keep: Keeping) -> Keeping:
    """The four papers, beside a corpus "bio" of one."""
    write_page(keep.folder / "bio" / "snails.jsonl", SNAILS)
    assert keep("index", "bio", "--corpus", "bio").code == 0
    return keep


def choose(visit: Visit, name: str) -> None:
    visit.page.locator("#corpus input").click()
    visit.page.get_by_role("option", name=name).click()


def says(visit: Visit, words: str) -> None:
    visit.page.wait_for_function(
        "words => document.querySelector('#status').innerText.includes(words)", arg=words
    )


def test_the_page_switches_and_a_conversation_keeps_its_corpus(
    bio: Keeping,
    readers: Readers,  # noqa: F811
) -> None:
    with serving(bio.data) as url:
        visit = readers.visit(url)
        visit.ask("How many owls does OwlEar hear?")
        visit.page.get_by_text("Limits", exact=True).click()
        choose(visit, "bio")
        says(visit, "1 paper ·")
        visit.page.wait_for_selector("#transcript .opening")
        visit.ask(ASKED)
        assert "snails" in visit.last(".answer").inner_text()
        # The first conversation again, with the corpus that it is about.
        visit.page.locator(".conversation-open").last.click()
        says(visit, "4 papers")
        visit.turns(1)
        assert visit.page.locator("#corpus input").input_value() == "default"
        visit.ask(ASKED)
        assert "SnailTrack" in visit.last(".refusal").inner_text()
        visit.page.get_by_label("As of").fill("2020")
        visit.ask("How many owls does OwlEar hear?")
        assert "as of 2020" in visit.page.locator("#transcript").inner_text()
        assert visit.last(".cite").count() == 0
        # Browsing, dropping and checking go with the corpus chosen.
        choose(visit, "bio")
        says(visit, "1 paper ·")
        slugs = write_page(bio.folder / "slugs.jsonl", SLUGS)
        visit.page.get_by_text("Add papers", exact=True).click()
        visit.page.locator(".upload-file input[type=file]").set_input_files(slugs)
        says(visit, "2 papers")
        visit.page.get_by_role("tab", name="Browse").click()
        visit.page.wait_for_selector(".browse-table :text('SlugTrack')")
        assert visit.grave() == []
    assert bio.titles("corpora/bio") == {"SnailTrack", "SlugTrack"}
    assert len(bio.titles()) == 4


# Without a browser


@pytest.fixture
def assistant(bio: Keeping) -> Iterator[Assistant]:
    with Assistant(config.load()) as assistant:
        yield assistant


def turn(asked: Asked) -> ChatTurn:
    return ChatTurn("Q?", asked, answer_record(answer("Q?", sentence("It is so [1]."))))


def test_a_question_of_a_conversation_goes_to_the_corpus_of_the_first(
    assistant: Assistant,
) -> None:
    first = turn(Asked(corpus="bio"))
    shown = list(Chat(assistant).answer(ASKED, [first], Asked(corpus="default"), "c"))[-1]
    assert shown.turns
    assert shown.turns[-1].asked.corpus == "bio"
    assert shown.turns[-1].record
    assert shown.turns[-1].record["citations"][0]["title"] == "SnailTrack"


def test_a_conversation_over_a_corpus_that_is_gone_can_be_read_on(assistant: Assistant) -> None:
    gone = turn(Asked(corpus="was-here"))
    chat = Chat(assistant)
    stored = {**plain(replace(gone, record=None)), "record": gone.record}
    shown = chat.opened([stored], "c")
    assert shown.turns == [gone]
    assert "no longer in the corpus" in chat.sources([gone], 0)
    told = list(chat.answer("And now?", [gone], Asked(), "c"))[-1]
    assert told.turns
    assert "there is no corpus 'was-here': there are default, bio" in told.turns[-1].trouble


def test_a_conversation_of_an_earlier_version_is_over_the_usual_corpus() -> None:
    before = {
        "question": "Q?", "record": None, "partial": "", "trouble": "", "rating": "",
        "asked": {"since": None, "until": None, "page": None, "top_k": 5, "model": None,
                  "without": []},
    }  # fmt: skip
    [one] = turns_of([before])
    assert (one.asked.corpus, one.asked.as_of) == (None, None)


def test_a_day_that_is_none_is_told_and_the_question_stays(assistant: Assistant) -> None:
    shown = list(Chat(assistant).answer("Q?", [], Asked(as_of="soon"), "c"))[-1]
    assert shown.turns
    assert "is no date" in shown.turns[0].trouble
    assert shown.question == "Q?"
    then = turn(Asked(as_of="2022"))
    assert "as of 2022" in transcript_html([then], [None])


def test_a_draft_is_held_against_the_corpus_and_the_day(assistant: Assistant) -> None:
    snails = "SnailTrack follows snails across a wall at night."
    moths = "MothEye counts moths at street lamps with a camera."

    def verdict(text: str, *given: str | None) -> str:
        return list(check_text(assistant, text, *given))[-1].sentences[0].verdict.label

    assert verdict(snails, "bio") == "supported"
    assert verdict(snails) != "supported"
    assert verdict(moths, None, "2023") == "supported"
    assert verdict(moths, None, "2022") != "supported"
    assert "is no date" in list(check_text(assistant, moths, None, "soon"))[-1].fault
    assert "there is no corpus" in list(check_text(assistant, moths, "boi"))[-1].fault


def test_what_is_made_for_a_corpus_is_made_once_and_anew_for_another(bio: Keeping) -> None:
    with Assistant(config.load()) as assistant:
        each = Each(assistant, lambda one: [one.catalog.count()])
        assert each.of("bio") is each.of("bio") == [1]
        assert each.of(None) == each.of("default") == [4]
        bio("corpora", "--remove", "bio", "--yes")
        write_page(bio.folder / "bio" / "slugs.jsonl", SLUGS)
        bio("index", "bio", "--corpus", "bio")
        assert each.of("bio") == [2]
