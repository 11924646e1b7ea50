"""Titles into the words of a question."""

import pytest

from assistant.schema import Paper
from assistant.titles import Casing, infinitive, is_task, named, phrases, subject

TEXT = "we use Mamba, a model, and Mamba again, for brains and images of the brain"
CASING = Casing.of([TEXT])


def paper(title: str, abstract: str = TEXT) -> Paper:
    return Paper("id", title, abstract)


def test_a_name_before_a_colon_is_a_name() -> None:
    assert named(paper("Mamba: A Model of the Brain")) == ("Mamba", "A Model of the Brain", True)
    assert named(paper("Boa:A Model")) == ("Boa", "A Model", False)


@pytest.mark.parametrize(
    "title",
    ["No colon", "Much too long to be a name: A Model", "A: B: C", "$x$: A Model", ": A", "A:"],
)
def test_what_only_looks_like_a_name_is_none(title: str) -> None:
    assert named(paper(title)) is None


def test_a_capital_stays_where_the_texts_write_one() -> None:
    assert CASING.plain("Images of the Brain for Mamba") == "images of the brain for Mamba"
    assert CASING.plain("GPU Images for NetB2") == "GPU images for NetB2"


@pytest.mark.parametrize("title", ["Images of Verona", r"Images \& Brains", "", "A -- B"])
def test_a_spelling_that_would_be_a_guess_is_none(title: str) -> None:
    assert CASING.plain(title) == ""


@pytest.mark.parametrize(
    ("title", "deed"),
    [
        ("Measuring the Brain", "measure the brain"),
        ("Mapping and Comparing Images", "map and compare images"),
        ("Scaling Up Images", "scale up images"),
        ("Mapping and Sleeping Images", ""),
        ("Bring Images", ""),
        ("Measuring", ""),
    ],
)
def test_a_title_that_does_something_says_what(title: str, deed: str) -> None:
    assert infinitive(title, CASING) == deed


def test_what_follows_a_question_word_is_its_subject() -> None:
    assert subject("Why Brains Use Images", "Why", CASING) == "brains use images"
    assert subject("How Brains Use Images", "Why", CASING) == ""


def test_phrases_end_at_stop_words_and_signs() -> None:
    found = list(phrases("Brain Image Segmentation for Cats, Dogs"))
    assert found == ["brain image segmentation", "brain image", "image segmentation"]


@pytest.mark.parametrize("phrase", ["speech recognition", "image generation", "text-to-image"])
def test_a_task_is_something_to_be_done(phrase: str) -> None:
    assert is_task(phrase)


@pytest.mark.parametrize("phrase", ["computer vision", "attention", "machine learning", "A for B"])
def test_a_thing_is_no_task(phrase: str) -> None:
    assert not is_task(phrase)
