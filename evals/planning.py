"""A run that is about to begin -> how many tokens it is going to take, and so what it may cost."""

from collections.abc import Iterable, Sequence

from assistant import tokens
from assistant.build import Assistant
from assistant.config import EMBEDDED
from assistant.schema import Usage
from evals.cost import Planned, Prices, total
from evals.dataset import Sample
from evals.judging import Judging
from evals.llm_judge import MAX_TOKENS
from evals.row import Row

_CLAIMS = 4
"""So many an answer is taken to have, as long as there is none."""
_INSTRUCTIONS = 400
"""Tokens of a judge's prompt without what is judged."""
_REPLY = 80
_WHOLE_ANSWER = 3
"""Requests about the answer as a whole."""


class Plan:
    """What each call is expected to take, by tiktoken's count of what it sends."""

    def __init__(self, assistant: Assistant, judging: Judging) -> None:
        settings = assistant.settings
        self.answerer = settings.answering_model
        self.judge = judging.llm.model if judging.llm else ""
        self._judges = len(judging.judges)
        papers = assistant.catalog.papers()
        texts = [f"{paper.title}\n{paper.abstract}" for paper in papers[:_SAMPLED]]
        self._paper = sum(map(tokens.count, texts)) // max(1, len(texts))
        read = self._paper * settings.retrieval.top_k
        self._sources = min(read, settings.answer.context_tokens)
        self._prompt = sum(
            tokens.count(assistant.prompts.templates[name].template)
            for name in ("answer.system", "answer.user")
        )
        self._max_tokens = settings.answer.max_tokens

    @property
    def models(self) -> list[str]:
        """The models that are going to be called."""
        answerer = [] if self.answerer == EMBEDDED else [self.answerer]
        return [*answerer, *([self.judge] if self._judges else [])]

    def of_answer(self, sample: Sample) -> Usage:
        """What answering one question takes at most."""
        if self.answerer == EMBEDDED:
            return Usage()
        asked = tokens.count(sample.question)
        said = sum(tokens.count(turn.user + turn.assistant) for turn in sample.history)
        read = self._prompt + self._sources + asked + 2 * said
        return Usage(read, self._max_tokens, 2 if sample.history else 1)

    def of_judging(self, row: Row) -> Usage:
        """What judging one answer takes at most."""
        if not self._judges:
            return Usage()
        answer = tokens.count(row.text)
        cited = [claim for claim in row.claims if claim.cited]
        read = sum(_INSTRUCTIONS + self._paper * len(claim.cited) + answer for claim in cited)
        read += _WHOLE_ANSWER * (_INSTRUCTIONS + answer + self._paper * len(row.shown))
        requests = len(cited) + _WHOLE_ANSWER
        return Usage(read, requests * MAX_TOKENS, requests)

    def parts(self, samples: Sequence[Sample], prices: Prices) -> list[Planned]:
        """What answerer and judge need for all of `samples`; none for what costs nothing."""
        found = []
        if self.answerer != EMBEDDED:
            usage = total(map(self.of_answer, samples))
            found.append(Planned("answerer", self.answerer, usage, prices.of(self.answerer)))
        if self._judges:
            usage = total(self._judging_of(samples))
            found.append(Planned("judge", self.judge, usage, prices.of(self.judge)))
        return found

    def _judging_of(self, samples: Iterable[Sample]) -> Iterable[Usage]:
        for _ in samples:
            requests = _CLAIMS + _WHOLE_ANSWER
            read = requests * _INSTRUCTIONS + _CLAIMS * self._paper + _WHOLE_ANSWER * self._sources
            yield Usage(read, requests * _REPLY, requests)


_SAMPLED = 200
