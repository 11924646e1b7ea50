"""Verdicts beside the stream: as early as can be, in nobody's way, and the whole answer's own."""

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from corpora import Corpus, minilm
from fakes import FakeJudge, FakeLLM
from hypothesis import given
from hypothesis import strategies as st
from test_rag import WINTER
from test_repairing import FORGETS_CITATIONS, FROM_MEMORY, PARTLY, STRONG, labels, pipeline

from assistant.citations import CitedSentence, Draft, Renumbering, cited_sentences
from assistant.early import Early, Sentences
from assistant.grounding import Grounded, Remembering
from assistant.prompts import CANNOT_ANSWER
from assistant.schema import Paper, ScoredPaper, Sentence, Verdict
from assistant.verify import Judge

LISTS = (
    "Three things fail in winter:\n\n- Sensors fail, e.g. in Norway [2]. Wax helps [1, 2].\n"
    "- Batteries last. [1]\n\n1. One (see Fig. 3) is old [1]. 2. Two of 20 survive. vLLM is new"
)
WORDS = ["Wax ", "keeps it dry", "e.g. ", "et al. ", "vLLM ", "(see ", ") ", "12 ", "1. ", "- "]
STOPS = [". ", ".", "! ", "? ", "\n", "\n\n", " [1]", "[2, 3]", " [9]", "[", "“Ice” ", "Dr. ", "。"]
REPLY = st.lists(st.sampled_from(WORDS + STOPS), max_size=30).map("".join)


def heard(pieces: Sequence[str]) -> list[CitedSentence]:
    sentences = Sentences()
    early = [one for piece in Renumbering(5).stream(pieces) for one in sentences.feed(piece)]
    return [*early, *sentences.end()]


@pytest.mark.parametrize("reply", [STRONG, FORGETS_CITATIONS, PARTLY, LISTS])
def test_what_is_heard_piece_by_piece_is_what_the_whole_reply_says(reply: str) -> None:
    assert heard(list(reply)) == cited_sentences(Renumbering(5).text(reply))


@given(REPLY, st.data())
def test_wherever_the_pieces_end_the_sentences_are_the_same(reply: str, data: Any) -> None:
    places = data.draw(st.lists(st.integers(0, len(reply)), max_size=8))
    pieces = [reply[a:b] for a, b in pairwise(sorted({0, *places, len(reply)}))]
    assert heard(pieces) == cited_sentences(Renumbering(5).text(reply))


def test_a_sentence_is_given_once_the_next_one_begins() -> None:
    sentences = Sentences()
    assert list(sentences.feed("Wax keeps it dry [1].")) == []
    assert list(sentences.feed(" Ice")) == [("Wax keeps it dry.", (1,))]
    assert list(sentences.feed(" does not.\n")) == [("Ice does not.", ())]
    assert list(sentences.end()) == []


@pytest.mark.parametrize("reply", [STRONG, FORGETS_CITATIONS, PARTLY])
def test_early_verdicts_are_those_of_the_whole_answer(corpus: Corpus, reply: str) -> None:
    stream = pipeline(corpus, FakeLLM(reply), repairs=0).ask(WINTER)
    parts = list(stream.parts())
    early = [part for part in parts if isinstance(part, Sentence)]
    answer = stream.answer()
    assert [(one.text, one.verdict) for one in early] == [
        (one.text, one.verdict) for one in answer.sentences
    ]
    assert "".join(part for part in parts if isinstance(part, str)) == reply
    assert list(stream.parts()) == []


def test_who_wants_the_text_alone_gets_the_text_alone(corpus: Corpus) -> None:
    assert "".join(pipeline(corpus, FakeLLM(STRONG)).ask(WINTER)) == STRONG


def test_a_refusal_has_no_sentence_to_judge(corpus: Corpus) -> None:
    stream = pipeline(corpus, FakeLLM(CANNOT_ANSWER)).ask(WINTER)
    assert [part for part in stream.parts() if not isinstance(part, str)] == []
    assert stream.answer().refused


def test_a_reply_that_is_asked_for_again_was_judged_before(corpus: Corpus) -> None:
    stream = pipeline(corpus, FakeLLM(FROM_MEMORY, STRONG)).ask(WINTER)
    early = [part for part in stream.parts() if isinstance(part, Sentence)]
    assert {one.verdict.label for one in early} == {"uncited"}
    assert labels(stream.answer()) == ["supported", "supported"]


def test_of_several_replies_the_chosen_one_comes_with_its_verdicts(corpus: Corpus) -> None:
    stream = pipeline(corpus, FakeLLM(PARTLY, STRONG), samples=2).ask(WINTER)
    text, *sentences = stream.parts()
    assert text == STRONG
    assert tuple(sentences) == stream.answer().sentences


