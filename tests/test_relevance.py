from pathlib import Path

import numpy as np
import pytest
from corpora import minilm, quoting_model

from assistant.encoder import MODELS
from assistant.errors import ConfigError
from assistant.late import Passage, query
from assistant.readings import read_paper
from assistant.relevance import AXES, FEATURES, Relevance, clauses, features, spread
from assistant.schema import Paper


def passages(*sentences: str) -> list[Passage]:
    return read_paper(minilm(), Paper("p", "Title", " ".join(sentences)))


def column(question: str, name: str, *sentences: str) -> list[float]:
    found = passages(*sentences)
    rows = features(question, query(minilm(), question), found, quoting_model().axes)
    assert rows.shape == (len(sentences), len(FEATURES))
    return [float(value) for value in rows[:, FEATURES.index(name)]]


@pytest.mark.parametrize(
    ("question", "name", "expected"),
    [
        ("Who hears owls?", "number_not_wanted", [0.25, 0.0]),
        ("How many owls?", "number_not_wanted", [0.0, 0.0]),
        ("How many owls?", "number_missing", [0.0, 1.0]),
        ("How does it hear owls?", "method_wanted", [1.0, 0.0]),
        ("Who hears owls?", "method_not_wanted", [1.0, 0.0]),
        ("Why do owls hoot?", "place_of_reason", [0.0, 0.5]),
        ("Who hears owls?", "place_of_reason", [0.0, 0.0]),
        ("Who hears owls?", "first", [1.0, 0.0]),
        ("Who hears owls?", "last", [0.0, 1.0]),
        ("Who hears owls?", "sentences_before", [0.0, 1.0]),
        ("Who hears owls?", "sentences_after", [1.0, 0.0]),
        ("Who hears owls?", "refers_back", [0.0, 1.0]),
        ("Who hears owls?", "digit", [1.0, 0.0]),
        ("Who hears owls?", "question_words", [0.15, 0.15]),
    ],
)
def test_a_sentence_is_weighed_by_what_is_wanted(
    question: str, name: str, expected: list[float]
) -> None:
    told = ("We propose to count 12 owls.", "They hoot because of.")
    assert column(question, name, *told) == pytest.approx(expected)


def test_a_sentence_is_weighed_against_the_best_of_its_paper_and_by_its_neighbours() -> None:
    told = ("Owls hear mice.", "The sky is blue.", "Glass breaks.")
    below = column("What do owls hear?", "coverage_below_best", *told)
    assert below[0] == 0.0
    assert max(below[1:]) < 0.0
    before = column("What do owls hear?", "coverage_before", *told)
    after = column("What do owls hear?", "coverage_after", *told)
    assert before == pytest.approx([-0.5, below[0], below[1]])
    assert after == pytest.approx([below[1], below[2], -0.5])
    assert column("What do owls hear?", "share_best_covered", *told)[0] == pytest.approx(1.0)


def test_the_thing_asked_for_and_the_last_clause_are_looked_for() -> None:
    told = ("It hears 40 owls.", "It was built in spring, of glass.")
    question = "It hears 40 owls; which glass material was it built of that spring?"
    thing = column(question, "thing_below_best", *told)
    assert thing[1] == 0.0 > thing[0]
    last = column(question, "last_clause_below_best", *told)
    assert last[1] == 0.0 > last[0]
    assert column("Does it hear owls?", "thing_covered", *told) == pytest.approx([0.6, 0.6])


def test_what_repeats_the_question_or_the_abstract_is_told_from_what_is_new() -> None:
    told = ("Owls hear mice.", "Owls hear mice at night.", "Glass is made of molten sand.")
    echo, unasked, repeated = (
        column("Do owls hear mice?", name, *told) for name in ("echo", "unasked", "repeated")
    )
    assert min(echo[:2]) > echo[2]
    assert max(unasked[:2]) < unasked[2]
    assert min(repeated[:2]) > repeated[2]
    assert column("Do owls hear mice?", "repeated", "Owls hear mice.") == [0.0]


def test_background_and_links_are_marked() -> None:
    told = ("Recently owls became rare.", "See https://owl.org.", "It achieves more.")
    assert column("Who?", "background", *told) == [1.0, 0.0, 0.0]
    assert column("Who?", "link", *told) == [0.0, 1.0, 0.0]


def test_a_sentences_part_is_how_it_differs_from_its_abstract() -> None:
    found = passages("Owls hear mice.", "The sky is blue.", "We reach 90 percent.")
    assert spread(found).sum(axis=0) == pytest.approx(np.zeros(64), abs=1e-6)
    assert spread(found[:1]) == pytest.approx(np.zeros((1, 64)))
    told = [passage.text for passage in found]
    for axis in range(AXES):
        part = column("How many?", f"part_{axis}", *told)
        assert max(part) > 0 > min(part)
        assert column("How many?", f"part_of_number_{axis}", *told) == part
        assert column("How many?", f"part_of_reason_{axis}", *told) == pytest.approx([0.0] * 3)


def test_a_question_falls_into_its_clauses() -> None:
    question = "It hears owls; what is it made of, and how large is it?"
    told = [question[start:end] for start, end in clauses(question)]
    assert "".join(told) == question
    assert [text.strip(" ,;?") for text in told if text.strip(" ,;?")] == [
        "It hears owls",
        "what is it made of",
        "and how large is it",
    ]


@pytest.mark.parametrize("axes", ["[]", "[[1.0, 2.0]]", '"none"', "[1.0]"])
def test_a_model_without_its_axes_is_named(tmp_path: Path, axes: str) -> None:
    whole = (MODELS / "quoting.json").read_text(encoding="utf-8")
    path = tmp_path / "quoting.json"
    path.write_text(whole[: whole.index('"axes"')] + f'"axes": {axes}}}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quoting\.json is damaged: reinstall"):
        Relevance.load(path)
