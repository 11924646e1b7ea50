import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
from corpora import minilm
from numpy.typing import NDArray

from assistant.schema import EncoderIdentity, Reading
from assistant.verify.hearing import Hearing

CLAIMS = ["It detects 81.5 percent of the flight calls.", "Rain, naïvely, causes “alarms”.", "No."]


class Reads:
    """Reads a letter as a piece, and keeps what it was handed."""

    identity = EncoderIdentity("letters", 64, "00")

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.ones(len(pieces), np.float32)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        self.asked.append(list(texts))
        return [_letters(text) for text in texts]


def _letters(text: str) -> Reading:
    places = np.arange(len(text), dtype=np.int32)
    return Reading(places, places, np.zeros((len(text), 64), np.int8))


def test_the_first_of_the_claims_that_are_expected_brings_the_others_along() -> None:
    reader = Reads()
    hearing = Hearing(reader)
    hearing.expect(["one", "two", "two"])
    assert [len(hearing.read([text])[0].pieces) for text in ("two", "one", "four")] == [3, 3, 4]
    assert reader.asked == [["one", "two"], ["four"]]


def test_what_was_read_is_not_read_again_until_much_else_was() -> None:
    reader = Reads()
    hearing = Hearing(reader)
    for text in ("one", "one", *map(str, range(300)), "one"):
        hearing.read([text])
    assert reader.asked.count(["one"]) == 2
    assert len(hearing._kept) < 300
    hearing.expect([f"claim {number}" for number in range(300)])
    assert len(hearing._expected) < 300


def test_claims_read_together_are_read_as_each_alone() -> None:
    hearing = Hearing(minilm())
    hearing.expect(CLAIMS)
    for claim in CLAIMS:
        (together,), (alone,) = hearing.read([claim]), minilm().read([claim])
        assert all(np.array_equal(*pair) for pair in zip(together, alone, strict=True))


def test_where_pieces_begin_is_known_without_reading() -> None:
    long = " ".join(CLAIMS * 40)
    for text in (*CLAIMS, long, "", "\ud800 half a pair"):
        (read,) = minilm().read([text])
        assert np.array_equal(minilm().starts(text), read.starts)
        assert np.array_equal(Hearing(minilm()).starts(text), read.starts)
    assert Hearing(Reads()).starts("four").tolist() == [0, 1, 2, 3]


def test_matrices_are_multiplied_by_one_thread_unless_somebody_says_otherwise() -> None:
    tell = "import assistant, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    for given, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")):
        kept = {n: v for n, v in os.environ.items() if n != "OPENBLAS_NUM_THREADS"}
        command = [sys.executable, "-c", tell]
        done = subprocess.run(command, env={**kept, **given}, capture_output=True, check=True)
        assert done.stdout.decode().strip() == wanted
