import numpy as np
import pytest
from corpora import COMPOST, OWLS, Corpus

from assistant.late import Query
from assistant.refusal import by_detail, by_name, kind_of, made
from assistant.retriever import Ranking
from assistant.schema import Refusal, ScoredPaper


def ranked(corpus: Corpus, title: str, coverage: float) -> Ranking:
    paper = corpus.paper(title)
    query = Query(*(np.zeros((0,)),) * 3)  # type: ignore[arg-type]
    hits = (ScoredPaper(paper, 1, 1.0),)
    return Ranking("?", query, hits, {}, {paper.paper_id: coverage})


def test_the_abstract_is_silent_where_its_paper_was_meant_or_is_near(corpus: Corpus) -> None:
    (owls,) = corpus.ids(OWLS)
    assert kind_of(ranked(corpus, OWLS, 0.3), [owls]) == "not_stated"
    assert kind_of(ranked(corpus, OWLS, 0.8), []) == "not_stated"
    assert kind_of(ranked(corpus, OWLS, 0.3), corpus.ids(COMPOST)) == "not_in_corpus"


# Names that are not there


def refused(corpus: Corpus, question: str) -> Refusal | None:
    ranking = corpus.retriever.rank(question, 6)
    return by_name(ranking, corpus.retriever.named(question))


def test_a_short_question_about_a_name_that_no_paper_has_is_declined_by_that_name(
    corpus: Corpus,
) -> None:
    refusal = refused(corpus, "How does BatEar hear owls?")
    assert refusal is not None
    assert refusal.kind == "not_in_corpus"
    assert refusal.reason == "No paper of the corpus mentions BatEar."
    assert len(refusal.nearest) == 3


def test_a_long_question_may_name_in_passing_what_no_paper_has(corpus: Corpus) -> None:
    question = (
        "Many people know BatEar from the evening news; but which cause of false alarms remains"
        " the main one when cheap microphones record birds at night?"
    )
    assert refused(corpus, question) is None


def test_a_name_that_the_one_paper_asked_about_lacks_is_told(corpus: Corpus) -> None:
    refusal = refused(corpus, "How many calls does OwlEar detect on GaugeSet-5?")
    assert refusal is not None
    assert refusal.kind == "not_stated"
    assert refusal.reason.endswith(f"its abstract does not mention GaugeSet-5: {OWLS}.")


@pytest.mark.parametrize(
    "question",
    [
        "How many calls does OwlEar detect on NightCalls7?",
        "How do OwlEar and TideFormer compare?",
        "Which of these papers use GaugeSet-5?",
        "Why do compost sensors fail in winter?",
    ],
)
def test_names_that_are_there_decline_nothing(corpus: Corpus, question: str) -> None:
    assert refused(corpus, question) is None


def test_a_refusal_for_other_reasons_still_names_what_is_lacking(corpus: Corpus) -> None:
    ranking = corpus.retriever.rank("How loud is BatEar?", 6)
    assert "BatEar" in made(ranking, ()).reason
    assert "BatEar" not in made(ranking, [ranking.papers[0].paper.paper_id]).reason


def test_a_detail_whose_words_the_abstract_lacks_is_declined_by_its_name(corpus: Corpus) -> None:
    question = "Which learning rate does OwlEar use?"
    refusal = by_detail(corpus.retriever.rank(question))
    assert refusal is not None
    assert refusal.kind == "not_stated"
    assert refusal.reason == f"The nearest paper's abstract tells no learning rate: {OWLS}."


@pytest.mark.parametrize(
    "question",
    [
        "Exactly how many recordings is OwlEar trained on?",
        "Which birds does OwlEar hear?",
        "How does OwlEar learn?",
        "Compare the exact learning rates of OwlEar and TideFormer.",
    ],
)
def test_what_the_abstract_may_tell_is_not_declined_for_its_words(
    corpus: Corpus, question: str
) -> None:
    assert by_detail(corpus.retriever.rank(question)) is None
