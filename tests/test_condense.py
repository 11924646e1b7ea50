from pathlib import Path

import pytest
from corpora import BEES, COMPOST, GLACIERS, OWLS, TIDES, Corpus
from fakes import FakeLLM

from assistant.condense import by_model, by_rules
from assistant.prompts import Prompts
from assistant.schema import Filters, Turn, Usage

PROMPTS = Path(__file__).parents[1] / "prompts"
OWL_TURN = Turn("How does OwlEar hear birds?", "OwlEar detects flight calls [1].")
BOTH = Turn("Which networks read sensors?", "TideFormer reads gauges [1]. OwlEar hears birds [2].")


def ask(corpus: Corpus, question: str, *history: Turn, filters: Filters | None = None) -> str:
    return by_rules(corpus.retriever, question, history, filters or Filters())


def about(question: str, title: str) -> str:
    return f"{question} (about “{title}”)"


def test_a_question_that_stands_alone_is_left_as_it_is(corpus: Corpus) -> None:
    question = "Why do compost sensors fail in winter?"
    assert ask(corpus, question, OWL_TURN) == question


@pytest.mark.parametrize(
    "question", ["Who won the world cup?", "How do I bake bread?", "What is the capital of France?"]
)
def test_a_short_question_about_something_else_is_left_as_it_is(
    corpus: Corpus, question: str
) -> None:
    assert ask(corpus, question, OWL_TURN) == question


@pytest.mark.parametrize("question", ["Which calls?", "Why?", "How are calls detected?"])
def test_a_short_question_of_what_the_paper_speaks_of_is_about_it(
    corpus: Corpus, question: str
) -> None:
    assert ask(corpus, question, OWL_TURN) == about(question, OWLS)


def test_a_question_that_names_its_paper_is_left_as_it_is(corpus: Corpus) -> None:
    assert ask(corpus, "And is TideFormer fast?", OWL_TURN) == "And is TideFormer fast?"


def test_a_question_about_it_is_about_the_paper_of_the_last_turn(corpus: Corpus) -> None:
    assert ask(corpus, "How fast is it? ", OWL_TURN) == about("How fast is it?", OWLS)


def test_the_last_turn_counts_more_than_those_before(corpus: Corpus) -> None:
    later = Turn("What is TideFormer?", "TideFormer is a transformer [1].")
    assert ask(corpus, "How fast is it?", OWL_TURN, later) == about("How fast is it?", TIDES)


def test_the_name_in_the_question_counts_more_than_those_in_the_answer(corpus: Corpus) -> None:
    turn = Turn("What does GlacierMesh refine?", "Its grid, as TideFormer its forecasts [1].")
    assert ask(corpus, "Is it fast?", turn) == about("Is it fast?", GLACIERS)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How fast is the second one?", OWLS),
        ("How fast is the latter?", OWLS),
        ("And the other?", OWLS),
        ("How fast is the first one?", TIDES),
        ("How fast is the former?", TIDES),
        ("How fast is it?", TIDES),
    ],
)
def test_first_and_last_are_counted_in_the_answer(
    corpus: Corpus, question: str, title: str
) -> None:
    assert ask(corpus, question, BOTH) == about(question, title)


def test_the_second_of_three_is_not_the_last(corpus: Corpus) -> None:
    turn = Turn("Which networks are there?", "TideFormer [1], OwlEar [2] and GlacierMesh [3].")
    assert ask(corpus, "Is the second fast?", turn) == about("Is the second fast?", OWLS)
    assert ask(corpus, "Is the last fast?", turn) == about("Is the last fast?", GLACIERS)


def test_a_turn_without_names_is_searched_for(corpus: Corpus) -> None:
    turn = Turn("Why do compost sensors fail in winter?", "Water freezes in the connectors [1].")
    assert ask(corpus, "How is that avoided?", turn) == about("How is that avoided?", COMPOST)


def test_what_is_searched_for_keeps_to_the_filters(corpus: Corpus) -> None:
    turn = Turn("Why do compost sensors fail in winter?", "Water freezes [1].")
    question = "How is that avoided?"
    assert ask(corpus, question, turn, filters=Filters(year=2019)) == about(question, BEES)
    assert ask(corpus, question, turn, filters=Filters(year=1990)) == question


def test_a_turn_that_says_nothing_is_passed_over(corpus: Corpus) -> None:
    empty = Turn("And why?", "Nobody knows.")
    assert ask(corpus, "How fast is it?", OWL_TURN, empty) == about("How fast is it?", OWLS)
    assert ask(corpus, "How fast is it?", empty) == "How fast is it?"


def test_a_model_rewrites_the_question_with_the_history_before_it() -> None:
    llm = FakeLLM("How fast is OwlEar?", usage=Usage(50, 5, 1))
    asked = by_model(llm, Prompts.load(PROMPTS), "How fast is it?", [OWL_TURN])
    assert asked == ("How fast is OwlEar?", Usage(50, 5, 1))
    told = llm.asked[0][-1].content
    assert told.index("OwlEar detects flight calls") < told.index("How fast is it?")
    assert llm.max_tokens[0] <= 500


@pytest.mark.parametrize(
    "reply", ['"How fast is OwlEar?"', "Here it is:\n\n“How fast is OwlEar?”\n"]
)
def test_quotation_marks_and_introductions_of_a_model_are_taken_off(reply: str) -> None:
    prompts = Prompts.load(PROMPTS)
    assert by_model(FakeLLM(reply), prompts, "?", [OWL_TURN])[0] == "How fast is OwlEar?"


@pytest.mark.parametrize("reply", ["", " \n "])
def test_where_a_model_says_nothing_the_question_stays(reply: str) -> None:
    prompts = Prompts.load(PROMPTS)
    assert by_model(FakeLLM(reply), prompts, "How fast is it?", [OWL_TURN])[0] == "How fast is it?"
