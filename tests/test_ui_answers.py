import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gradio.state_holder import StateHolder
from stub_assistant import ABSTRACT, HIT, PAPER, StubAssistant, answer, sentence

from assistant import config
from assistant.budget import Ledger
from assistant.errors import BudgetSpent
from assistant.records import answer_record
from assistant.restored import answer_of
from assistant.schema import Answer, Citation, Evidence, Refusal, Sentence, Verdict
from assistant.ui.answers import answer_html, growing_html, plain_text, summary
from assistant.ui.chat import Chat
from assistant.ui.conversation import Asked, turns_of
from assistant.ui.page import page
from assistant.ui.papers import abstract_html, link_html, merged, paper_html
from assistant.ui.sources import sources_html

_TAG = re.compile(r"<[^>]+>")


def with_text(text: str, *sentences: Sentence) -> Answer:
    return replace(answer("Q?", *sentences), text=text)


def words(html: str) -> str:
    return " ".join(_TAG.sub(" ", html).split())


FREEZES = sentence("LoRA freezes the weights.")
TRAINS = sentence("It trains low-rank factors.")
WRONG = Sentence(
    "It is 3 times smaller.",
    (1,),
    Verdict("contradicted", 0.1, Evidence(PAPER.paper_id, ABSTRACT[26:], 26, 72), "10,000, not 3"),
)


def test_each_sentence_is_followed_by_its_citation_as_a_button() -> None:
    html = answer_html(with_text(f"{FREEZES.text} [1] {TRAINS.text} [1]", FREEZES, TRAINS), 4)
    marks = re.findall(r'class="cite" data-turn="4" data-n="1" aria-describedby="(\S+)"', html)
    assert len(marks) == 2 == len(set(marks))
    assert all(f'id="{tip}"' in html for tip in marks)
    assert html.index("weights.") < html.index('data-n="1"') < html.index("It trains")


def test_a_mark_before_the_stop_belongs_to_its_sentence_all_the_same() -> None:
    html = answer_html(
        with_text("LoRA freezes  the weights [1]. It is 3 times smaller [1].", FREEZES, WRONG), 0
    )
    assert re.findall(r'class="sentence (\w+)"', html) == ["supported", "contradicted"]
    assert html.count('class="cite"') == 2


def test_the_hint_of_a_citation_tells_paper_date_and_supporting_sentence() -> None:
    html = answer_html(with_text(f"{FREEZES.text} [1]", FREEZES), 0)
    tip = re.search(r'role="tooltip".*?</span></span>', html)
    assert tip
    assert words(tip[0]).endswith("LoRA: Low-Rank Adaptation 2021-06 LoRA freezes the weights.")


def test_a_sentence_that_is_contradicted_says_so_in_words() -> None:
    html = answer_html(with_text(f"{WRONG.text} [1]", WRONG), 0)
    assert "✗ Contradicted : 10,000, not 3." in words(html)
    assert "The abstract says It trains low-rank factors, 10,000 times fewer." in words(html)


def test_a_text_that_grows_carries_the_signs_of_the_sentences_judged_so_far() -> None:
    text = f"{FREEZES.text} [1] {WRONG.text} [1]\n- It <b>runs</b> [2] and ru"
    html = growing_html(text, [FREEZES, WRONG])
    told = "LoRA freezes the weights. [1] ✓ It is 3 times smaller. [1] ✗ Contradicted"
    assert words(html).startswith(told)
    assert words(html).endswith("It &lt;b&gt;runs&lt;/b&gt; [2] and ru")
    assert re.findall(r'class="sentence (\w+)"', html) == ["supported", "contradicted"]
    assert html.count("<p") == html.count("<li") == 1
    assert words(growing_html(text, [])).startswith("LoRA freezes the weights. [1] It is 3")
    assert "sentence" not in growing_html(text, [])


def test_what_was_struck_can_be_read_behind_a_line() -> None:
    plain = with_text(f"{FREEZES.text} [1]", FREEZES)
    struck = replace(plain, struck=(replace(WRONG, text="It costs <b>2</b> dollars."),))
    html = answer_html(struck, 0)
    told = "1 sentence struck, no source bears it out It costs &lt;b&gt;2&lt;/b&gt; dollars."
    assert told in words(html)
    assert html.index("LoRA freezes") < html.index("<details")
    assert "<details" not in answer_html(plain, 0)
    restored = answer_of(answer_record(struck), [PAPER])
    assert [one.text for one in restored.struck] == ["It costs <b>2</b> dollars."]


def test_a_supported_sentence_carries_no_doubt() -> None:
    assert "doubt" not in answer_html(with_text(f"{FREEZES.text} [1]", FREEZES), 0)


def test_lines_with_a_dash_are_a_list() -> None:
    text = f"Two ways:\n- LoRA: {FREEZES.text} [1]\n- {TRAINS.text} [1]\nSo it is."
    html = answer_html(with_text(text, FREEZES, TRAINS), 0)
    assert re.sub(r"<(?!/?(ul|li|p)\b)[^>]+>", "", html).startswith(
        '<p dir="auto">Two ways:</p><ul><li dir="auto">LoRA: LoRA freezes'
    )
    assert html.count("<li") == 2
    assert html.endswith('<p dir="auto">So it is.</p>')


def test_a_number_that_stands_for_no_source_stays_text() -> None:
    assert "[7]" in words(answer_html(with_text(f"{FREEZES.text} [7]", FREEZES), 0))


