"""Faults planted in the product and in the judge: each shuts the gate, and the report names it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import pytest
from whole import ready

from assistant import config, sentences
from assistant.build import Assistant
from assistant.rag import SearchResult
from assistant.retriever import Retriever
from assistant.schema import (
    Answer,
    Filters,
    Message,
    Paper,
    Piece,
    ScoredId,
    Sentence,
    Turn,
    Usage,
    Verdict,
)
from assistant.stream import AnswerStream
from evals import attribution
from evals.dataset import FITTED, Sample, load
from evals.gate import Bounds, missed
from evals.local_judge import Holds, LocalJudge, best_of
from evals.parts import NO_FILTERS, Answerer, Parts, shipped, taken_apart
from evals.row import Row
from evals.rows import ask_all

__all__ = ["ready"]
# Forty questions are asked and held anew for some of the faults.
pytestmark = pytest.mark.timeout(300)

# Forty rows, so chosen that every part of the product is needed by some of them.
IDS = frozenset(
    {
        *("p0-006", "p0-007", "p0-009", "p0-014", "p0-023", "p0-047", "p0-067", "p0-073"),
        *("p1-019", "p1-050", "p1-055", "p2-041", "p3-019"),
        *("p0-104", "p0-106", "p0-111", "p0-114", "m1-002", "m1-014", "m2-004", "m2-010"),
        *("m2-011", "m2-016", "m2-017", "m2-028"),
        *("p0-116", "f1-003", "f2-006", "f2-016"),
        *("u1-048", "u1-053", "u1-001", "u1-002", "u1-003", "u1-004", "u1-005", "u1-006"),
        *("u1-060", "u2-071", "u2-090"),
    }
)
# What these forty reach, less a little.
BOUNDS = Bounds(
    floors={
        "r_at_1": 0.75,
        "compare_cited": 0.6,
        "faithful": 0.8,
        "supported": 0.95,
        "control_evidence_swap": 0.8,
        "control_number": 0.8,
    },
    ceilings={"miscited": 0.02, "contradicted": 0.02},
)
SPOKEN = Bounds(floors={"faithful": 0.8, "supported": 0.9}, ceilings={"unsupported": 0.1})
"""For a model, which is asked for its faithfulness alone."""


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for sample in load(FITTED) if sample.id in IDS]


@pytest.fixture(scope="module")
def opened(ready: Path) -> Iterator[Assistant]:
    flags = {"data.folder": str(ready), "answer.model": config.EMBEDDED}
    with Assistant.open(settings=config.load(flags=flags, environ={})) as assistant:
        yield assistant


@pytest.fixture(scope="module")
def parts(opened: Assistant) -> Iterator[Parts]:
    with taken_apart(opened) as apart:
        yield apart


class Remembering:
    """A judge that is asked the same only once."""

    def __init__(self, inner: Holds) -> None:
        self._inner = inner
        self._said: dict[tuple[object, ...], Verdict] = {}

    def verdict(self, claim: str, papers: Sequence[Paper], *, is_cited: bool = True) -> Verdict:
        key = (claim, *(paper.paper_id for paper in papers), is_cited)
        if key not in self._said:
            self._said[key] = self._inner.verdict(claim, papers, is_cited=is_cited)
        return self._said[key]


@pytest.fixture(scope="module")
def judge(opened: Assistant) -> Holds:
    return Remembering(LocalJudge.of(opened))


class Recorded:
    """The answers of an answerer, asked once, so that faults can be planted in them."""

    def __init__(self, inner: Answerer) -> None:
        self._inner = inner
        self._answers: dict[str, Answer] = {}
        self._found: dict[str, SearchResult] = {}

    def ask(
        self, question: str, *, history: Sequence[Turn] = (), filters: Filters = NO_FILTERS
    ) -> AnswerStream:
        if question not in self._answers:
            self._answers[question] = self._inner.ask(
                question, history=history, filters=filters
            ).answer()
        return stream(self._answers[question])

    def search(
        self, question: str, *, filters: Filters = NO_FILTERS, top_k: int = 10
    ) -> SearchResult:
        if question not in self._found:
            self._found[question] = self._inner.search(question, filters=filters, top_k=top_k)
        return self._found[question]


class Faulty:
    """An answerer whose answers pass through `spoil`."""

    def __init__(self, inner: Answerer, spoil: Any) -> None:
        self._inner, self._spoil = inner, spoil
        self.search = inner.search

    def ask(
        self, question: str, *, history: Sequence[Turn] = (), filters: Filters = NO_FILTERS
    ) -> AnswerStream:
        answer = self._inner.ask(question, history=history, filters=filters).answer()
        return stream(answer if answer.refused else self._spoil(answer))


def stream(answer: Answer) -> AnswerStream:
    def steps() -> Any:
        yield from ()
        return answer

    return AnswerStream(steps())


@pytest.fixture(scope="module")
def product(parts: Parts) -> Recorded:
    return Recorded(parts.pipeline(shipped()))


@pytest.fixture(scope="module")
def whole(product: Recorded, samples: list[Sample], judge: Holds) -> list[Row]:
    return ask_all(product, samples, judge=judge)


def grown(before: Sequence[Row], after: Sequence[Row]) -> str:
    """The cause that has won the most rows."""
    one, other = attribution.counts(before), attribution.counts(after)
    return max(other, key=lambda cause: other[cause] - one[cause])


def test_there_are_forty_rows_on_the_real_corpus(samples: list[Sample], parts: Parts) -> None:
    assert len(samples) == 40
    assert {sample.kind for sample in samples} >= {"method", "compare", "followup", "unanswerable"}
    assert {title for one in samples for title in one.relevant} <= {
        paper.title for paper in parts.catalog.papers()
    }


def test_the_gate_is_open_on_the_product_as_it_is(whole: list[Row]) -> None:
    assert missed(whole, BOUNDS) == [], attribution.counts(whole)
    assert attribution.blindness(whole) == {}


def test_the_causes_add_up_to_the_failures(whole: list[Row]) -> None:
    counts = attribution.counts(whole)
    assert sum(counts.values()) == len(attribution.causes(whole))
    assert 0 < sum(counts.values()) < len(whole)


def test_shuffled_citations_are_named(
    product: Recorded, samples: list[Sample], whole: list[Row], judge: Holds
) -> None:
    def shuffled(answer: Answer) -> Answer:
        near = product.search(answer.standalone_question).papers
        shown = list({hit.paper.paper_id: hit for hit in (*answer.papers, *near[:2])}.values())
        order = [hit.paper for hit in shown[1:] + shown[:1]]
        cited = {
            one.number: replace(one, paper_id=paper.paper_id, title=paper.title)
            for one, paper in zip(answer.citations, order, strict=False)
        }
        papers = {paper.paper_id: paper for paper in order}
        said = [held(one, one.text, cited, papers, judge) for one in answer.sentences]
        return replace(
            answer,
            citations=tuple(cited.values()),
            papers=tuple(shown),
            sentences=tuple(said),
        )

    rows = ask_all(Faulty(product, shuffled), samples, judge=judge)
    assert missed_keys(rows) >= {"supported", "miscited"}
    assert grown(whole, rows) == "miscited"


def held(
    sentence: Sentence,
    text: str,
    cited: Mapping[int, Any],
    papers: Mapping[str, Paper],
    judge: Holds,
) -> Sentence:
    """The sentence with other words or citations, and what the judge says of that."""
    if not sentence.citations or sentence.verdict.label == "not_a_claim":
        return replace(sentence, text=text)
    mine = [papers[cited[number].paper_id] for number in sentence.citations]
    return replace(sentence, text=text, verdict=best_of(text, mine, judge))


def missed_keys(rows: Sequence[Row], bounds: Bounds = BOUNDS) -> set[str]:
    return {line.split(":")[0] for line in missed(rows, bounds)}


def test_numbers_altered_in_a_tenth_of_the_answers_are_named(
    product: Recorded, samples: list[Sample], whole: list[Row], judge: Holds
) -> None:
    answered = [row for row in whole if row.answered]
    told = [row for row in answered if re.search(r"\d", " ".join(c.text for c in row.claims))]
    chosen = {row.sample.question for row in told[: round(len(answered) / 10)]}
    assert len(chosen) in (3, 4)

    def altered(answer: Answer) -> Answer:
        if answer.question not in chosen:
            return answer
        papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
        cited = {one.number: one for one in answer.citations}
        said = [held(one, other(one.text), cited, papers, judge) for one in answer.sentences]
        return replace(answer, text=other(answer.text), sentences=tuple(said))

    rows = ask_all(Faulty(product, altered), samples, judge=judge)
    assert missed_keys(rows) & {"faithful", "contradicted"}
    assert grown(whole, rows) == "distorted"
    turned = {row.sample.question for row in rows if attribution.cause_of(row) == "distorted"}
    assert turned == chosen


def other(text: str) -> str:
    """The text with every number altered, and the citations left."""
    return re.sub(r"(?<!\[)\d(?!\])", lambda digit: str((int(digit[0]) + 3) % 10), text)


class NoWords:
    """A lexical index that finds nothing."""

    def search(self, query: str, n: int, paper_ids: set[str] | None = None) -> list[ScoredId]:
        return []


class Farthest:
    """A store that finds what is least like the question."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def nearest(self, vector: Any, n: int, paper_ids: set[str] | None = None) -> Any:
        return self._store.nearest(-vector, n, paper_ids)


