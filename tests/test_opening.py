"""What a corpus holds, and the questions that it can answer."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from corpora import Corpus
from whole import CORPUS, one_encoder, ready  # noqa: F401

from assistant import Assistant, build, config
from assistant.errors import IndexMissing
from assistant.opening import Opening, answerable, example_questions, examples, opening, sample
from assistant.schema import Answer, Citation, Paper, Sighting
from assistant.ui.opening import Openings, empty_html, facts, opening_html

GRAINS = Paper(
    "a1",
    "Counting Pollen Grains from Phone Photographs",
    "We count pollen grains in photographs that a phone takes. It needs 3 seconds.",
)
SENSORS = Paper(
    "b2",
    "Why Compost Sensors Fail in Winter",
    "In winter these compost sensors fail, because water freezes. They fail often.",
)
HIVES = Paper("c3", "A Survey of Acoustic Beehive Monitoring", "Acoustic monitoring of a beehive.")


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, ready: Path) -> Iterator[Assistant]:  # noqa: F811
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    flags = {"data.folder": str(ready), "corpus.paths": str(CORPUS)}
    with Assistant(config.load(flags=flags, environ={})) as assistant:
        yield assistant


def named(paper_id: str, title: str, abstract: str, page: str = "page.txt") -> Paper:
    seen = Sighting(page, 1, 1, title, abstract)
    return Paper(paper_id, title, abstract, sightings=(seen,))


def test_every_shipped_example_is_answered_from_the_paper_that_it_was_drawn_from(
    shipped: Assistant,
) -> None:
    asked = {one.question: one for one in examples(sample(shipped.catalog))}
    questions = Openings(shipped).now().questions
    assert len(questions) == 6
    for question in questions:
        answer = shipped.ask(question).answer()
        assert not answer.refused
        assert {one.paper_id for one in answer.citations} >= set(asked[question].paper_ids)


def test_most_examples_of_the_shipped_corpus_are_answered_unfiltered(shipped: Assistant) -> None:
    asked = list(islice(examples(sample(shipped.catalog)), 12))
    assert len(answerable(shipped, asked, 12)) >= 11


def test_the_shipped_examples_differ_in_kind_and_one_compares(shipped: Assistant) -> None:
    first = list(islice(examples(sample(shipped.catalog)), 6))
    assert len({one.kind for one in first}) == 6
    assert [len(set(one.paper_ids)) for one in first if one.kind == "pair"] == [2]


def test_examples_are_always_the_same(corpus: Corpus) -> None:
    papers = corpus.catalog.papers()
    assert example_questions(papers) == example_questions(reversed(papers))


def test_papers_without_names_still_give_questions_that_a_person_would_ask() -> None:
    assert example_questions([GRAINS, SENSORS, HIVES]) == [
        "What does “A Survey of Acoustic Beehive Monitoring” cover?",
        "How can one count pollen grains from phone photographs?",
        "What explains why compost sensors fail in winter?",
    ]


def test_a_name_is_asked_for_what_its_subtitle_says() -> None:
    text = "We present OwlEar. OwlEar hears owls at night, by hearing microphones in the forest."
    assert example_questions([named("1", "OwlEar: Hearing Owls at Night", text)]) == [
        "How does OwlEar hear owls at night?"
    ]


def test_a_word_of_unknown_spelling_is_not_guessed_at() -> None:
    text = "We present OwlEar. It is for owls."
    assert example_questions([named("1", "OwlEar: Hearing Owls of Verona", text)]) == [
        "What is OwlEar, and how does it work?"
    ]


def test_two_things_for_one_task_are_compared() -> None:
    task = "night sky image segmentation is done with nets."
    papers = [
        named("1", "StarNet: A Net for Image Segmentation", f"StarNet. {task}"),
        named("2", "MoonNet: Another Net for Image Segmentation", f"MoonNet. {task}"),
    ]
    assert example_questions(papers) == [
        "Compare StarNet and MoonNet: how does each approach image segmentation?"
    ]


def test_no_paper_is_asked_about_twice(corpus: Corpus) -> None:
    asked = [id_ for one in examples(corpus.catalog.papers()) for id_ in one.paper_ids]
    assert len(asked) == len(set(asked))


def test_an_empty_corpus_gives_no_question() -> None:
    assert example_questions([]) == []


def test_a_title_without_end_is_no_question() -> None:
    assert example_questions([named("1", "Owls " * 60, "Owls.")]) == []


class Declines:
    """Answers nothing, whatever it cites."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, question: str, *, model: str | None = None) -> Any:
        self.asked.append(question)
        assert model == "embedded"
        return self

    def answer(self) -> Answer:
        cited = tuple(Citation(1, paper.paper_id, "", "") for paper in (GRAINS, SENSORS, HIVES))
        return SimpleNamespace(refused=True, citations=cited)  # type: ignore[return-value]


def test_a_question_that_is_declined_is_not_shown() -> None:
    nobody = Declines()
    assert answerable(nobody, examples([GRAINS, SENSORS, HIVES])) == []
    assert len(nobody.asked) == 3


def test_the_opening_counts_papers_dates_and_listings(corpus: Corpus) -> None:
    found = opening(corpus.catalog)
    assert found[:4] == (6, "2019-05", "2023", 1)
    assert found.pages == (("first.jsonl", 3), ("second.json", 3))
    assert len(found.questions) == 6


def test_the_opening_is_made_once_for_each_state_of_the_corpus(
    shipped: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    openings = Openings(shipped)
    before = openings.now()
    assert openings.now() is before
    monkeypatch.setattr(shipped.catalog, "runs", list)
    after = openings.now()
    assert after is not before
    assert after == before


def test_without_an_index_the_facts_are_shown_alone(
    shipped: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise IndexMissing("nothing is indexed yet: run `assistant index`")

    monkeypatch.setattr(shipped, "ask", missing)
    found = Openings(shipped).now()
    assert found.papers == 249
    assert found.questions == ()


def test_the_facts_are_said_in_plain_sentences() -> None:
    found = Opening(249, "2015-11-19", "2025-10-20", 143, (("a", 300), ("b", 6)), ())
    assert facts(found) == (
        "This corpus holds 249 papers, seen in 306 listings on 2 pages."
        " 106 of them are dated, from 2015-11-19 to 2025-10-20."
    )
    one = Opening(1, "2021", "2021", 0, (("a", 1),), ())
    assert facts(one) == (
        "This corpus holds 1 paper, seen in 1 listing on 1 page. It is dated 2021."
    )
    assert facts(one._replace(first=None, last=None, undated=1)).endswith("It has no date.")


def test_questions_and_pages_are_harmless_in_the_page() -> None:
    bad = '"><img src=x onerror=alert(1)>'
    html = opening_html(Opening(1, None, None, 1, ((bad, 1),), (bad,)))
    assert "<img" not in html
    assert 'data-question="&quot;&gt;&lt;img' in html
    assert html.count('class="example"') == 1


def test_nothing_indexed_says_what_to_do() -> None:
    assert "assistant index" in empty_html()
    assert opening_html(Opening(0, None, None, 0, (), ())) == empty_html()
