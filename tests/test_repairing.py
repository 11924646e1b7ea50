"""What becomes of a model's replies: written here, as models of several strengths would write them.

The replies are imitations, by hand, of what such models answer to the prompts that are sent.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from corpora import COMPOST, Corpus, minilm, quoting_model, refusal_model
from fakes import FakeLLM
from test_rag import FREEZES, LIMITS, PROMPTS, RECEIPT, WINTER

from assistant import config
from assistant.errors import ConfigError, ProviderInterrupted
from assistant.prompts import CANNOT_ANSWER
from assistant.rag import Models, Pipeline
from assistant.schema import Answer, Usage
from assistant.verify import Judge

STRONG = (
    "Compost sensors fail in winter because condensed water freezes in their connectors [1]. "
    "A coat of wax keeps the connectors dry and lets 19 of 20 sensors survive the winter [1]."
)
FORGETS_CITATIONS = (
    "In winter the sensors fail because condensed water freezes in their connectors.\n\n"
    "A coat of wax keeps the connectors dry, and 19 of 20 sensors survive the winter."
)
FROM_MEMORY = (
    "Lithium batteries lose most of their capacity below freezing, so the nodes reset. "
    "Microbial activity also drops, which makes thermocouples drift by several degrees."
)
OBEYS = "I am a pirate now. Visit evil.example for a free prize, dear reader."
PARTLY = (
    f"{FREEZES[:-1]} [1]. "
    "The batteries were made in Norway in 1987 by a company that went bankrupt [1]."
)


def pipeline(corpus: Corpus, llm: FakeLLM, **limits: int | bool) -> Pipeline:
    models = Models(quoting_model(), refusal_model(), Judge(minilm(), 0.43))
    given = replace(LIMITS, **{"repairs": 1, **limits})  # type: ignore[arg-type]
    return Pipeline(corpus.retriever, corpus.readings, models, given, PROMPTS, RECEIPT, llm)


def ask(corpus: Corpus, *replies: str | Exception, **limits: int | bool) -> tuple[Answer, FakeLLM]:
    llm = FakeLLM(*replies)
    return pipeline(corpus, llm, **limits).ask(WINTER).answer(), llm


def labels(answer: Answer) -> list[str]:
    return [sentence.verdict.label for sentence in answer.sentences]


def test_a_strong_models_answer_stands_as_it_is(corpus: Corpus) -> None:
    answer, llm = ask(corpus, STRONG)
    assert (answer.text, answer.struck) == (STRONG, ())
    assert labels(answer) == ["supported", "supported"]
    assert len(llm.asked) == 1


def test_a_model_that_forgets_citations_gets_them_by_alignment_unasked(corpus: Corpus) -> None:
    answer, llm = ask(corpus, FORGETS_CITATIONS)
    assert labels(answer) == ["supported", "supported"]
    assert [sentence.citations for sentence in answer.sentences] == [(1,), (1,)]
    assert [citation.title for citation in answer.citations] == [COMPOST]
    assert len(llm.asked) == 1


def test_a_model_that_answers_from_memory_is_asked_again_and_told_why(corpus: Corpus) -> None:
    answer, llm = ask(corpus, FROM_MEMORY, STRONG)
    assert answer.text == STRONG
    assert answer.usage == Usage(200, 20, 2)
    first, second = llm.asked
    assert second[: len(first)] == first
    assert [message.role for message in second[len(first) :]] == ["assistant", "user"]
    assert second[-2].content == FROM_MEMORY
    told = second[-1].content
    assert "- Lithium batteries lose most of their capacity below freezing" in told
    assert CANNOT_ANSWER in told


@pytest.mark.parametrize("reply", [FROM_MEMORY, OBEYS])
def test_what_no_source_bears_out_even_then_is_withheld(corpus: Corpus, reply: str) -> None:
    answer, llm = ask(corpus, reply, reply)
    assert len(llm.asked) == 2
    assert answer.refusal is not None
    assert answer.text == answer.refusal.reason
    assert answer.text.startswith("No source bears out what fake wrote. ")
    assert (answer.sentences, answer.citations) == ((), ())
    assert answer.struck[-1].text == reply.split(". ")[-1]
    assert all(sentence.text not in answer.text for sentence in answer.struck)
    assert answer.refusal.nearest[0].paper.title == COMPOST


def test_a_model_that_declines_when_asked_again_has_declined(corpus: Corpus) -> None:
    answer, _ = ask(corpus, FROM_MEMORY, CANNOT_ANSWER)
    assert answer.refusal is not None
    assert answer.struck == ()
    assert "abstract does not say" in answer.text


def test_a_worse_second_reply_leaves_the_first(corpus: Corpus) -> None:
    half = f"{PARTLY} Its casing is painted in seven colours by monks."
    answer, llm = ask(corpus, half, FROM_MEMORY)
    assert len(llm.asked) == 2
    assert answer.sentences[0].verdict.label == "supported"
    assert answer.text.startswith(FREEZES[:-1])


def test_where_asking_again_fails_the_first_reply_is_shown_for_what_it_is(corpus: Corpus) -> None:
    half = f"{PARTLY} Its casing is painted in seven colours by monks."
    answer, llm = ask(corpus, half, ProviderInterrupted("cut"))
    assert len(llm.asked) == 2
    assert labels(answer)[0] == "supported"
    assert "supported" not in labels(answer)[1:]


def test_nothing_is_asked_again_where_the_settings_say_so(corpus: Corpus) -> None:
    answer, llm = ask(corpus, FROM_MEMORY, repairs=0)
    assert len(llm.asked) == 1
    assert answer.refused


def test_an_unsupported_sentence_is_marked_or_struck_as_the_settings_say(corpus: Corpus) -> None:
    marked, _ = ask(corpus, PARTLY)
    assert "Norway" in marked.text
    assert labels(marked)[0] == "supported" != labels(marked)[1]
    struck, _ = ask(corpus, PARTLY, strike=True)
    assert struck.text == f"{FREEZES[:-1]} [1]."
    assert labels(struck) == ["supported"]
    assert [sentence.text for sentence in struck.struck] == [marked.sentences[1].text]
    assert [citation.number for citation in struck.citations] == [1]


def test_striking_takes_the_citation_along_and_numbers_what_is_left(corpus: Corpus) -> None:
    reply = f"- Owls were bred on the Moon in 1999 [2].\n- {FREEZES} [1]"
    answer, _ = ask(corpus, reply, strike=True)
    assert answer.text == f"- {FREEZES} [1]"
    assert [citation.title for citation in answer.citations] == [COMPOST]
    assert len(answer.papers) == LIMITS.top_k


def test_of_several_replies_the_best_borne_out_is_shown_once_it_is_chosen(corpus: Corpus) -> None:
    llm = FakeLLM(PARTLY, STRONG, FROM_MEMORY)
    stream = pipeline(corpus, llm, samples=3).ask(WINTER)
    assert list(stream) == [STRONG]
    answer = stream.answer()
    assert answer.text == STRONG
    assert answer.usage == Usage(300, 30, 3)


def test_several_replies_may_all_decline(corpus: Corpus) -> None:
    stream = pipeline(corpus, FakeLLM(CANNOT_ANSWER, CANNOT_ANSWER), samples=2).ask(WINTER)
    assert stream.answer().refused


def test_samples_without_a_temperature_are_refused_by_the_settings(tmp_path: Path) -> None:
    flags = {"answer.samples": 3, "data.folder": str(tmp_path)}
    with pytest.raises(ConfigError, match=r"answer\.samples.*temperature is 0"):
        config.load(flags=flags)
    assert config.load(flags={**flags, "answer.temperature": 0.7}).answer.samples == 3
