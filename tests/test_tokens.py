import subprocess
import sys

import pytest

from assistant import tokens
from assistant.errors import ConfigError


def test_a_text_is_counted_by_the_tables_of_its_model() -> None:
    assert tokens.count("hello world") == 2
    assert tokens.count("hello world", "gpt-4") == 2
    assert tokens.count("") == 0
    russian = "Съешь же ещё этих мягких французских булок"
    assert tokens.count(russian, "gpt-4o") < tokens.count(russian, "gpt-4")


@pytest.mark.parametrize("model", ["llama3.2:3b", "text-davinci-003", "gpt-oss-20b", "", "☃"])
def test_a_model_without_shipped_tables_is_counted_as_a_recent_one(model: str) -> None:
    assert tokens.count("tokenization of words", model) == tokens.count(
        "tokenization of words", "gpt-4o"
    )


def test_special_tokens_in_a_text_are_words_like_any_other() -> None:
    assert tokens.count("<|endoftext|> <|im_start|>") > 2


def test_the_head_that_fits_is_the_longest_that_does_not_pass_the_budget() -> None:
    texts = ["one two three"] * 4
    each = tokens.count(texts[0])
    assert tokens.head_that_fits(texts, 3 * each) == 3
    assert tokens.head_that_fits(texts, 3 * each - 1) == 2
    assert tokens.head_that_fits(texts, 100) == 4
    assert tokens.head_that_fits(texts, 0) == 0
    assert tokens.head_that_fits([], 10) == 0


def test_a_clipped_text_is_a_beginning_of_it_and_fits() -> None:
    assert tokens.clip("short", 10) == "short"
    clipped = tokens.clip("emoji 🧪🧬🔬 and words " * 50, 7)
    assert ("emoji 🧪🧬🔬 and words " * 50).startswith(clipped)
    assert tokens.count(clipped) <= 7


def test_a_flood_is_clipped_without_tokenising_all_of_it() -> None:
    assert tokens.count(tokens.clip("word " * 1_000_000, 100)) == 100


def test_counting_needs_neither_a_network_nor_llama_index() -> None:
    code = (
        "import sys, socket; socket.socket = None\n"
        "from assistant import tokens\n"
        "assert tokens.count('hello world') == 2\n"
        "assert 'llama_index.core' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_tables_name_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="reinstall llama-index-core"):
        tokens._tables()
