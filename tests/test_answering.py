from collections.abc import Generator, Sequence

import numpy as np
import pytest
from fakes import FakeLLM

from assistant.answering import embedded, generated, short_name
from assistant.citations import Draft
from assistant.errors import ProviderError, ProviderInterrupted
from assistant.late import Passage
from assistant.prompts import CANNOT_ANSWER
from assistant.quoting import Quote
from assistant.schema import Message, Paper, ScoredPaper, Usage

ASKED = [Message("user", "Who hears owls?")]
PAPERS = [
    ScoredPaper(Paper(f"p{number}", f"Net{number}: A Network", "It works."), number, 1.0 / number)
    for number in range(1, 6)
]


def quote(text: str) -> Quote:
    return Quote(Passage("p", 0, len(text), text, np.zeros((0, 64), np.float32)), 0.9)


def run(steps: Generator[str, None, Draft]) -> tuple[list[str], Draft]:
    """What was streamed, and the draft in the end."""
    heard = []
    while True:
        try:
            heard.append(next(steps))
        except StopIteration as end:
            return heard, end.value


def told(reply: str | Sequence[str]) -> tuple[str, Draft]:
    heard, draft = run(generated(FakeLLM(reply), ASKED, PAPERS, 800))
    return "".join(heard), draft


def test_quotes_are_cited_one_by_one() -> None:
    chosen = [(PAPERS[0], [quote("Owls hear."), quote("However, it sees all owls.")])]
    heard, draft = run(embedded(chosen))
    assert draft.text == "".join(heard) == "Owls hear. [1] It sees all owls. [1]"
    assert draft.sentences == (("Owls hear.", (1,)), ("It sees all owls.", (1,)))
    assert draft.papers == (PAPERS[0],)
    assert not draft.refused


@pytest.mark.parametrize(
    "text",
    ["It hears.", "However, our nets hear all owls.", "These hear.", "The proposed net hears."],
)
def test_an_answer_names_the_paper_where_it_opens_with_a_word_that_points_back(text: str) -> None:
    heard, draft = run(embedded([(PAPERS[0], [quote(text), quote("It sees.")])]))
    assert draft.text == "".join(heard)
    assert draft.text.startswith("Net1: ")
    assert draft.text.count("Net1") == 1
    assert [sentence.text for sentence in draft.sentences][1] == "It sees."


def test_who_says_this_paper_need_not_be_named() -> None:
    _, draft = run(embedded([(PAPERS[0], [quote("This paper hears owls.")])]))
    assert draft.text == "This paper hears owls. [1]"


def test_several_papers_have_a_line_each_with_their_name() -> None:
    chosen = [(PAPERS[2], [quote("It hears.")]), (PAPERS[0], [quote("It sees."), quote("Yes.")])]
    heard, draft = run(embedded(chosen))
    assert draft.text == "".join(heard) == "- Net3: It hears. [1]\n- Net1: It sees. [2] Yes. [2]"
    assert draft.papers == (PAPERS[2], PAPERS[0])
    assert [sentence.numbers for sentence in draft.sentences] == [(1,), (2,), (2,)]


def test_a_paper_without_a_quote_has_no_number() -> None:
    chosen = [(PAPERS[0], []), (PAPERS[1], [quote("It hears.")])]
    _, draft = run(embedded(chosen))
    assert draft.papers == (PAPERS[1],)
    assert draft.text.endswith("It hears. [1]")


def test_nothing_chosen_says_nothing() -> None:
    assert run(embedded([])) == ([], Draft("", (), ()))


def test_a_reply_is_streamed_as_it_comes_and_its_citations_are_renumbered() -> None:
    heard, draft = told("Net3 hears owls [3]. Net1 does not [1][3].")
    assert heard == draft.text == "Net3 hears owls [1]. Net1 does not [2][1]."
    assert draft.sentences == (("Net3 hears owls.", (1,)), ("Net1 does not.", (2, 1)))
    assert draft.papers == (PAPERS[2], PAPERS[0])
    assert draft.others == (PAPERS[1], PAPERS[3], PAPERS[4])


