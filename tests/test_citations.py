import re
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from assistant.citations import Renumbering, cited_sentences, numbers_in, without_marks

# What replies are made of, and what only looks like a mark.
REPLY = st.lists(
    st.sampled_from(
        ["It works", ".", " ", "  ", "\n", "[1]", "[2]", "[9]", " [3]", "[1, 3]", "[2-4]", "[^2]",
         "【1】", "【2†source】", "[Source 2]", "[0, 1]", "[", "]", "【", "[12", ", 3", "[a]", "[1",
         "1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]", "(1)", "\u00b9", "see", "[see 1]"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("mark", "numbers"),
    [
        ("[1]", [1]),
        ("[1, 3]", [1, 3]),
        ("[1;3]", [1, 3]),
        ("[1-3]", [1, 2, 3]),
        ("[1–3, 5]", [1, 2, 3, 5]),
        ("[3-1]", [3]),
        ("[1, 1]", [1]),
        ("[^2]", [2]),
        ("[1, ^2]", [1, 2]),
        ("【1】", [1]),
        ("【4†source】", [4]),
        ("[Source 2]", [2]),
        ("[ref. 7]", [7]),
        ("[papers 1, 2]", [1, 2]),
    ],
)
def test_every_form_of_a_mark_is_read(mark: str, numbers: list[int]) -> None:
    assert numbers_in(mark) == numbers
    assert cited_sentences(f"It works {mark}.") == [("It works.", tuple(numbers))]
    assert without_marks(f"It works {mark}.") == "It works."


@pytest.mark.parametrize("text", ["a[i] = 1", "[a1]", "(1)", "the interval [0, 1]", "[1.5]", "[]"])
def test_what_is_no_mark_stays(text: str) -> None:
    assert without_marks(text) == Renumbering(5).text(text) == text
    assert [numbers for _, numbers in cited_sentences(text)] in ([()], [])


def test_a_wide_range_is_not_spelled_out_for_ever() -> None:
    assert len(numbers_in("[1-999]")) < 30


@pytest.mark.parametrize(
    ("reply", "sentences"),
    [
        ("It works [1][2].", [("It works.", (1, 2))]),
        ("It works [1] [2].", [("It works.", (1, 2))]),
        ("It works [1], they say [2].", [("It works, they say.", (1, 2))]),
        ("It works. [1] It is fast. [2]", [("It works.", (1,)), ("It is fast.", (2,))]),
        ("It works.[1][3] It is fast.", [("It works.", (1, 3)), ("It is fast.", ())]),
        ("“It works.” [1] It is fast.", [("“It works.”", (1,)), ("It is fast.", ())]),
        ("On ice, as in Lee et al. [3] it works.", [("On ice, as in Lee et al. it works.", (3,))]),
        ("Good tools, e.g. [2], work well.", [("Good tools, e.g., work well.", (2,))]),
        ("Is it fast? [1] Yes [2].", [("Is it fast?", (1,)), ("Yes.", (2,))]),
        ("It works [1]; it works [1].", [("It works; it works.", (1,))]),
        ("[1]", []),
        ("...", []),
        ("", []),
    ],
)
def test_a_sentence_has_the_marks_before_and_behind_its_stop(
    reply: str, sentences: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert cited_sentences(reply) == sentences


@pytest.mark.parametrize("item", ["- ", "* ", "• ", "+ ", "1. ", "2) ", "  - "])
def test_each_item_of_a_list_is_a_sentence_of_its_own(item: str) -> None:
    reply = f"Two work:\n\n{item}OwlEar hears [1]\n{item}TideFormer sees [2].\n"
    assert cited_sentences(reply) == [
        ("Two work:", ()),
        ("OwlEar hears", (1,)),
        ("TideFormer sees.", (2,)),
    ]


def test_citations_are_numbered_in_the_order_of_first_citation() -> None:
    renumbering = Renumbering(5)
    assert renumbering.text("One [4]. Two [2][4]. Three [5, 2].") == (
        "One [1]. Two [2][1]. Three [3][2]."
    )
    assert renumbering.order == (4, 2, 5)
    assert renumbering.cite([2, 3]) == (2, 4)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("It works [9].", "It works."),
        ("It works [9][2].", "It works [1]."),
        ("It works [2, 9].", "It works [1]."),
        ("It works [0].", "It works."),
        ("It works. [9] It is fast [6].", "It works. It is fast."),
        ("It works [3][3].", "It works [1]."),
        ("It works [3-5].", "It works [1][2][3]."),
    ],
)
def test_a_number_of_no_source_is_dropped(reply: str, text: str) -> None:
    assert Renumbering(5).text(reply) == text


@given(REPLY, st.data())
@example("It works [1][1], and [2] [2].", None)
@example("[1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]", None)
@example("It works [9] [1]", None)
def test_a_stream_renumbers_as_the_whole_text_does(reply: str, data: st.DataObject | None) -> None:
    places = st.lists(st.integers(0, len(reply)), max_size=8)
    cuts = data.draw(places) if data else range(len(reply))
    pieces = [reply[a:b] for a, b in pairwise(sorted({0, *cuts, len(reply)}))]
    assert "".join(Renumbering(5).stream(pieces)) == Renumbering(5).text(reply)


@pytest.mark.parametrize("reply", ["One [1][2] and [4].", "A【3†src】. B [Source 1]. C [0, 1]."])
def test_a_stream_may_be_split_anywhere(reply: str) -> None:
    whole = Renumbering(5).text(reply)
    for cut in range(len(reply) + 1):
        pieces = [reply[:cut], reply[cut:]]
        assert "".join(Renumbering(5).stream(pieces)) == whole
    assert "".join(Renumbering(5).stream(reply)) == whole


def test_a_stream_holds_back_no_more_than_what_may_become_a_mark() -> None:
    given = iter(["It works", " and", " how [", "1", "] well", " [see", " it] too", "."])
    heard = list(Renumbering(5).stream(given))
    assert heard == ["It works", " and", " how", " [1] well", " [see it] too", "."]


@given(REPLY)
def test_every_mark_left_stands_for_a_cited_source(reply: str) -> None:
    # Brackets in brackets may become a mark once the inner one is dropped.
    assume(not re.search(r"[\[【][^\]】]*[\[【]", reply))
    renumbering = Renumbering(5)
    text = renumbering.text(reply)
    left = {n for sentence in cited_sentences(text) for n in sentence.numbers}
    assert left <= set(range(1, len(renumbering.order) + 1))
