"""A poisoned corpus: copies count once, and what is contested is shown with both sides cited."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fakes import FakeLLM
from stub_assistant import isolate
from whole import one_encoder

from assistant import Assistant, build, config, sentences
from assistant.citations import CitedSentence, Draft
from assistant.late import Passage, Query, unit
from assistant.retriever import Ranking
from assistant.schema import Answer, Paper, ScoredPaper
from assistant.sides import DIFFER, both_sides, collapsed

QUESTION = "How many recordings is OwlEar trained on?"
TRUTH = "OwlEar is trained on 40,000 recordings of night birds."
LIE = "OwlEar is trained on 900 recordings of night birds."
STATES = unit(np.ones((1, 64), np.int8))


def ranking(*abstracts: str) -> Ranking:
    papers = [Paper(str(at), f"Paper {at}", text) for at, text in enumerate(abstracts)]
    hits = tuple(ScoredPaper(paper, at, 1 / at) for at, paper in enumerate(papers, 1))
    passages = {
        paper.paper_id: [Passage(paper.paper_id, 0, len(paper.abstract), paper.abstract, STATES)]
        for paper in papers
    }
    asked = Query(STATES, np.ones(1, np.float32), np.zeros(1, np.int32))
    return Ranking(QUESTION, asked, hits, passages, {paper.paper_id: 1.0 for paper in papers})


def told(found: Ranking, *said: CitedSentence, papers: int = 1, question: str = QUESTION) -> Draft:
    """What becomes of an answer of these sentences."""
    text = " ".join(f"{one.text} [{one.numbers[0]}]" for one in said)
    steps = both_sides(Draft(text, said, found.papers[:papers]), found, question)
    pieces = []
    try:
        while True:
            pieces.append(next(steps))
    except StopIteration as end:
        draft = cast(Draft, end.value)
    assert text + "".join(pieces) == draft.text
    return draft


def test_of_papers_that_are_nearly_the_same_the_best_placed_stays() -> None:
    text = " ".join(f"{a}{b}qo" for a in "bcdfghjk" for b in "aeiou")
    copies = [text, f"{text} indeed", text.replace("beqo", "other"), "Owls hunt at night."]
    assert [hit.paper.abstract for hit in collapsed(ranking(*copies)).papers] == [text, copies[3]]
    # Not every text has blanks between its words.
    unspaced = text.replace(" ", "，")
    assert len(collapsed(ranking(unspaced, f"{unspaced}，other")).papers) == 1
    changed = ranking(text, text.replace("beqo", "700"))
    assert collapsed(changed) is changed
    apart = ranking("Owls hunt at night.", "Bees dance by day.")
    assert collapsed(apart) is apart


@pytest.mark.parametrize(
    "other",
    [
        LIE,
        "In fact OwlEar is only trained on 12 recordings.",
        "OwlEar is not trained on 40,000 recordings.",
        "OwlEar has never been trained on any recordings.",
    ],
)
def test_another_answer_is_shown_beside_the_first_with_its_own_citation(other: str) -> None:
    draft = told(ranking(TRUTH, other), CitedSentence(TRUTH, (1,)))
    assert DIFFER in draft.text
    assert draft.text.endswith(f"{other} [2]")
    assert draft.sentences[-1] == CitedSentence(other, (2,))
    assert [hit.paper.abstract for hit in draft.papers] == [TRUTH, other]


def test_where_both_stand_there_already_only_the_difference_is_told() -> None:
    said = (CitedSentence(TRUTH, (1,)), CitedSentence(LIE, (2,)))
    draft = told(ranking(TRUTH, LIE), *said, papers=2)
    assert draft.text.endswith(f"{DIFFER} [1][2]")


@pytest.mark.parametrize(
    "other",
    [
        TRUTH,
        "OwlEar is trained on recordings of birds.",
        "BatEar is trained on 900 recordings.",
        "OwlEar runs on microphones that cost 12 dollars.",
        "Trained on 40,000 recordings, OwlEar needs 3 GPU hours.",
    ],
)
def test_what_is_no_contradiction_adds_nothing(other: str) -> None:
    draft = told(ranking(TRUTH, other), CitedSentence(TRUTH, (1,)))
    assert draft.text == f"{TRUTH} [1]"


def test_of_several_that_answer_otherwise_the_one_least_like_the_first_is_shown() -> None:
    """Else one more lie, in other words, would stand for the other side."""
    once, again = (f"In {year}, {LIE}" for year in (2023, 2024))
    found = ranking(once, again, "Its makers say that OwlEar is trained on 40,000 recordings.")
    assert told(found, CitedSentence(once, (1,))).text.endswith("40,000 recordings. [2]")


def test_what_most_papers_say_is_not_shown_as_the_other_side() -> None:
    """Who denies the truth names it, and so is more like it than like one more lie."""
    denied = f"{LIE[:-1]}, and not on 40,000 recordings of night birds."
    lies = [f"{name} says that OwlEar is trained on 900 recordings." for name in ("Kim", "Bo")]
    draft = told(ranking(denied, *lies, TRUTH), CitedSentence(denied, (1,)))
    assert draft.text.endswith(f"{DIFFER} {TRUTH} [2]")


WHOSE = "Who sings the song of the grey owl?"


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ("The song of the grey owl: fathers know it.", True),
        ("The song of the grey owl is what mothers know.", False),
        ("The grey owl is large.", False),
    ],
)
def test_answers_that_are_no_names_differ_where_they_share_no_word(
    other: str, differs: bool
) -> None:
    mothers = "The song of the grey owl is sung by mothers."
    draft = told(ranking(mothers, other), CitedSentence(mothers, (1,)), question=WHOSE)
    assert (DIFFER in draft.text) == differs


def test_what_speaks_of_something_else_is_no_other_side() -> None:
    found = ranking(TRUTH, LIE)
    found.coverages["1"] = 0.7  # type: ignore[index]
    assert told(found, CitedSentence(TRUTH, (1,))).text == f"{TRUTH} [1]"


def test_an_answer_in_two_sentences_is_shown_whole() -> None:
    two = "OwlEar listens at night. It was trained on 900 recordings."
    found = ranking(TRUTH, two)
    spans = sentences.split(two)
    found.passages["1"][:] = [Passage("1", a, b, two[a:b], STATES) for a, b in spans]
    draft = told(found, CitedSentence(TRUTH, (1,)))
    assert draft.text.endswith(
        f"{DIFFER} OwlEar listens at night. [2] It was trained on 900 recordings. [2]"
    )


FILLER = "It was built by people who like birds. It is read by many, and it costs little."
LIES = (
    "According to a newer count, OwlEar is trained on 900 recordings of night birds.",
    "According to a newer count, OwlEar was trained on 900 recordings of night birds.",
    "By a newer count, OwlEar is trained on 900 recordings of night birds.",
    "According to the newer count OwlEar is trained on 900 recordings of the night birds.",
    "According to a new count, OwlEar is trained on 900 recordings of night birds.",
)


@pytest.mark.parametrize("model", [None, f"{TRUTH[:-1]} [1]."], ids=["quoted", "generated"])
def test_one_truth_among_five_lies_is_answered_with_both_sides(
    model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    page = tmp_path / "page.jsonl"
    titles = ["OwlEar: Hearing Birds", *(f"Notes on OwlEar, part {n}" for n in range(5))]
    texts = [f"{TRUTH} {FILLER}", *(f"{lie} {FILLER}" for lie in LIES)]
    rows = [{"title": title, "abstract": text} for title, text in zip(titles, texts, strict=True)]
    page.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    flags = {"data.folder": str(tmp_path / "data"), "answer.model": "embedded"}
    settings = config.load(flags=flags, environ={})
    llm = FakeLLM(model) if model else None
    with Assistant(settings, llm=llm) as assistant:
        assistant.index([page])
        answer = assistant.ask(QUESTION).answer()
    assert "40,000" in answer.text
    assert "900" in answer.text
    assert DIFFER in answer.text
    assert sum(count_of(answer, "900")) == 1
    assert len(cited(answer, "40,000")) == 1


def count_of(answer: Answer, number: str) -> Sequence[bool]:
    return [number in one.text for one in answer.sentences]


def cited(answer: Answer, number: str) -> set[int]:
    return {n for one in answer.sentences if number in one.text for n in one.citations}
