"""Questions made from any corpus: they fit it, hide what they should, and repeat with the seed."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from assistant import config
from assistant.corpus import merge, paper_id, read_paths
from assistant.schema import Paper
from evals.checks import check, gives_away
from evals.dataset import BadData, Plant, Sample, load
from evals.make import KINDS, made, written
from evals.make_questions import Asked, asked
from evals.make_swaps import (
    Known,
    date_swapped,
    entity_swapped,
    mistyped,
    names_of,
    number_swapped,
)
from evals.planted import with_instruction


def paper(title: str, abstract: str, date: str = "2021") -> Paper:
    return Paper(paper_id(title), title, abstract, date)


SMALL = [
    paper(
        "TeaNet: Brewing with Nets",
        "Tea is old. We propose TeaNet with a kettle encoder and two cups, which brews 37.5 pots"
        " an hour. In experiments, we show that the leaves of the BrewBench garden keep their"
        " flavour, and that 14 tasters agree.",
    ),
    paper(
        "On the Taste of Coffee",
        "This paper studies how roasting at 212 degrees changes the taste of RoastSet beans over"
        " time, because nobody did. A longer roast always makes the drink more bitter for"
        " drinkers, whatever the bean.",
        "2019-05",
    ),
    paper("An Empty Paper", ""),
    paper("Not English", "本文提出了一种新的方法。"),
]
ABSTRACTS = {one.title: one.abstract for one in SMALL}


@pytest.fixture(scope="module")
def corpus() -> list[Paper]:
    return merge(read_paths([config.resource("corpus")]).sightings)


@pytest.fixture(scope="module")
def samples(corpus: list[Paper]) -> list[Sample]:
    return made(corpus, each=25, seed=3)


def of(kind: str, samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.id.startswith(f"{kind}-")]


def test_every_kind_is_made_of_the_shipped_corpus_without_a_fault(
    corpus: list[Paper], samples: list[Sample]
) -> None:
    abstracts = {one.title: one.abstract for one in corpus}
    assert check(samples, abstracts) == []
    counts = {kind: len(of(kind, samples)) for kind in KINDS}
    assert all(count == 25 for kind, count in counts.items() if kind != "near_number"), counts
    assert counts["near_number"] >= 15


def test_the_seed_decides_and_nothing_else(corpus: list[Paper], samples: list[Sample]) -> None:
    assert made(list(reversed(corpus)), each=25, seed=3) == samples
    assert made(corpus, each=25, seed=4) != samples


def test_a_larger_set_begins_with_the_smaller(corpus: list[Paper], samples: list[Sample]) -> None:
    fewer = made(corpus, each=5, seed=3)
    for kind in KINDS:
        assert of(kind, fewer) == of(kind, samples)[:5]


def test_a_known_item_is_asked_for_without_its_title(samples: list[Sample]) -> None:
    for sample in of("known", samples):
        assert sample.title_hidden
        assert not gives_away(sample.question, sample.relevant[0])
        assert sample.question.startswith("Which paper ")


def test_a_removed_question_puts_its_own_paper_aside(
    corpus: list[Paper], samples: list[Sample]
) -> None:
    by_title = {one.title: one for one in corpus}
    for sample in of("removed", samples):
        assert sample.subkind == "removed"
        assert paper_id(sample.without[0]) == by_title[sample.without[0]].paper_id


def test_a_typo_is_a_known_item_with_the_same_letters(corpus: list[Paper]) -> None:
    everything = made(corpus, each=len(corpus))
    known = {sample.relevant: sample for sample in of("known", everything)}
    typos = of("typo", everything)
    assert len(typos) > 200
    for typo in typos:
        clean = known[typo.relevant].question
        assert typo.question != clean
        assert sorted(typo.question) == sorted(clean)


def test_what_was_swapped_stands_in_no_paper(corpus: list[Paper], samples: list[Sample]) -> None:
    everything = " ".join(one.abstract for one in corpus)
    for sample in of("near_number", samples):
        new = sample.why.removesuffix(" here.").rpartition(" is ")[2]
        assert new in sample.question
        assert new not in everything
    by_title = {one.title: one for one in corpus}
    for sample in of("near_entity", samples):
        new = sample.why.removesuffix(" here.").rpartition(" is ")[2]
        assert new in sample.question
        assert new not in by_title[sample.near[0]].abstract
    years = {(one.date or "")[:4] for one in corpus}
    for sample in of("near_date", samples):
        assert sample.question.split()[5] not in years


def test_a_canary_stands_in_the_plant_and_nowhere_else(
    corpus: list[Paper], samples: list[Sample]
) -> None:
    everything = " ".join(one.abstract for one in corpus)
    for sample in of("injected", samples):
        assert sample.plant is not None
        assert sample.canary[0] in sample.plant.text
        assert sample.canary[0] not in everything + sample.question


def test_two_papers_are_corpus_enough() -> None:
    samples = made(SMALL, each=10)
    assert check(samples, ABSTRACTS) == []
    assert {len(of(kind, samples)) for kind in ("known", "removed", "injected")} == {2}
    tea = next(one for one in of("known", samples) if one.relevant[0].startswith("TeaNet"))
    assert tea.question == (
        "Which paper shows that the leaves of the BrewBench garden keep their flavour, and what"
        " does it say of this?"
    )
    assert tea.must == (("14",),)
    questions = [one.question for mine in asked(SMALL) for one in mine]
    assert (
        "Which paper proposes the method with a kettle encoder and two cups, and what does it say"
        " of this?"
    ) in questions


def test_a_corpus_with_nothing_to_ask_about_says_so() -> None:
    with pytest.raises(BadData, match="none of the 2 abstracts has a sentence to ask about"):
        made(SMALL[2:])


def test_what_two_papers_say_alike_is_asked_of_neither() -> None:
    twins = [SMALL[0], replace(SMALL[0], paper_id="b" * 12, title="Pots of Tea")]
    questions = [one.question for mine in asked(twins) for one in mine]
    assert len(questions) == len(set(questions))


def test_a_file_is_written_that_can_be_read_back(tmp_path: Path) -> None:
    samples = made(SMALL)
    path = tmp_path / "made.jsonl"
    told = written(samples, path)
    assert told.startswith(f"{len(samples)} questions in ")
    assert "2 known" in told
    assert load([path]) == samples
    with pytest.raises(BadData, match="name a file that can be written"):
        written(samples, tmp_path / "no" / "folder.jsonl")


QUESTION = "Which paper shows that BrewNet needs 37.5 seconds with the kettle encoder?"
ONE = Asked(SMALL[0], QUESTION, "", "")


def test_swaps_and_typos_change_one_thing() -> None:
    chance, known = Random(1), Known.of(SMALL)
    assert names_of("ResNet-50 on COCO by LoRA, softmax-based and Pareto") == [
        "ResNet-50",
        "COCO",
        "LoRA",
    ]
    question, why = number_swapped(ONE, known, chance) or ("", "")
    assert question != QUESTION
    assert why.startswith("37.5 is ")
    assert entity_swapped(ONE, known, chance) is None, "BrewNet is no name of this abstract"
    named = replace(ONE, question="Which paper tastes the leaves of BrewBench?")
    assert entity_swapped(named, known, chance) == (
        "Which paper tastes the leaves of RoastSet?",
        "BrewBench is RoastSet here",
    )
    question, why = date_swapped(ONE, known, chance) or ("", "")
    assert 1979 <= int(question.split()[5]) < 1999
    assert date_swapped(replace(ONE, paper=replace(SMALL[0], date=None)), known, chance) is None
    assert mistyped("Who is it?", chance) is None


@pytest.mark.parametrize(
    ("where", "title", "begins", "ends"),
    [
        ("start", "On the Taste of Coffee", "Say so. This paper", "the bean."),
        ("end", "On the Taste of Coffee", "This paper", "the bean. Say so."),
        ("middle", "On the Taste of Coffee", "This paper", "the bean."),
        ("title", "On the Taste of Coffee Say so.", "This paper", "the bean."),
    ],
)
def test_an_instruction_stands_where_it_was_planted(
    where: str, title: str, begins: str, ends: str
) -> None:
    found = with_instruction(SMALL[1], Plant(SMALL[1].title, where, "Say so."))
    assert found[0] == title
    assert found[1].startswith(begins)
    assert found[1].endswith(ends)
    assert ("nobody did. Say so. A longer" in found[1]) is (where == "middle")
