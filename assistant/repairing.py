"""A model's replies -> the one that stands: the best borne out, asked for once more where few are.

What no source bears out even then is struck, where the settings say so, or the answer is withheld.
"""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assistant.answering import generated
from assistant.citations import Draft, Renumbering
from assistant.early import Early
from assistant.errors import ProviderError
from assistant.grounding import Grounded, renumbered
from assistant.prompts import Prompts
from assistant.schema import LLM, Message, ScoredPaper, Sentence, Usage, VerdictLabel

_FAULTS: frozenset[VerdictLabel] = frozenset({"contradicted", "not_in_evidence", "uncited"})
# Below this share of supported claims a reply is worth asking for again.
_ENOUGH = 0.5
# A model that declines is trusted more than one that writes what few sources bear out.
_DECLINED = 0.5


class Attempt(NamedTuple):
    """One reply, held against its sources."""

    draft: Draft
    grounded: Grounded

    @property
    def support(self) -> float:
        """The share of its claims that are supported."""
        if self.draft.refused:
            return _DECLINED
        claims = claims_of(self.grounded)
        good = sum(sentence.verdict.label == "supported" for sentence in claims)
        return good / len(claims) if claims else 0.0


class Standing(NamedTuple):
    """What is left of the replies."""

    draft: Draft
    grounded: Grounded
    struck: tuple[Sentence, ...] = ()
    """Sentences that were taken out, since no source bears them out."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A model, and how often it may be asked for one answer."""

    llm: LLM
    prompts: Prompts
    max_tokens: int
    samples: int = 1
    repairs: int = 1
    strike: bool = False

    def write(
        self,
        messages: Sequence[Message],
        papers: Sequence[ScoredPaper],
        ground: Callable[[Draft], Grounded],
        early: Callable[[Draft], Grounded],
    ) -> Generator[str | Sentence, None, Standing]:
        """The text as it comes, or once the best of several replies is known; then what stands.

        Among the text stand its sentences, each as soon as `early`, from another thread, judged it.
        """
        if self.samples == 1:
            order = Renumbering(len(papers))
            steps = generated(self.llm, messages, papers, self.max_tokens, order)
            draft = yield from Early(papers, early, order).beside(steps)
            best = Attempt(draft, ground(draft))
        else:
            drafts = [self._heard(messages, papers) for _ in range(self.samples)]
            best = max((Attempt(one, ground(one)) for one in drafts), key=_worth)
            spent = total(draft.usage for draft in drafts)
            best = best._replace(draft=best.draft._replace(usage=spent))
        for _ in range(self.repairs):
            if best.draft.refused or best.support >= _ENOUGH:
                break
            best = self._repaired(best, messages, papers, ground)
        if self.samples > 1 and not best.draft.refused:
            yield best.grounded.text
            yield from best.grounded.sentences
        return self._standing(best)

    def _heard(self, messages: Sequence[Message], papers: Sequence[ScoredPaper]) -> Draft:
        steps = generated(self.llm, messages, papers, self.max_tokens)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                draft: Draft = end.value
                return draft

    def _repaired(
        self,
        first: Attempt,
        messages: Sequence[Message],
        papers: Sequence[ScoredPaper],
        ground: Callable[[Draft], Grounded],
    ) -> Attempt:
        """The better of the reply and of another one, told what was wrong with it."""
        wrong = "\n".join(f"- {one.text}" for one in faults_of(first.grounded))
        told = [
            *messages,
            Message("assistant", first.draft.reply),
            Message("user", self.prompts.render("repair.user", sentences=wrong)),
        ]
        try:
            draft = self._heard(told, papers)
        except ProviderError:
            # The first reply was paid for, and is shown for what it is.
            return first
        again = Attempt(draft, ground(draft))
        best = max((first, again), key=_worth)
        spent = total((first.draft.usage, draft.usage))
        return best._replace(draft=best.draft._replace(usage=spent))

    def _standing(self, best: Attempt) -> Standing:
        draft, grounded = best
        claims, faults = claims_of(grounded), faults_of(grounded)
        if draft.refused or not claims:
            return Standing(draft, grounded)
        if len(faults) == len(claims):
            return Standing(draft._replace(refused=True), grounded, faults)
        if not self.strike or not faults:
            return Standing(draft, grounded)
        return Standing(draft, without(grounded, faults), faults)


def claims_of(grounded: Grounded) -> tuple[Sentence, ...]:
    """The sentences that say something."""
    return tuple(one for one in grounded.sentences if one.verdict.label != "not_a_claim")


def faults_of(grounded: Grounded) -> tuple[Sentence, ...]:
    """The sentences that no source bears out."""
    return tuple(one for one in grounded.sentences if one.verdict.label in _FAULTS)


def without(grounded: Grounded, gone: Sequence[Sentence]) -> Grounded:
    """The same without these sentences and without the citations that they alone had."""
    text = grounded.text
    for sentence in gone:
        words = r"\s+".join(map(re.escape, sentence.text.rstrip(".!?").split()))
        text = re.sub(rf"\s*{words}\s*(?:\[\d+\]\s*)*[.!?]?(?:[ \t]*\[\d+\])*", "", text, count=1)
    lines = [line for line in text.splitlines() if re.search(r"\w", line)]
    left = tuple(one for one in grounded.sentences if one not in gone)
    return renumbered(grounded._replace(text="\n".join(lines).strip(), sentences=left))


def total(usages: Sequence[Usage] | Generator[Usage, None, None]) -> Usage:
    """What all requests took together."""
    return Usage(*map(sum, zip(*usages, strict=True)))


def _worth(attempt: Attempt) -> tuple[float, int]:
    wrong = sum(one.verdict.label == "contradicted" for one in attempt.grounded.sentences)
    return attempt.support, -wrong
