import numpy as np
import pytest
from corpora import OWLS, TIDES, Corpus, minilm, quoting_model

from assistant.late import Passage, query
from assistant.quoting import Quote, choose, quotes, trimmed
from assistant.readings import read_paper
from assistant.schema import Paper


def passages(*sentences: str) -> list[Passage]:
    return read_paper(minilm(), Paper("p", "Title", " ".join(sentences)))


def quoted(question: str, *sentences: str) -> list[str]:
    asked = query(minilm(), question)
    found = quotes(quoting_model(), question, asked, passages(*sentences))
    return [quote.passage.text for quote in found]


def quote(start: int, words: int, probability: float, paper_id: str = "p") -> Quote:
    text = " ".join(["word"] * words)
    states = np.zeros((0, 64), np.float32)
    return Quote(Passage(paper_id, start, start + 1, text, states), probability)


@pytest.mark.parametrize(
    ("question", "title", "sentence"),
    [
        ("On how many recordings is OwlEar trained?", OWLS, "OwlEar is trained on 40,000"),
        ("What causes false alarms in OwlEar?", OWLS, "Rain remains the main cause"),
        ("How many GPU hours does TideFormer need?", TIDES, "TideFormer needs 4 GPU hours"),
    ],
)
def test_the_sentence_that_answers_is_the_likeliest(
    corpus: Corpus, question: str, title: str, sentence: str
) -> None:
    found = read_paper(minilm(), corpus.paper(title))
    ranked = quotes(quoting_model(), question, query(minilm(), question), found)
    best = max(ranked, key=lambda quote: quote.probability)
    assert best.passage.text.startswith(sentence)
    assert all(0 < quote.probability < 1 for quote in ranked)
    assert [quote.passage for quote in ranked] == sorted(
        (quote.passage for quote in ranked), key=lambda passage: passage.start
    )


def test_where_the_code_lies_is_said_only_to_who_asks() -> None:
    told = ("We hear owls at night.", "Code is available at https://example.org/owl.")
    assert quoted("How are owls heard?", *told) == [told[0]]
    assert quoted("Is the code available?", *told) == list(told)


def test_a_result_that_names_a_link_is_kept() -> None:
    told = "OwlEar finds 9 percent more owls than the code at https://example.org/owl does."
    assert quoted("How many owls are found?", told, "It is night.") == [told, "It is night."]


def test_where_all_is_a_link_the_link_is_left() -> None:
    assert quoted("How are owls heard?", "Code is available at https://example.org/owl.")


def test_nothing_has_no_quotes() -> None:
    asked = query(minilm(), "How?")
    assert quotes(quoting_model(), "How?", asked, []) == []


def test_the_worthiest_sentences_are_chosen_in_the_order_given() -> None:
    found = [quote(0, 10, 0.3), quote(1, 10, 0.2), quote(2, 10, 0.9)]
    assert choose(found, 20, 0.0) == [found[0], found[2]]


def test_one_sentence_is_chosen_however_long_or_unlikely() -> None:
    found = [quote(0, 50, 0.01), quote(1, 50, 0.02)]
    assert choose(found, 20, 1.0) == [found[1]]


def test_a_sentence_too_long_is_left_out_and_a_shorter_one_taken() -> None:
    found = [quote(0, 10, 0.9), quote(1, 15, 0.8), quote(2, 5, 0.2), quote(3, 1, 0.05)]
    assert choose(found, 20, 0.0) == [found[0], found[2], found[3]]


def test_a_long_sentence_has_to_be_likelier_than_a_short_one() -> None:
    found = [quote(0, 16, 0.5), quote(1, 25, 0.5), quote(2, 4, 0.1), quote(3, 9, 0.5)]
    assert choose(found, 99, 0.12) == [found[0], found[3]]
    assert choose(found, 99, 0.10) == [found[0], found[1], found[3]]
    assert choose(found, 99, 0.05) == found


def test_of_the_first_paper_there_is_always_one() -> None:
    found = [quote(0, 9, 0.01), quote(1, 9, 0.02), quote(0, 9, 0.9, paper_id="q")]
    assert choose(found, 99, 0.1) == found[1:]
    assert choose(found, 9, 0.1) == [found[1]]


def test_of_nothing_nothing_is_chosen() -> None:
    assert choose([], 20, 0.5) == []


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("However, it costs 3 GPU days (see the appendix).", "It costs 3 GPU days."),
        ("In this paper, we propose OwlEar for owls.", "We propose OwlEar for owls."),
        ("To address this issue, vLLM pages its memory.", "vLLM pages its memory."),
        ("However, t-SNE shows four groups.", "t-SNE shows four groups."),
        ("It uses trees (e.g. oaks) and grass.", "It uses trees and grass."),
        ("It hears all owls, and the code is publicly available.", "It hears all owls."),
        ("It hears all (i.e. owls that do not hoot).",) * 2,
        ("Thus, it works.", "Thus, it works."),
        ("However hard it tries, it fails (again).", "However hard it tries, it fails (again)."),
        ("Then it rests.", "Then it rests."),
    ],
)
def test_a_quote_loses_its_connecting_word_and_its_asides(text: str, short: str) -> None:
    assert trimmed(text) == short
