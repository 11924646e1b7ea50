from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpora import BEES, COMPOST, OWLS, TIDES, Corpus, minilm, quoting_model, refusal_model
from fakes import FakeJudge, FakeLLM

from assistant import answerability, tokens
from assistant.errors import ProviderInterrupted, UsageError
from assistant.owntext import claims_of, verify_against
from assistant.prompts import CANNOT_ANSWER, Prompts
from assistant.quoting import quotes
from assistant.rag import (
    EMBEDDED,
    AnswerStream,
    Limits,
    Models,
    Pipeline,
)
from assistant.records import Source
from assistant.retriever import Retriever
from assistant.schema import Filters, Receipt, Turn, Usage
from assistant.verify import Judge

PROMPTS = Prompts.load(Path(__file__).parents[1] / "prompts")
LIMITS = Limits(
    top_k=3, max_words=80, max_tokens=300, context_tokens=6000, floor=0.3, stated_floor=0.3
)
RECEIPT = Receipt("corpus", "prompts", "encoder", "0")
WINTER = "Why do compost sensors fail in winter?"
VENUS = "What is the boiling point of mercury on Venus?"
FREEZES = "In winter these sensors fail, because condensed water freezes in their connectors."
OWL_TURN = Turn("How does OwlEar hear birds?", "OwlEar detects flight calls [1].")


