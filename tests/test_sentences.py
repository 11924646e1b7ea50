from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.sentences import split, texts

PARTS = st.lists(
    st.sampled_from(
        ["We test", "e.g.", "U-Net", ".", "!", "?", "…", " ", "\n\n", "\n", "(", ")", "et al.",
         "3.5", "vLLM", "”", "。", "\u3000", "\U0001f642", "No.", "A."]
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("It works. It is fast.", "It works.", "It is fast."),
        ("Does it work? It does.", "Does it work?", "It does."),
        ("It works! 3) Then rest.", "It works!", "3) Then rest."),
        ("He said “it works.” Then he left.", "He said “it works.”", "Then he left."),
        ("It works (it really does). It is fast.", "It works (it really does).", "It is fast."),
        ("We use cats, dogs, etc. The rest is noise.", "We use cats, dogs, etc.",
         "The rest is noise."),
        ("We follow Lee et al. They were first.", "We follow Lee et al.", "They were first."),
        ("It works. vLLM is faster.", "It works.", "vLLM is faster."),
        ("It works. t-SNE shows it.", "It works.", "t-SNE shows it."),
        ("これは文です。次の文です。", "これは文です。", "次の文です。"),
        ("A heading\n\nA paragraph", "A heading", "A paragraph"),
        ("It gains more… Much more.", "It gains more…", "Much more."),
    ],
)  # fmt: skip
def test_a_stop_ends_a_sentence(text: str, first: str, second: str) -> None:
    assert texts(text) == [first, second]


@pytest.mark.parametrize(
    "text",
    [
        "We test e.g. U-Net and others.",
        "We test i.e. U-Net.",
        "See Fig. 3 and Eq. 4 for it.",
        "Lee et al. (2021) say so.",
        "It is due to J. Smith and A. B. Lee.",
        "It gains 3.5 points at 0.1 the cost.",
        "It asks (what is it? and why) for more.",
        "It was sold by Acme Inc. in 2021.",
        "It costs approx. twenty units.",
        "One line\nand another line of the same sentence",
        "Version 2.0.1 is out",
    ],
)
def test_an_abbreviation_a_number_or_a_bracket_does_not(text: str) -> None:
    assert texts(text) == [text]


def test_a_long_sentence_may_end_before_a_small_letter() -> None:
    text = "This sentence is long enough to be one. this one begins small."
    assert texts(text) == [text[:39], text[40:]]
    assert texts("Too short. to be one.") == ["Too short. to be one."]


def test_nothing_has_no_sentences() -> None:
    assert split("") == split(" \n\n ") == []


def test_a_span_is_where_the_sentence_stands() -> None:
    text = "  It works.\n\nIt is fast.  "
    assert split(text) == [(2, 11), (13, 24)]


@given(PARTS)
def test_no_word_is_lost_and_none_is_in_two_sentences(parts: list[str]) -> None:
    text = "".join(parts)
    spans = split(text)
    kept = "".join(text[start:end] for start, end in spans)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(one.end <= other.start for one, other in pairwise(spans))
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in spans)


def test_a_blank_lost_after_a_full_stop_ends_the_sentence_all_the_same() -> None:
    text = "It has a bidirectional LSTM.Experiments on MusDB show more (see U.Net)."
    assert texts(text) == [
        "It has a bidirectional LSTM.",
        "Experiments on MusDB show more (see U.Net).",
    ]
