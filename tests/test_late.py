import numpy as np
import pytest
from corpora import minilm

from assistant.late import (
    Part,
    Query,
    best_matches,
    coverage,
    parts_of,
    passages,
    pieces,
    query,
    unit,
)
from assistant.readings import states_of
from assistant.schema import Chunk

TITLE = "Ice"
ABSTRACT = "Ice flows downhill. Wax keeps water out. Owls hear mice at night."


def chunk(start: int, end: int, abstract: str = ABSTRACT) -> Chunk:
    return Chunk(f"p-{start}", "p", TITLE, abstract[start:end], start, end)


def read(*chunks: Chunk) -> list[Part]:
    texts = [one.embedded_text for one in chunks]
    return parts_of(zip(chunks, minilm().read(texts), strict=True))


def test_stored_states_become_unit_vectors_and_nothing_stays_nothing() -> None:
    states = unit(np.array([[127, 0], [3, 4], [0, 0]], np.int8))
    assert states == pytest.approx(np.array([[1, 0], [0.6, 0.8], [0, 0]]))


def test_each_piece_of_a_question_finds_its_best_match_and_counts_by_its_weight() -> None:
    asked = query(minilm(), "wax wax")
    states = unit(np.array([[1] * 64, [-1] * 64], np.int8))
    assert best_matches(asked, states) == pytest.approx((asked.states @ states.T).max(axis=1))
    assert coverage(asked, asked.states) == pytest.approx(1.0)
    assert coverage(asked, states) < 0.9


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40, 61])
@pytest.mark.parametrize("width", [0, 1, 15])
def test_the_best_match_is_the_best_however_many_pieces_there_are(count: int, width: int) -> None:
    random = np.random.default_rng(count)
    states = unit(random.integers(-127, 128, (count, 64)).astype(np.int8))
    asked = Query(states[:width], np.ones(min(width, count), np.float32), np.arange(width))
    if count:
        found = best_matches(asked, states)
        assert found.tolist() == (states @ asked.states.T).max(axis=0).tolist()
    assert best_matches(asked, states).shape == (min(width, count),)


def test_stop_words_tell_nothing() -> None:
    asked = query(minilm(), "Why is it that wax melts?")
    text = "Why is it that wax melts?"
    assert [text[start:].split()[0] for start in asked.starts] == ["wax", "melts?"]
    assert asked.weights.sum() == pytest.approx(1.0)
    assert asked.weights.min() > 0


def test_where_all_are_stop_words_all_of_them_count() -> None:
    asked = query(minilm(), "what is it")
    assert len(asked.weights) == 3
    assert asked.weights.sum() == pytest.approx(1.0)


def test_an_empty_question_covers_nothing_and_breaks_nothing() -> None:
    asked = query(minilm(), " ")
    assert len(asked.weights) == 0
    assert coverage(asked, query(minilm(), "wax melts").states) == 0.0


def test_nothing_covers_nothing() -> None:
    asked = query(minilm(), "wax melts")
    assert best_matches(asked, np.zeros((0, 64), np.float32)) == pytest.approx(np.zeros(2))
    assert coverage(asked, np.zeros((0, 64), np.float32)) == 0.0


def test_the_sentence_that_says_it_covers_a_question_best() -> None:
    found = passages(ABSTRACT, read(chunk(0, len(ABSTRACT))))
    asked = query(minilm(), "What keeps water out?")
    covers = [coverage(asked, passage.states) for passage in found]
    assert covers.index(max(covers)) == 1


def test_every_sentence_is_where_it_stands_with_its_own_pieces() -> None:
    found = passages(ABSTRACT, read(chunk(0, len(ABSTRACT))))
    assert [passage.text for passage in found] == [
        "Ice flows downhill.",
        "Wax keeps water out.",
        "Owls hear mice at night.",
    ]
    assert all(ABSTRACT[one.start : one.end] == one.text for one in found)
    # The title's pieces belong to no sentence.
    assert [len(one.states) for one in found] == [minilm().count(one.text) for one in found]


def test_a_sentence_in_two_chunks_is_read_from_one_that_holds_it_whole() -> None:
    second = ABSTRACT.index("Wax")
    third = ABSTRACT.index("Owls")
    one, other = chunk(0, third - 1), chunk(second, len(ABSTRACT))
    found = passages(ABSTRACT, read(other, one))
    wax = passages(ABSTRACT, read(one))[1]
    assert np.array_equal(found[1].states, wax.states)
    assert all(len(passage.states) for passage in found)
    # So is each of its pieces, where the whole abstract is looked through.
    assert np.array_equal(pieces(read(other, one)), states_of(found))


def test_a_sentence_cut_by_a_chunk_is_not_taken_from_it() -> None:
    cut = ABSTRACT.index("water")
    whole = chunk(ABSTRACT.index("Wax"), len(ABSTRACT))
    found = passages(ABSTRACT, read(chunk(0, cut), whole))
    assert len(found[1].states) == minilm().count("Wax keeps water out.")
    assert np.array_equal(found[1].states, passages(ABSTRACT, read(whole))[1].states)


def test_a_sentence_longer_than_a_chunk_is_read_in_parts() -> None:
    text = "Wax keeps water out of many things and owls hear mice at night."
    cut = text.index("of many")
    found = passages(text, read(chunk(0, cut, text), chunk(cut, len(text), text)))
    assert len(found) == 1
    assert len(found[0].states) == minilm().count(text)


def test_a_sentence_that_nothing_read_has_no_pieces() -> None:
    found = passages(ABSTRACT, read(chunk(0, ABSTRACT.index("Wax"))))
    assert [len(passage.states) > 0 for passage in found] == [True, False, False]
    (unread,) = passages("Wax.", [])
    assert (unread.paper_id, unread.text, unread.states.shape) == ("", "Wax.", (0, 64))
