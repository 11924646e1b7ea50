import itertools
import random

import pytest
from fakes import FakeEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.chunking import chunk
from assistant.schema import Chunk, Paper
from assistant.sentences import split


def paper(abstract: str, title: str = "A title", paper_id: str = "abcdef123456") -> Paper:
    return Paper(paper_id, title, abstract)


def sentences(count: int, words: int = 9) -> str:
    return " ".join(f"Sentence {n} has " + "some " * (words - 4) + "words." for n in range(count))


def uncovered(paper: Paper, chunks: list[Chunk]) -> str:
    seen = set(itertools.chain.from_iterable(range(c.start, c.end) for c in chunks))
    return "".join(c for n, c in enumerate(paper.abstract) if n not in seen).strip()


def test_a_short_abstract_is_one_chunk() -> None:
    one = paper("We propose a method. It works.")
    (only,) = chunk([one], FakeEncoder())
    assert only.text == one.abstract
    assert only.embedded_text == "A title\nWe propose a method. It works."


def test_a_long_abstract_is_chunks_of_whole_sentences_that_the_encoder_reads_whole() -> None:
    encoder, long = FakeEncoder(), paper(sentences(60))
    chunks = chunk([long], encoder)
    starts, ends = zip(*split(long.abstract), strict=True)
    assert len(chunks) > 3
    for piece in chunks:
        assert piece.text == long.abstract[piece.start : piece.end]
        assert piece.start in starts
        assert piece.end in ends
        assert encoder.count(piece.embedded_text) + 2 <= encoder.max_pieces
    assert uncovered(long, chunks) == ""


def test_neighbours_share_exactly_one_sentence() -> None:
    long = paper(sentences(60))
    for one, next_ in itertools.pairwise(chunk([long], FakeEncoder())):
        assert len(split(long.abstract[next_.start : one.end])) == 1


def test_a_sentence_longer_than_the_budget_is_cut_between_words_and_nothing_is_lost() -> None:
    words = [f"word{n}" for n in range(300)]
    long = paper(" ".join(words) + ". And a second sentence.")
    encoder = FakeEncoder()
    chunks = chunk([long], encoder)
    assert uncovered(long, chunks) == ""
    assert all(encoder.count(c.embedded_text) + 2 <= encoder.max_pieces for c in chunks)
    assert {word for c in chunks for word in c.text.split()} == set(long.abstract.split())


def test_a_repeated_sentence_is_placed_where_it_stands() -> None:
    same = paper("The very same words again. " * 60)
    chunks = chunk([same], FakeEncoder())
    assert uncovered(same, chunks) == ""
    assert len({c.chunk_id for c in chunks}) == len(chunks)


def test_a_title_longer_than_half_the_budget_gives_way_to_the_abstract() -> None:
    encoder = FakeEncoder(max_pieces=128)
    long = paper(sentences(40), title="long " * 500)
    chunks = chunk([long], encoder)
    assert all(encoder.count(c.embedded_text) + 2 <= 128 for c in chunks)
    assert all(encoder.count(c.title) > 50 for c in chunks)
    assert uncovered(long, chunks) == ""


def test_a_title_without_blanks_is_cut_all_the_same() -> None:
    encoder = FakeEncoder(max_pieces=128)
    (only,) = chunk([paper("Short text.", title="é-" * 400)], encoder)
    assert encoder.count(only.embedded_text) + 2 <= 128


def test_ids_are_the_same_every_time_and_change_with_the_words() -> None:
    encoder = FakeEncoder()
    ids = [c.chunk_id for c in chunk([paper(sentences(40))], encoder)]
    assert ids == [c.chunk_id for c in chunk([paper(sentences(40))], encoder)]
    assert all(id_.startswith("abcdef123456-") and len(id_) == 21 for id_ in ids)
    other = [c.chunk_id for c in chunk([paper(sentences(40), title="Another")], encoder)]
    assert not set(ids) & set(other)


def test_a_paper_without_an_abstract_has_no_chunks() -> None:
    assert chunk([paper("  ")], FakeEncoder()) == []
    assert chunk([], FakeEncoder()) == []


def test_chunks_come_in_the_order_of_the_papers() -> None:
    papers = [paper(sentences(12), paper_id=f"{n:012}") for n in (3, 1, 2)]
    order = [c.paper_id for c in chunk(papers, FakeEncoder())]
    assert list(dict.fromkeys(order)) == ["000000000003", "000000000001", "000000000002"]


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    chunk([paper(sentences(40), title="long " * 500)], FakeEncoder(max_pieces=128))
    assert capsys.readouterr() == ("", "")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10_000))
def test_no_text_is_lost_whatever_the_abstract_is_like(seed: int) -> None:
    rng = random.Random(seed)
    parts = [
        "word",
        "e.g.",
        "U-Net",
        "3.5",
        ".",
        "? ",
        "! ",
        "\n\n",
        "\n\n\n",
        " ",
        "\uff0c\u3002",
        "🧪",
        "a" * 200,
    ]
    any_ = paper(
        "".join(rng.choice(parts) + rng.choice(["", " "]) for _ in range(rng.randrange(400)))
    )
    encoder = FakeEncoder()
    chunks = chunk([any_], encoder)
    assert uncovered(any_, chunks) == ""
    assert all(c.text == any_.abstract[c.start : c.end] and c.text for c in chunks)
    assert all(encoder.count(c.embedded_text) + 2 <= encoder.max_pieces for c in chunks)