def test_the_first_words_do_not_wait_for_the_last() -> None:
    steps = generated(FakeLLM(["Net3", " hears", " owls [3]."]), ASKED, PAPERS, 800)
    assert next(steps) == "Net3"


def test_the_model_is_asked_once_within_its_limit_and_its_usage_is_kept() -> None:
    llm = FakeLLM("It works [1].", usage=Usage(700, 9, 1))
    _, draft = run(generated(llm, ASKED, PAPERS, 321))
    assert (llm.asked, llm.max_tokens, draft.usage) == ([ASKED], [321], Usage(700, 9, 1))


def test_a_reply_without_citations_is_a_draft_without_papers() -> None:
    heard, draft = told("Owls are heard by a network.")
    assert heard == draft.text == "Owls are heard by a network."
    assert draft.sentences == (("Owls are heard by a network.", ()),)
    assert (draft.papers, draft.others) == ((), tuple(PAPERS))


def test_a_citation_of_no_source_is_dropped() -> None:
    heard, draft = told("Owls are heard [9]. They are seen [2][9].")
    assert heard == draft.text == "Owls are heard. They are seen [1]."
    assert [sentence.numbers for sentence in draft.sentences] == [(), (1,)]
    assert draft.papers == (PAPERS[1],)


def test_each_bullet_is_a_sentence() -> None:
    heard, draft = told("These hear owls:\n- Net2 does [2]\n- Net1 does, too [1].\n")
    assert heard.strip() == draft.text == "These hear owls:\n- Net2 does [1]\n- Net1 does, too [2]."
    assert draft.sentences == (
        ("These hear owls:", ()),
        ("Net2 does", (1,)),
        ("Net1 does, too.", (2,)),
    )


@pytest.mark.parametrize(
    "reply",
    [
        CANNOT_ANSWER,
        f"\n {CANNOT_ANSWER}\n",
        list(CANNOT_ANSWER),
        [CANNOT_ANSWER[:11], CANNOT_ANSWER[11:]],
        f"{CANNOT_ANSWER} Ask me another.",
    ],
)
def test_the_sentence_of_refusal_is_never_streamed(reply: str | Sequence[str]) -> None:
    heard, draft = told(reply)
    assert heard == ""
    assert draft.refused
    assert (draft.text, draft.sentences, draft.papers) == ("", (), ())
    assert draft.others == tuple(PAPERS)
    assert draft.usage.requests == 1


def test_what_only_begins_like_a_refusal_is_streamed_whole() -> None:
    reply = "The abstracts given do not differ: both hear owls [1][2]."
    heard, draft = told(list(reply))
    assert heard == draft.text == reply
    assert not draft.refused


def test_a_reply_that_ends_before_it_differs_from_a_refusal_is_streamed() -> None:
    heard, draft = told("The abstracts")
    assert heard == draft.text == "The abstracts"


@pytest.mark.parametrize("reply", ["", [" ", "\n"]])
def test_an_empty_reply_is_an_error_with_its_cure(reply: str | Sequence[str]) -> None:
    with pytest.raises(ProviderError, match="fake answered with nothing: ask again, or"):
        told(reply)


def test_a_failure_of_the_server_is_passed_on() -> None:
    steps = generated(FakeLLM(ProviderInterrupted("cut")), ASKED, PAPERS, 800)
    with pytest.raises(ProviderInterrupted):
        run(steps)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("OwlEar: Hearing Owls", "OwlEar"),
        ("A Survey of Owls", "A Survey of Owls"),
        ("w" * 60, "w" * 60),
        ("w" * 58 + " " + "w" * 9, "w" * 58 + "…"),
    ],
)
def test_a_paper_is_called_by_the_name_before_the_colon(title: str, name: str) -> None:
    assert short_name(title) == name


def test_a_reference_inside_an_abstract_passes_for_no_citation_of_ours() -> None:
    _, draft = run(embedded([(PAPERS[0], [quote("OwlNet beats others [12].")])]))
    assert draft.text == "OwlNet beats others. [1]"