class Watched:
    """The retriever, with a record of what was asked of it."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self.asked: list[str] = []

    def rank(self, question: str, *rest: Any) -> Any:
        self.asked.append(question)
        return self._retriever.rank(question, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._retriever, name)


def pipeline(
    corpus: Corpus,
    llm: FakeLLM | None = None,
    judge: FakeJudge | Judge | None = None,
    retriever: Watched | None = None,
    **limits: float,
) -> Pipeline:
    models = Models(quoting_model(), refusal_model(), judge or FakeJudge())  # type: ignore[arg-type]
    return Pipeline(
        retriever or corpus.retriever,  # type: ignore[arg-type]
        corpus.readings,
        models,
        replace(LIMITS, **limits),  # type: ignore[arg-type]
        PROMPTS,
        RECEIPT,
        llm,
    )


def sources_of(llm: FakeLLM) -> list[str]:
    """The titles that the model was last shown."""
    lines = llm.asked[-1][-1].content.splitlines()
    return [line.partition("Title: ")[2] for line in lines if "] Title: " in line]


def without_times(stream: AnswerStream) -> Any:
    return replace(stream.answer(), timings_ms={})


def test_an_answer_is_quoted_cited_and_verified(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask(WINTER).answer()
    assert FREEZES in answer.text
    assert not answer.refused
    assert [citation.title for citation in answer.citations] == [COMPOST]
    assert {sentence.verdict.label for sentence in answer.sentences} == {"supported"}
    assert answer.papers[0].paper.title == COMPOST
    assert (answer.question, answer.standalone_question) == (WINTER, WINTER)
    assert (answer.model, answer.receipt) == (EMBEDDED, RECEIPT)


def test_every_quote_is_where_its_evidence_says(corpus: Corpus) -> None:
    answer = pipeline(corpus, judge=Judge(minilm())).ask("Compare OwlEar with TideFormer.").answer()
    assert {citation.title for citation in answer.citations} == {OWLS, TIDES}
    for sentence in answer.sentences:
        evidence = sentence.verdict.evidence
        assert evidence is not None
        abstract = corpus.catalog.paper(evidence.paper_id).abstract
        assert abstract[evidence.start : evidence.end] == evidence.quote


def test_the_text_is_what_was_streamed(corpus: Corpus) -> None:
    stream = pipeline(corpus).ask(WINTER)
    assert "".join(stream) == stream.answer().text


def test_papers_compared_have_a_line_each(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask("Compare OwlEar with TideFormer.").answer()
    assert [line.split(":")[0] for line in answer.text.splitlines()] == ["- OwlEar", "- TideFormer"]
    assert [citation.title for citation in answer.citations] == [OWLS, TIDES]


def test_what_is_far_from_the_corpus_is_declined_with_what_is_nearest(corpus: Corpus) -> None:
    stream = pipeline(corpus).ask(VENUS)
    heard, answer = "".join(stream), stream.answer()
    assert answer.refusal is not None
    assert answer.refusal.kind == "not_in_corpus"
    assert heard == answer.text == answer.refusal.reason
    assert answer.refusal.nearest == answer.papers[:3]
    assert (answer.sentences, answer.citations) == ((), ())


def test_below_the_floor_the_model_is_never_asked(corpus: Corpus) -> None:
    llm = FakeLLM("It is 357 degrees [1].")
    answer = pipeline(corpus, llm).ask(VENUS).answer()
    assert answer.refused
    assert llm.asked == []
    assert (answer.model, answer.usage) == ("fake", Usage())


def test_each_mode_has_a_floor_of_its_own(corpus: Corpus) -> None:
    assert pipeline(corpus, FakeLLM("x"), floor=1.0, stated_floor=0.0).ask(WINTER).answer().refused
    assert pipeline(corpus, floor=0.0, stated_floor=1.0).ask(WINTER).answer().refused
    assert not pipeline(corpus, floor=1.0, stated_floor=0.0).ask(WINTER).answer().refused


def test_the_floor_is_half_as_high_where_several_papers_are_asked_for(corpus: Corpus) -> None:
    question = "How do OwlEar and TideFormer compare?"
    ranking = corpus.retriever.rank(question, 12)
    best = ranking.passages[ranking.papers[0].paper.paper_id]
    found = quotes(quoting_model(), question, ranking.query, best)
    probability = refusal_model().probability(answerability.features(ranking, found)[None])[0]
    for factor, declined in ((1.5, False), (2.1, True)):
        strict = pipeline(corpus, stated_floor=float(probability) * factor)
        assert strict.ask(question).answer().refused == declined
    alone = pipeline(corpus, stated_floor=float(probability) * 1.5)
    assert alone._declined(ranking, {}) is not None


def test_a_model_answers_from_the_papers_found(corpus: Corpus) -> None:
    llm = FakeLLM(f"{FREEZES} [1]", usage=Usage(500, 20, 1))
    answer = pipeline(corpus, llm).ask(WINTER).answer()
    assert len(sources_of(llm)) == LIMITS.top_k
    assert sources_of(llm)[0] == COMPOST
    assert llm.max_tokens == [LIMITS.max_tokens]
    assert answer.text == f"{FREEZES} [1]"
    assert answer.sentences[0].verdict.label == "supported"
    assert answer.usage == Usage(500, 20, 1)


def test_more_papers_can_be_read_for_one_question(corpus: Corpus) -> None:
    llm = FakeLLM(f"{FREEZES} [1]")
    pipeline(corpus, llm).ask(WINTER, top_k=5).answer()
    assert len(sources_of(llm)) == 5


def test_the_papers_named_are_read_first(corpus: Corpus) -> None:
    llm = FakeLLM("Both are networks [1][2].")
    pipeline(corpus, llm, floor=0.0).ask("Compare TideFormer with OwlEar.", top_k=1).answer()
    assert sorted(sources_of(llm)) == sorted([TIDES, OWLS])


def test_a_named_paper_is_read_however_low_it_ranks(corpus: Corpus) -> None:
    llm = FakeLLM(f"{FREEZES} [1]")
    pipeline(corpus, llm, floor=0.0).ask(f"{WINTER[:-1]}, and not OwlEar?", top_k=1).answer()
    assert sources_of(llm) == [OWLS]


def test_the_budget_cuts_the_sources_but_never_the_best(corpus: Corpus) -> None:
    best = corpus.paper(COMPOST)
    enough = tokens.count(f"{best.title}\n{best.abstract}", "fake")
    for budget, count in ((1, 1), (enough, 1), (6000, 3)):
        llm = FakeLLM(f"{FREEZES} [1]")
        pipeline(corpus, llm, context_tokens=budget).ask(WINTER).answer()
        assert len(sources_of(llm)) == count
        assert sources_of(llm)[0] == COMPOST


def test_a_model_that_declines_is_a_refusal_with_its_usage(corpus: Corpus) -> None:
    stream = pipeline(corpus, FakeLLM(CANNOT_ANSWER, usage=Usage(500, 8, 1))).ask(WINTER)
    heard, answer = "".join(stream), stream.answer()
    assert answer.refusal is not None
    assert answer.refusal.kind == "not_stated"
    assert COMPOST in answer.refusal.reason
    assert heard == answer.text == answer.refusal.reason
    assert answer.usage == Usage(500, 8, 1)


def test_a_model_s_uncited_sentence_is_cited_where_a_paper_supports_it(corpus: Corpus) -> None:
    reply = f"{FREEZES} Penguins play chess in Paris."
    answer = pipeline(corpus, FakeLLM(reply)).ask(WINTER).answer()
    assert answer.text == f"{FREEZES} [1] Penguins play chess in Paris."
    assert [one.verdict.label for one in answer.sentences] == ["supported", "uncited"]
    assert [citation.title for citation in answer.citations] == [COMPOST]


def test_a_follow_up_is_made_to_stand_alone_by_rules(corpus: Corpus) -> None:
    retriever = Watched(corpus.retriever)
    question = "On how many recordings is it trained?"
    answer = pipeline(corpus, retriever=retriever).ask(question, history=[OWL_TURN]).answer()
    assert answer.question == question
    assert answer.standalone_question == f"{question} (about “{OWLS}”)"
    assert retriever.asked == [answer.standalone_question]
    assert [citation.title for citation in answer.citations] == [OWLS]


def test_a_follow_up_is_made_to_stand_alone_by_a_model_and_usage_adds_up(corpus: Corpus) -> None:
    standalone = "On how many recordings is OwlEar trained?"
    llm = FakeLLM(standalone, "OwlEar is trained on 40,000 recordings [1].", usage=Usage(70, 7, 1))
    answer = pipeline(corpus, llm).ask("On how many is it trained?", history=[OWL_TURN]).answer()
    assert answer.standalone_question == standalone
    assert standalone in llm.asked[1][-1].content
    assert answer.usage == Usage(140, 14, 2)


def test_without_a_history_nothing_is_rewritten(corpus: Corpus) -> None:
    llm = FakeLLM(f"{FREEZES} [1]")
    pipeline(corpus, llm).ask(WINTER).answer()
    assert len(llm.asked) == 1


def test_usage_is_counted_without_a_model_too(corpus: Corpus) -> None:
    answer = pipeline(corpus).ask(WINTER).answer()
    read = [f"{hit.paper.title}\n{hit.paper.abstract}" for hit in answer.papers]
    assert answer.usage == Usage(
        sum(map(tokens.count, [WINTER, *read])), tokens.count(answer.text), 0
    )


@pytest.mark.parametrize("question", [WINTER, VENUS])
def test_every_step_is_timed(corpus: Corpus, question: str) -> None:
    times = pipeline(corpus).ask(question).answer().timings_ms
    steps = ["condense", "retrieve", "answer", *(["verify"] if question == WINTER else [])]
    assert {*steps, "total"} <= set(times)
    assert ("first_token" in times) == ("verify" in times) == (question == WINTER)
    assert all(time >= 0 for time in times.values())
    assert times["total"] >= sum(times[step] for step in steps)


def test_nothing_is_done_before_an_answer_is_iterated_over(corpus: Corpus) -> None:
    retriever, llm = Watched(corpus.retriever), FakeLLM(f"{FREEZES} [1]")
    stream = pipeline(corpus, llm, retriever=retriever).ask(WINTER)
    assert (retriever.asked, llm.asked) == ([], [])
    next(iter(stream))
    assert len(retriever.asked) == len(llm.asked) == 1


def test_an_answer_is_made_once(corpus: Corpus) -> None:
    llm = FakeLLM(f"{FREEZES} [1]")
    stream = pipeline(corpus, llm).ask(WINTER)
    first = next(iter(stream))
    assert stream.answer() is stream.answer()
    assert stream.answer().text.startswith(first)
    assert list(stream) == []
    assert len(llm.asked) == 1


def test_a_stream_that_failed_fails_again_and_never_hangs(corpus: Corpus) -> None:
    llm = FakeLLM(ProviderInterrupted("it broke off"))
    stream = pipeline(corpus, llm).ask(WINTER)
    for _ in range(2):
        with pytest.raises(ProviderInterrupted, match="it broke off"):
            stream.answer()
    with pytest.raises(ProviderInterrupted):
        list(stream)
    assert len(llm.asked) == 1


@pytest.mark.parametrize("question", ["", " \n\t"])
def test_an_empty_question_is_an_error_at_once(corpus: Corpus, question: str) -> None:
    with pytest.raises(UsageError, match="the question is empty: ask something"):
        pipeline(corpus).ask(question)


@pytest.mark.parametrize("question", ["🙂", "???", "the"])
def test_a_question_that_says_nothing_is_declined(corpus: Corpus, question: str) -> None:
    assert pipeline(corpus).ask(question).answer().refused


def test_filters_that_leave_no_paper_are_a_refusal(corpus: Corpus) -> None:
    llm = FakeLLM("x")
    answer = pipeline(corpus, llm).ask(WINTER, filters=Filters(year=1990)).answer()
    assert answer.refusal is not None
    assert (answer.refusal.kind, answer.refusal.nearest) == ("not_in_corpus", ())
    assert (answer.papers, llm.asked) == ((), [])


def test_only_papers_that_the_filters_let_through_are_read(corpus: Corpus) -> None:
    found = pipeline(corpus).ask(WINTER, filters=Filters(page="first.jsonl")).answer()
    assert COMPOST not in [hit.paper.title for hit in found.papers]


def test_a_search_gives_papers_best_first(corpus: Corpus) -> None:
    found = pipeline(corpus).search("swarming of bees", top_k=2)
    assert found.question == "swarming of bees"
    assert [hit.rank for hit in found.papers] == [1, 2]
    assert found.papers[0].paper.title == BEES


def test_many_threads_may_ask_at_once(corpus: Corpus) -> None:
    shared = pipeline(corpus)
    asked = [WINTER, VENUS, "On how many recordings is OwlEar trained?", WINTER]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda question: without_times(shared.ask(question)), asked))
    assert together == [without_times(shared.ask(question)) for question in asked]


def test_claims_are_verified_from_the_corpus(corpus: Corpus) -> None:
    text = f"Is it so? {FREEZES} [3] Penguins play chess in Paris."
    found = pipeline(corpus).verify(text)
    assert [(one.text, one.verdict.label) for one in found] == [
        ("Is it so?", "not_a_claim"),
        (FREEZES, "supported"),
        ("Penguins play chess in Paris.", "not_in_evidence"),
    ]
    evidence = found[1].verdict.evidence
    assert evidence is not None
    assert [evidence.paper_id] == corpus.ids(COMPOST)


def test_a_claim_is_held_against_the_paper_it_names(corpus: Corpus) -> None:
    judge = FakeJudge()
    pipeline(corpus, judge=judge).verify("OwlEar lets 19 of 20 sensors survive the winter.")
    assert [ids for _, ids in judge.asked] == [corpus.ids(OWLS)]


def test_claims_are_verified_against_given_sources_alone() -> None:
    sources = [Source("Wax", "Wax keeps water out."), Source("Ice", "Ice flows downhill.")]
    judge: Any = FakeJudge()
    found = verify_against("Ice flows downhill. Really? Owls eat mice.", sources, minilm(), judge)
    assert [one.verdict.label for one in found] == ["supported", "not_a_claim", "not_in_evidence"]
    evidence = found[0].verdict.evidence
    assert evidence is not None
    assert (evidence.paper_id, evidence.start, evidence.end) == ("source-2", 0, 19)
    assert all(ids == ["source-1", "source-2"] for _, ids in judge.asked)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("It works [1]. It is fast.", ["It works.", "It is fast."]),
        ("", [""]),
        ("[1]", ["[1]"]),
    ],
)
def test_a_text_has_at_least_one_claim(text: str, claims: Sequence[str]) -> None:
    assert claims_of(text) == claims