def test_a_retriever_that_is_switched_off_is_named(
    parts: Parts, samples: list[Sample], whole: list[Row], judge: Holds
) -> None:
    index = replace(parts.index, lexical=NoWords(), store=Farthest(parts.index.store))  # type: ignore[arg-type]
    deaf = Retriever(parts.catalog, index, parts.readings.reader, parts.readings)  # type: ignore[arg-type]
    rows = ask_all(replace(parts, retriever=deaf).pipeline(shipped()), samples, judge=judge)
    assert "r_at_1" in missed_keys(rows)
    assert grown(whole, rows) == "not_retrieved"


class Yes:
    """A judge that supports whatever it is asked."""

    threshold = 0.5

    def verdict(self, claim: str, *_: object, is_cited: bool = True, **__: object) -> Verdict:
        return Verdict("supported", 1.0)


def test_a_judge_that_always_says_yes_is_named(
    parts: Parts, samples: list[Sample], product: Recorded
) -> None:
    def blessed(answer: Answer) -> Answer:
        said = [
            replace(one, verdict=Verdict("supported", 1.0)) if one.citations else one
            for one in answer.sentences
        ]
        return replace(answer, sentences=tuple(said))

    rows = ask_all(Faulty(product, blessed), samples, judge=Yes())
    assert missed_keys(rows) >= {"control_evidence_swap", "control_number"}
    blind = attribution.blindness(rows)
    assert blind["evidence_swap"].value == 0.5
    assert "says yes to what is spoilt" in attribution.sentence(rows)


