"""What a question takes for granted: told where an abstract says otherwise, silent elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from corpora import BEES, OWLS, Corpus
from test_rag import pipeline

from assistant import sentences
from assistant.corpus import merge, read_paths
from assistant.late import Passage
from assistant.premise import contrary, other_of_kind
from assistant.records import answer_record
from assistant.restored import answer_of
from assistant.schema import Evidence
from assistant.ui.answers import answer_html
from evals.dataset import ASKED, FITTED, Sample, load
from evals.make import made

TITLE = "KelpNet: Counting Kelp from the Air"
ABSTRACT = (
    "Kelp forests are counted by divers. We present KelpNet, which counts kelp in 480 photographs"
    " without labels and needs no calibration. KelpNet is species-agnostic. It runs on a Jetson and"
    " reduces memory and energy by 3 times. On COCO, KelpNet outperforms SeaFormer. No single"
    " camera is best in all weather. KelpNet runs without leaving modest harbours. RingNet does not"
    " perform better than random guessing."
)


def read(abstract: str) -> list[Passage]:
    return [
        Passage("p", a, b, abstract[a:b], np.zeros((0, 64), np.float32))
        for a, b in sentences.split(abstract)
    ]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("How does KelpNet count the kelp in 950 photographs?", "480 photographs, not 950"),
        ("Why does KelpNet save energy by 9 times?", "3 times, not 9 times"),
        ("Which labels does KelpNet count kelp with?", "“without labels”"),
        ("How is the calibration of KelpNet done?", "“needs no calibration”"),
        ("How does KelpNet find out the species of kelp?", "“species-agnostic”"),
        ("Why does SeaFormer outperform KelpNet on COCO?", "KelpNet outperforms SeaFormer"),
        ("Why does KelpNet lose to SeaFormer?", "KelpNet outperforms SeaFormer"),
        ("Which camera did KelpNet find to be the best?", "“No single camera is best in all"),
        ("How much more memory does KelpNet take than divers?", "“reduces memory”"),
        ("Why is RingNet better than random guessing?", "RingNet does not perform better"),
    ],
)
def test_what_the_abstract_says_otherwise_is_told(question: str, reason: str) -> None:
    found = contrary(question, TITLE, read(ABSTRACT))
    assert found
    assert reason in found.reason
    assert found.passage.text in ABSTRACT


@pytest.mark.parametrize(
    "question",
    [
        "How does KelpNet count the kelp in 480 photographs?",
        "How does KelpNet count kelp in about 500 photographs?",
        "How does KelpNet count kelp on 950 coasts?",
        "Why does KelpNet need 9 times fewer divers?",
        "How does KelpNet avoid labels?",
        "Does KelpNet need labels?",
        "Why is no calibration needed?",
        "Why does KelpNet outperform SeaFormer on COCO?",
        "Why does SeaFormer outperform DiverNet?",
        "How much less memory does KelpNet take?",
        "How much more memory do divers take?",
        "How much more energy efficient is KelpNet than divers?",
        "Is RingNet better than random guessing?",
        "What is KelpNet?",
        "Which forests does KelpNet find fastest, and how many divers does it spare at best?",
        "What lets KelpNet do with modest boats?",
    ],
)
def test_what_the_abstract_does_not_deny_is_left_alone(question: str) -> None:
    assert contrary(question, TITLE, read(ABSTRACT)) is None


def test_another_data_set_or_device_than_the_one_that_is_asked_for_is_named() -> None:
    passages = read(ABSTRACT)
    data = other_of_kind(["ImageNet"], passages)
    assert data
    assert (data.reason, data.passage.text[:7]) == ("COCO, not ImageNet", "On COCO")
    device = other_of_kind(["A100"], passages)
    assert device
    assert device.reason == "Jetson, not A100"
    assert other_of_kind(["DiverNet"], passages) is None
    assert other_of_kind(["ImageNet"], passages[:1]) is None


@pytest.fixture(scope="module")
def abstracts() -> dict[str, list[Passage]]:
    papers = merge(read_paths([Path(__file__).parents[1] / "corpus"]).sightings)
    return {paper.title: read(paper.abstract) for paper in papers}


def fired(samples: list[Sample], abstracts: dict[str, list[Passage]]) -> list[str]:
    return [
        sample.question
        for sample in samples
        for title in (*sample.relevant, *sample.near)[:1]
        if contrary(sample.question, title, abstracts[title])
    ]


def test_no_question_that_an_abstract_answers_is_said_to_be_wrong(
    abstracts: dict[str, list[Passage]],
) -> None:
    answerable = [one for one in load((*FITTED, "injected")) if one.relevant]
    assert len(answerable) == 393 + 249
    assert fired(answerable, abstracts) == []


def test_of_the_false_premises_that_the_rules_were_written_for_a_sixth_is_named(
    abstracts: dict[str, list[Passage]],
) -> None:
    false = [one for one in load(ASKED) if one.subkind == "false_premise"]
    assert len(fired(false, abstracts)) >= len(false) / 6


def test_of_questions_made_with_another_number_a_third_is_named_and_of_the_same_none_with_its_own(
    abstracts: dict[str, list[Passage]],
) -> None:
    papers = list(merge(read_paths([Path(__file__).parents[1] / "corpus"]).sightings))
    samples = made(papers, each=60)
    assert fired([one for one in samples if one.id.startswith(("known", "typo"))], abstracts) == []
    swapped = [one for one in samples if one.id.startswith("near_number")]
    assert len(fired(swapped, abstracts)) >= 0.3 * len(swapped) > 5


def test_an_answer_names_the_false_premise_and_shows_the_sentence(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask("How does OwlEar learn from 90,000 recordings?").answer()
    refusal = answer.refusal
    assert refusal
    assert refusal.kind == "false_premise"
    assert answer.text == f"The abstract says 40,000 recordings, not 90,000 recordings: {OWLS}."
    paper = corpus.paper(OWLS)
    said = "OwlEar is trained on 40,000 recordings of NightCalls-7."
    start = paper.abstract.index(said)
    assert refusal.evidence == Evidence(paper.paper_id, said, start, start + len(said))
    assert refusal.nearest[0].paper == paper


def test_a_right_premise_and_a_comparison_are_answered(corpus: Corpus) -> None:
    asked = pipeline(corpus)
    assert not asked.ask("How does OwlEar learn from 40,000 recordings?").answer().refused
    several = asked.ask("How do OwlEar with 90,000 recordings and TideFormer compare?").answer()
    assert not (several.refusal and several.refusal.kind == "false_premise")


def test_a_false_premise_of_another_paper_is_not_laid_upon_the_nearest(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask("Which survey reads 300 articles on frogs and toads?").answer()
    assert not (answer.refusal and answer.refusal.kind == "false_premise")
    assert corpus.paper(BEES).abstract.count("112 articles") == 1


def test_the_sentence_travels_in_the_record_and_onto_the_page(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask("How does OwlEar learn from 90,000 recordings?").answer()
    record = answer_record(answer)
    assert record["refusal"]["evidence"]["quote"].startswith("OwlEar is trained")
    assert answer.refusal
    restored = answer_of(record, [corpus.paper(OWLS)]).refusal
    assert restored
    assert restored.evidence == answer.refusal.evidence
    html = answer_html(answer, 0)
    assert "It says: <q>OwlEar is trained on 40,000 recordings of NightCalls-7.</q>" in html
    other = pipeline(corpus).ask("How does BatEar hear owls?").answer()
    assert "evidence" not in answer_record(other)["refusal"]