def test_a_mark_inside_a_text_without_sentences_is_still_a_button() -> None:
    assert answer_html(with_text("As shown [1], it is so."), 0).count('class="cite"') == 1


def test_nothing_of_an_answer_is_markup() -> None:
    evil = sentence('<img src=x onerror=alert(1)> {marks} "quoted"')
    one = Citation(1, PAPER.paper_id, "<script>title</script>", "<i>quote</i>")
    html = answer_html(replace(with_text(f"{evil.text} [1]", evil), citations=(one,)), 0)
    assert not re.search(r"<(img|script|i)\b", html)
    assert "{marks}" in html


def test_a_refusal_tells_its_kind_what_was_looked_for_and_what_can_be_asked() -> None:
    refusal = Refusal("not_stated", "The abstract does not say: LoRA.", (HIT,))
    html = answer_html(answer("Q?", refusal=refusal), 0)
    assert "The abstract does not say" in words(html)
    assert "Looked for: Q?" in words(html)
    assert 'data-question="What does “LoRA: Low-Rank Adaptation” propose?"' in html


def test_the_summary_counts_claims_and_names_who_answered() -> None:
    shown = summary(with_text("x", FREEZES, WRONG))
    assert shown == "1 of 2 claims supported · quoted, no model · 0.0 s"


def test_the_plain_text_ends_with_its_sources() -> None:
    text = plain_text(with_text(f"{FREEZES.text} [1]", FREEZES))
    assert text == "LoRA freezes the weights. [1]\n\n[1] LoRA: Low-Rank Adaptation"


# Papers and sources


def test_spans_are_marked_in_the_abstract() -> None:
    assert "<mark>LoRA freezes the weights.</mark> It" in abstract_html(PAPER, [(0, 25)])


def test_spans_over_each_other_become_one() -> None:
    assert merged([(5, 9), (0, 6), (20, 30), (12, 12), (-4, 2)], 25) == [(0, 9), (20, 25)]


def test_only_the_web_is_linked_to() -> None:
    assert link_html("javascript:alert(1)") == ""
    assert 'href="https://example.org/a?b&amp;c"' in link_html("https://example.org/a?b&c")


def test_a_paper_tells_when_where_and_by_how_many() -> None:
    html = words(paper_html(replace(PAPER, year_inferred=True)))
    assert "2021-06 (year inferred) · 8 authors · seen on page-1.txt · example.org/lora" in html


def test_cited_papers_come_first_and_the_rest_is_said_to_be_unused() -> None:
    other = replace(HIT, rank=2, paper=replace(PAPER, paper_id="other", title="Unread"))
    html = sources_html(replace(answer("Q?", FREEZES), papers=(other, HIT)), 3)
    assert html.index("[1]") < html.index("Read, but not cited") < html.index("Unread")
    assert 'id="source-3-1"' in html
    assert 'data-paper="other"' in html


def test_a_source_tells_why_it_was_chosen_and_marks_what_supports() -> None:
    html = sources_html(answer("Q?", FREEZES), 0)
    assert "Why this paper: rank 1 of all, #1 by meaning, #2 by words" in html
    assert "<mark>LoRA freezes the weights.</mark>" in html


def test_a_paper_that_is_gone_says_so() -> None:
    assert "no longer in the corpus" in abstract_html(replace(PAPER, abstract=""))


def test_on_the_page_spent_tokens_are_a_sentence_and_quotes_are_offered(tmp_path: Path) -> None:
    now = datetime(2030, 5, 1, 23, tzinfo=UTC)
    ledger, stub = Ledger(tmp_path, 10, lambda: now), StubAssistant()
    ledger.add(10)
    with pytest.raises(BudgetSpent) as told:
        ledger.check()
    stub.fault = told.value
    *_, last = Chat(stub).answer("What is LoRA?", [], Asked(model="owl-1"), "a")  # type: ignore[arg-type]
    assert "today&#x27;s 10 tokens are spent" in str(last.transcript)
    assert "ask again in 3601 s" in str(last.transcript)
    assert "Answer with quotes instead" in str(last.transcript)
    assert (last.live, last.question) == ("", "What is LoRA?")


def test_the_status_counts_one_paper_as_one() -> None:
    stub = StubAssistant()
    assert Chat(stub).status().startswith("1 paper · ")  # type: ignore[arg-type]
    stub.catalog.holds = 1_200
    assert Chat(stub).status().startswith("1,200 papers · ")  # type: ignore[arg-type]


def test_limits_that_a_browser_kept_are_cleaned_and_cut() -> None:
    names = ("since", "until", "page", "model", "as_of", "corpus")
    asked: dict[str, object] = dict.fromkeys(names, "a\u202eb\x1b" + "c" * 10_000)
    turn = {"question": "Q?", "asked": {**asked, "top_k": None, "without": []}, "record": None}
    (found,) = turns_of([{**turn, "partial": "", "trouble": "", "rating": ""}])
    assert {getattr(found.asked, name)[:3] for name in names} == {"abc"}
    assert len(found.asked.filters.as_of or "") < 400


def test_pages_without_number_take_no_memory_without_number() -> None:
    stub = StubAssistant()
    stub.settings = config.load(environ={})

    async def made() -> StateHolder:
        # Outside of a loop Gradio makes one, and never closes it.
        holder = StateHolder()
        holder.set_blocks(page(stub))  # type: ignore[arg-type]
        return holder

    assert asyncio.run(made()).capacity == 500
