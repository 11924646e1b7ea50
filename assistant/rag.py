"""Question -> condensed, retrieved, answered, cited and verified: the pipeline from end to end."""

import copy
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from assistant import answerability, condense, floor, refusal, selection, sides, tokens
from assistant import question as questions
from assistant.answering import embedded
from assistant.blended import Blended
from assistant.citations import Draft
from assistant.clock import Clock
from assistant.config import EMBEDDED, Settings
from assistant.errors import UsageError
from assistant.grounding import Grounded, Remembering, ground, verdict_of
from assistant.news import News, news
from assistant.owntext import NO_CLAIM, claims_of
from assistant.prompts import Prompts
from assistant.quoting import quotes
from assistant.readings import Readings
from assistant.records import check_question, check_turns
from assistant.relevance import Relevance
from assistant.repairing import Standing, Writer
from assistant.retriever import Ranking, Retriever
from assistant.schema import (
    LLM,
    Answer,
    Filters,
    Receipt,
    Refusal,
    ScoredPaper,
    Sentence,
    Turn,
    Usage,
    Verdict,
)
from assistant.stream import AnswerStream
from assistant.verify import Judge, is_claim

_READ = 12
_SEARCHED_FOR_CLAIM = 3
_NO_FILTERS = Filters()


class SearchResult(NamedTuple):
    """What a search found."""

    question: str
    papers: tuple[ScoredPaper, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of config.toml that the pipeline needs."""

    top_k: int
    max_words: int
    max_tokens: int
    context_tokens: int
    floor: float
    stated_floor: float
    samples: int = 1
    repairs: int = 0
    strike: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The numbers as they are set."""
        answer, floors = settings.answer, settings.refusal
        return cls(
            top_k=settings.retrieval.top_k,
            max_words=answer.max_words,
            max_tokens=answer.max_tokens,
            context_tokens=answer.context_tokens,
            floor=floors.floor,
            stated_floor=floors.stated_floor,
            samples=answer.samples,
            repairs=answer.repairs,
            strike=answer.unsupported == "strike",
        )


@dataclass(frozen=True, slots=True)
class Models:
    """The fitted parts."""

    quoting: Relevance
    refusal: Blended
    judge: Judge


class Pipeline:
    """The parts, put together; safe to ask from many threads."""

    def __init__(
        self,
        retriever: Retriever,
        readings: Readings,
        models: Models,
        limits: Limits,
        prompts: Prompts,
        receipt: Receipt,
        llm: LLM | None = None,
    ) -> None:
        self._retriever = retriever
        self._readings = readings
        self._models = models
        self._limits = limits
        self._prompts = prompts
        self._receipt = receipt
        self._llm = llm

    def fit_floor(self) -> None:
        """Fit the floor to the corpus, and keep it in the catalog."""
        models, usual = self._models, self._limits.stated_floor
        catalog = self._readings.catalog
        floor.fit(catalog, self._retriever, models.quoting, models.refusal, usual)

    def answered_by(self, llm: LLM | None) -> "Pipeline":
        """The same parts with another model; none for quoted sentences."""
        other = copy.copy(self)
        other._llm = llm
        return other

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filters: Filters = _NO_FILTERS,
        top_k: int | None = None,
    ) -> AnswerStream:
        """The answer to `question`; nothing is done before it is asked for."""
        question, history = _checked(question), check_turns(history)
        of_then, most = self._as_of(filters.as_of), top_k or self._limits.top_k
        return AnswerStream(of_then._answer(question, history, filters, most))

    def search(
        self, question: str, *, filters: Filters = _NO_FILTERS, top_k: int = 10
    ) -> SearchResult:
        """The papers nearest to `question`, best first."""
        question = _checked(question)
        of_then = self._as_of(filters.as_of)
        found = of_then._retriever.rank(questions.plain(question), top_k, filters)
        return SearchResult(question, found.papers, found.trouble)

    def verify(self, text: str, *, as_of: str | None = None) -> tuple[Sentence, ...]:
        """Every sentence of `text` with its verdict, from the corpus."""
        of_then = self._as_of(as_of)
        return tuple(
            Sentence(claim, (), of_then._searched(claim) if is_claim(claim) else NO_CLAIM)
            for claim in claims_of(text)
        )

    def new(self, about: News, limit: int, filters: Filters = _NO_FILTERS) -> list[ScoredPaper]:
        """The papers that are new on a topic, the newest first; none where none is on it."""
        return about.listed(self._as_of(filters.as_of)._retriever, limit, filters)

    def _as_of(self, date: str | None) -> "Pipeline":
        """The same parts, with nothing that is later."""
        other = copy.copy(self)
        other._retriever = self._retriever if date is None else self._retriever.as_of(date)
        return other

    def _searched(self, claim: str) -> Verdict:
        """The verdict of the paper that supports `claim` best; a named one goes first."""
        found = self._retriever.rank(claim, _READ)
        homes = set(self._retriever.named(claim).values())
        named = [hit for hit in found.papers if hit.paper.paper_id in homes]
        verdicts = [
            verdict_of(claim, [hit], found.passages, self._models.judge, is_cited=False)
            for hit in named or found.papers[:_SEARCHED_FOR_CLAIM]
        ]
        return max(verdicts, key=lambda verdict: verdict.score, default=_NOTHING_NEAR)

    def _answer(
        self, question: str, history: Sequence[Turn], filters: Filters, top_k: int
    ) -> Generator[str | Sentence, None, Answer]:
        clock = Clock()
        standalone, spent = self._standalone(question, history, filters)
        clock.lap("condense")
        asked = questions.plain(standalone)
        about = news(asked)
        if about:
            ranking, named = about.found(self._retriever, max(top_k, _READ), filters), {}
        else:
            ranking = self._retriever.rank(asked, max(top_k, _READ), filters)
            named = self._retriever.named(asked)
        ranking = sides.collapsed(ranking)
        homes = list(named.values())
        clock.lap("retrieve")
        declined = about.declined(ranking) if about else self._declined(ranking, named)
        standing = Standing(Draft("", (), ()), Grounded("", (), (), ranking.papers[:top_k]))
        if declined is None:
            steps = self._steps(ranking, questions.plain(question), homes, top_k, clock)
            standing = yield from clock.timed(steps)
            declined = self._withheld(standing, ranking, homes)
        clock.lap("answer")
        if declined:
            yield f"\n\n{declined.reason}" if standing.struck else declined.reason
        grounded = standing.grounded
        text = declined.reason if declined else grounded.text
        return Answer(
            question=question,
            standalone_question=standalone,
            text=text,
            sentences=() if declined else grounded.sentences,
            citations=() if declined else grounded.citations,
            papers=grounded.papers,
            refusal=declined,
            model=self._llm.model if self._llm else EMBEDDED,
            usage=self._usage(standalone, text, grounded, standing.draft, spent),
            timings_ms=clock.laps(),
            receipt=self._receipt,
            struck=standing.struck,
            trouble=ranking.trouble,
        )

    def _withheld(
        self, standing: Standing, ranking: Ranking, homes: Sequence[str]
    ) -> Refusal | None:
        """The refusal of a model, or of what it wrote where no source bears any of it out."""
        if not standing.draft.refused:
            return None
        found = refusal.made(ranking, homes)
        if standing.struck and self._llm:
            reason = f"No source bears out what {self._llm.model} wrote. {found.reason}"
            return replace(found, reason=reason)
        return found

    def _standalone(
        self, question: str, history: Sequence[Turn], filters: Filters
    ) -> tuple[str, Usage]:
        if not history:
            return question, Usage()
        if self._llm is None:
            return condense.by_rules(self._retriever, question, history, filters), Usage()
        return condense.by_model(self._llm, self._prompts, question, history)

    def _declined(self, ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
        """Below the floor nothing is written, and no model asked."""
        if self._llm is None and (declined := refusal.by_premise(ranking, named)):
            return declined
        # A model knows other words for a name; quoted sentences must have the name itself.
        if declined := refusal.by_name(ranking, named if self._llm is None else {}):
            return declined
        if self._llm is None and (declined := refusal.by_detail(ranking)):
            return declined
        homes = list(named.values())
        best = ranking.passages[ranking.papers[0].paper.paper_id]
        found = quotes(self._models.quoting, ranking.question, ranking.query, best)
        row = answerability.features(ranking, found)
        probability = float(self._models.refusal.probability(row[None])[0])
        least = self._limits.floor
        if self._llm is None:
            least = floor.floor_of(self._readings.catalog, self._limits.stated_floor)
        if selection.wants_several(ranking.question, homes):
            # The best paper alone need not cover what is asked of several.
            least *= _FLOOR_OF_SEVERAL
        return refusal.made(ranking, homes) if probability < least else None

    def _steps(
        self, ranking: Ranking, question: str, homes: Sequence[str], top_k: int, clock: "Clock"
    ) -> Generator[str | Sentence, None, Standing]:
        judge = Remembering(self._models.judge)

        def beside(draft: Draft) -> Grounded:
            return ground(draft, self._readings, judge)

        def grounded(draft: Draft) -> Grounded:
            with clock.counting("verify"):
                return beside(draft)

        # What is new is listed, not answered: no paper of a list contradicts another.
        several = bool(news(ranking.question)) or selection.wants_several(ranking.question, homes)
        if self._llm is None:
            chosen = selection.quoted(
                self._models.quoting, ranking, question, homes, self._limits.max_words
            )
            draft = yield from embedded(chosen)
            if not several:
                draft = yield from sides.both_sides(draft, ranking, ranking.question)
            return Standing(draft, grounded(draft))
        named = [hit for hit in ranking.papers if hit.paper.paper_id in homes]
        rest = [hit for hit in ranking.papers if hit not in named]
        wanted = [*named, *rest][: max(top_k, len(named))]
        papers = _fitting(wanted, self._limits.context_tokens, self._llm.model)
        messages = self._prompts.answer(papers, ranking.question)
        limits = self._limits
        writer = Writer(
            self._llm,
            self._prompts,
            limits.max_tokens,
            limits.samples,
            limits.repairs,
            limits.strike,
        )
        standing = yield from writer.write(messages, papers, grounded, beside)
        if several or standing.draft.refused or standing.struck:
            return standing
        draft = yield from sides.both_sides(standing.draft, ranking, ranking.question)
        return standing if draft is standing.draft else Standing(draft, grounded(draft))

    def _usage(
        self, asked: str, text: str, grounded: Grounded, draft: Draft, spent: Usage
    ) -> Usage:
        """What the model's server counted, or what tiktoken counts of what was read and said."""
        if self._llm:
            pairs = zip(draft.usage, spent, strict=True)
            return Usage(*(one + other for one, other in pairs))
        read = [f"{hit.paper.title}\n{hit.paper.abstract}" for hit in grounded.papers]
        return Usage(sum(map(tokens.count, (asked, *read))), tokens.count(text), 0)


_NOTHING_NEAR = Verdict("not_in_evidence", 0.0, None, "the corpus holds nothing near it")
_FLOOR_OF_SEVERAL = 0.5


def _checked(question: str) -> str:
    if not question.strip():
        raise UsageError('the question is empty: ask something, assistant ask "…"')
    return check_question(question)


def _fitting(papers: Sequence[ScoredPaper], budget: int, model: str) -> Sequence[ScoredPaper]:
    """The best papers whose abstracts fit the budget; the best one always."""
    texts = [f"{hit.paper.title}\n{hit.paper.abstract}" for hit in papers]
    return papers[: max(1, tokens.head_that_fits(texts, budget, model))]