class Puppet:
    """A model that keeps to the sources if it is told to, and else answers from memory."""

    model = "puppet"
    _RULE = "nothing from memory"

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        # A second request holds the sources of the first.
        system, asked = messages[0].content, "\n".join(one.content for one in messages[1:])
        first = re.search(r"<source 1 [^>]*>\n(?:Title: )?(.*?)</source 1", asked, re.DOTALL)
        if first is None:
            yield Piece(re.findall(r"Last question: (.*)", asked)[-1])
        else:
            told = sentences.texts(first[1].partition("\n")[2])[:2]
            if self._RULE not in system:
                # Where no source bore out any of it, the answer would be withheld.
                told[1:] = [
                    "It was trained for nine weeks on 4,096 chips and won a prize in Tokyo."
                ]
            yield Piece(" ".join(f"{text.rstrip('.')} [1]." for text in told))
        yield Piece("", Usage(100, 10, 1))


def test_a_prompt_without_the_grounding_rule_is_named(parts: Parts, samples: list[Sample]) -> None:
    def rows(parts: Parts) -> list[Row]:
        return ask_all(parts.pipeline(shipped()).answered_by(Puppet()), samples)

    told = parts.prompts.templates["answer.system"].template
    loose = "\n".join(line for line in told.splitlines() if Puppet._RULE not in line)
    assert loose != told
    prompts = replace(
        parts.prompts,
        templates={**parts.prompts.templates, "answer.system": Template(loose)},
    )
    right, wrong = rows(parts), rows(replace(parts, prompts=prompts))
    assert missed(right, SPOKEN) == []
    assert missed_keys(wrong, SPOKEN) == {"faithful", "supported", "unsupported"}
    assert grown(right, wrong) == "fabricated"
