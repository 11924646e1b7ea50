import threading
from pathlib import Path

import pytest
from stub_assistant import answer, sentence

from assistant.errors import StoreError, UsageError
from assistant.feedback import FILE, keep, kept
from assistant.records import answer_record

RECORD = answer_record(answer("Q?", sentence("It does [1].")))


def test_a_word_on_an_answer_is_kept_with_the_whole_answer(tmp_path: Path) -> None:
    keep(tmp_path, RECORD, "helpful", "  just what I sought ")
    (found,) = kept(tmp_path)
    assert (found.rating, found.note) == ("helpful", "just what I sought")
    assert found.answer["sentences"][0]["text"] == "It does [1]."
    assert found.time.endswith("+00:00")


def test_words_stand_in_the_order_they_came(tmp_path: Path) -> None:
    for rating in ("wrong", "helpful", "wrong"):
        keep(tmp_path, RECORD, rating)
    assert [one.rating for one in kept(tmp_path)] == ["wrong", "helpful", "wrong"]


def test_a_word_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rating 'meh': give helpful or wrong"):
        keep(tmp_path, RECORD, "meh")
    with pytest.raises(UsageError, match="shorten it to 2,000"):
        keep(tmp_path, RECORD, "wrong", "x" * 2_001)
    assert list(kept(tmp_path)) == []


def test_a_line_cut_short_costs_no_other(tmp_path: Path) -> None:
    keep(tmp_path, RECORD, "helpful")
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"time": "2026\n')
    keep(tmp_path, RECORD, "wrong")
    assert [one.rating for one in kept(tmp_path)] == ["helpful", "wrong"]


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=keep, args=(tmp_path, RECORD, "helpful", str(number)))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(one.note) for one in kept(tmp_path)) == list(range(20))


def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match=r"feedback\.jsonl: .*make room"):
        keep(tmp_path, RECORD, "helpful")
