"""No model is asked once the day's tokens are spent; what was spent outlives the process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant import Assistant, config
from assistant.budget import FILE, Budgeted, Ledger
from assistant.errors import BudgetSpent, ProviderInterrupted, StoreError
from assistant.schema import Message, Piece, Usage

ASK = [Message("user", "How do owls hunt?")]


class Model:
    """Says what it is told to."""

    model = "owl-1"
    server = "here"

    def __init__(self, *pieces: Piece, breaks: bool = False) -> None:
        self.pieces, self.breaks, self.asked = pieces, breaks, 0

    def stream(self, messages: object, *, max_tokens: int) -> Iterator[Piece]:
        self.asked += 1
        yield from self.pieces
        if self.breaks:
            raise ProviderInterrupted("it broke off")


def at(hour: int, day: int = 1) -> datetime:
    return datetime(2030, 5, day, hour, tzinfo=UTC)


def test_what_the_server_counted_is_noted_and_the_limit_holds(tmp_path: Path) -> None:
    model = Model(Piece("At night."), Piece("", Usage(90, 10, 1)))
    llm = Budgeted(model, Ledger(tmp_path, 150, lambda: at(23)))
    for _ in range(2):
        assert "".join(piece.text for piece in llm.stream(ASK, max_tokens=9)) == "At night."
    with pytest.raises(BudgetSpent, match=r"today's 150 tokens are spent: .* again in 3601 s"):
        next(iter(llm.stream(ASK, max_tokens=9)))
    assert model.asked == 2
    assert (llm.model, llm.server) == ("owl-1", "here")


def test_the_next_day_begins_anew_and_another_process_reads_the_same(tmp_path: Path) -> None:
    Ledger(tmp_path, 10, lambda: at(3)).add(10)
    with pytest.raises(BudgetSpent):
        Ledger(tmp_path, 10, lambda: at(9)).check()
    Ledger(tmp_path, 10, lambda: at(0, day=2)).check()


@pytest.mark.parametrize("left", [True, False], ids=["left", "broken"])
def test_a_reply_that_does_not_end_is_counted_by_us(tmp_path: Path, left: bool) -> None:
    ledger = Ledger(tmp_path, 1000, lambda: at(3))
    stream = Budgeted(Model(Piece("At "), Piece("night."), breaks=not left), ledger).stream(
        ASK, max_tokens=9
    )
    next(stream)
    if left:
        stream.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ProviderInterrupted):
            list(stream)
    assert 4 < ledger.spent() < 20


@pytest.mark.parametrize("kept", [b"", b"{", b"[]", b'{"day": 1}', b"\xff"])
def test_a_damaged_file_is_taken_for_none(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / FILE).write_bytes(kept)
    ledger = Ledger(tmp_path, 10)
    assert ledger.spent() == 0
    ledger.add(3)
    assert ledger.spent() == 3


def test_a_folder_that_takes_nothing_is_an_error_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"make room, or set answer.tokens_per_day = 0"):
        Ledger(tmp_path / "file", 10).add(1)


def test_all_corpora_of_a_data_folder_spend_the_same_tokens(tmp_path: Path) -> None:
    for name in ("", "owls"):
        flags = {
            "data.folder": str(tmp_path),
            "corpus.name": name,
            "answer.base_url": "http://127.0.0.1:9/v1",
            "answer.tokens_per_day": 10,
        }
        with Assistant(config.load(flags=flags, environ={})) as assistant:
            llm = assistant._llm_called("owl-1")
            assert isinstance(llm, Budgeted)
            llm._ledger.add(6)
    assert Ledger(tmp_path, 10).spent() == 12