def test_no_claim_is_judged_twice_for_one_answer(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = []
    judged = Judge.verdict

    def counted(self: Judge, claim: str, passages: Any, titles: Any, **more: Any) -> Verdict:
        asked.append((claim, tuple(titles)))
        return judged(self, claim, passages, titles, **more)

    monkeypatch.setattr(Judge, "verdict", counted)
    answer = pipeline(corpus, FakeLLM(FORGETS_CITATIONS)).ask(WINTER).answer()
    assert len(answer.sentences) == 2
    assert len(asked) == len(set(asked)) > 2


HITS = [
    ScoredPaper(Paper(f"p{n}", f"Net{n}", "Wax keeps it dry."), n, 1.0 / n) for n in range(1, 4)
]


class Held:
    """Grounds a draft once it is let, and says in which thread."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.drafts: list[Draft] = []
        self.threads: set[str] = set()

    def __call__(self, draft: Draft) -> Grounded:
        self.drafts.append(draft)
        self.threads.add(threading.current_thread().name)
        assert self.let.wait(60)
        said = tuple(Sentence(one.text, (1,), Verdict("supported", 0.9)) for one in draft.sentences)
        return Grounded(draft.text, said, (), draft.papers)


def written(pieces: Sequence[str], order: Renumbering, closed: list[bool]) -> Any:
    def steps() -> Iterator[str]:
        try:
            yield from order.stream(pieces)
        finally:
            closed.append(True)
        return Draft("", (), ())

    return steps()


def test_no_piece_of_text_waits_for_the_judge() -> None:
    ground, order = Held(), Renumbering(3)
    pieces = ["Wax", " keeps it dry [2]. Ice", " does not [3].", " Owls hear", " it."]
    parts = Early(HITS, ground, order).beside(written(pieces, order, []))
    text = ["Wax", " keeps it dry [1]. Ice", " does not [2].", " Owls hear", " it."]
    assert [next(parts) for _ in text] == text
    ground.let.set()
    assert list(parts) == [
        Sentence("Wax keeps it dry.", (1,), Verdict("supported", 0.9)),
        Sentence("Ice does not.", (2,), Verdict("supported", 0.9)),
        Sentence("Owls hear it.", (), Verdict("supported", 0.9)),
    ]
    assert threading.current_thread().name not in ground.threads
    first = ground.drafts[0]
    assert (first.papers[0], first.sentences[0].numbers) == (HITS[1], (1,))
    assert {hit.rank for hit in (*first.papers, *first.others)} == {1, 2, 3}


def test_a_verdict_comes_while_the_model_still_writes() -> None:
    ground, order, seen = Held(), Renumbering(3), threading.Event()
    ground.let.set()

    def pieces() -> Iterator[str]:
        yield "Wax keeps it dry [1]. Ice"
        for _ in range(6_000):
            if seen.wait(0.01):
                break
            yield " and so on"
        yield " does not."

    parts = list(_told(Early(HITS, ground, order).beside(written(pieces(), order, [])), seen))  # type: ignore[arg-type]
    verdicts = [at for at, part in enumerate(parts) if isinstance(part, Sentence)]
    assert len(verdicts) == 2
    assert parts.index(" does not.") > verdicts[0]


def _told(parts: Iterator[str | Sentence], seen: threading.Event) -> Iterator[str | Sentence]:
    for part in parts:
        if isinstance(part, Sentence):
            seen.set()
        yield part


def test_who_stops_listening_waits_for_no_verdict_and_the_reply_is_let_go() -> None:
    ground, order, closed = Held(), Renumbering(3), list[bool]()
    pieces = ["Wax is dry [1]. Ice is not. Owls", " hear", " it."]
    parts = Early(HITS, ground, order).beside(written(pieces, order, closed))
    assert next(parts) == "Wax is dry [1]. Ice is not. Owls"
    assert next(parts) == " hear"
    parts.close()
    assert closed == [True]
    ground.let.set()
    assert len(ground.drafts) <= 1


def test_a_judge_that_fails_fails_the_answer(corpus: Corpus, monkeypatch: Any) -> None:
    def broken(*_: Any, **__: Any) -> Verdict:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Judge, "verdict", broken)
    stream = pipeline(corpus, FakeLLM(STRONG)).ask(WINTER)
    with pytest.raises(OSError, match="the disk is gone"):
        stream.answer()


def test_a_judge_remembers_what_it_said_of_these_papers() -> None:
    from assistant.readings import read_paper

    judge: Any = FakeJudge()
    remembering = Remembering(judge)
    passages = read_paper(minilm(), HITS[0].paper)
    once = remembering.verdict("Wax keeps it dry.", passages, {"p1": "Net1"})
    assert remembering.verdict("Wax keeps it dry.", passages, {"p1": "Net1"}) is once
    remembering.verdict("Wax keeps it dry.", passages, {"p2": "Net2"})
    remembering.verdict("Wax keeps it dry.", passages, {"p1": "Net1"}, is_cited=False)
    assert len(judge.asked) == 3
