"""An answer and the abstracts it was made from -> what a model says of it, claim by claim.

A reply that holds no clear verdict is kept as unparsable; the row that it belongs to then counts as
judge_failed, and never as supported or as not.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Template
from typing import Protocol

from assistant import config, sentences, tokens
from assistant.clean import for_prompt
from assistant.errors import AssistantError, ConfigError
from assistant.llm import complete
from assistant.prompts import new_fence, sources_block
from assistant.schema import LLM, Message, Paper, Piece, ScoredPaper, Usage
from evals.llm_judge_replies import CLAIM_LABELS, UNPARSABLE, verdict_of
from evals.row import Claim, Judgement, Row

Papers = Mapping[str, Paper]
"""Papers by the titles that rows use."""
MAX_TOKENS = 512
_WINDOW_TOKENS = 6_000
_REPLY_KEPT = 2_000
_PROMPTS = {
    "judge.system": frozenset[str](),
    "judge.claim": frozenset({"sources", "fence", "claim"}),
}


class Judges(Protocol):
    """Says something of an answer."""

    @property
    def id(self) -> str:
        """What must be equal for two of its verdicts to be comparable."""

    def judge(self, row: Row, papers: Papers, llm: LLM) -> Iterator[Judgement]:
        """One judgement after the other; an AssistantError where the model fails."""


class Metered:
    """A model that keeps count of what it reads and writes."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self.usage = Usage()

    @property
    def model(self) -> str:
        """The model's own name."""
        return self._llm.model

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The same reply."""
        for piece in self._llm.stream(messages, max_tokens=max_tokens):
            if piece.usage:
                self.usage = Usage(*(a + b for a, b in zip(self.usage, piece.usage, strict=True)))
            yield piece


@dataclass(frozen=True, slots=True)
class JudgePrompts:
    """The words for a judge."""

    templates: Mapping[str, Template]
    sha256: str

    @classmethod
    def load(cls) -> "JudgePrompts":
        """The prompts that the package carries, checked before any model is paid."""
        folder = config.resource("prompts")
        templates, fingerprint = {}, hashlib.sha256()
        for name, variables in _PROMPTS.items():
            path = folder / f"{name}.txt"
            try:
                text = path.read_text(encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"the prompt {path}: {error.strerror}: put it back") from None
            template = Template(text)
            if not template.is_valid() or set(template.get_identifiers()) != variables:
                wanted = ", ".join(f"${one}" for one in sorted(variables)) or "no variables"
                raise ConfigError(f"the prompt {path} has to use {wanted}, and no other")
            templates[name] = template
            fingerprint.update(f"{name}\0{text}\0".encode())
        return cls(templates, fingerprint.hexdigest())


class ClaimJudge:
    """Holds each claim against the abstracts it cites, one request a claim and window."""

    def __init__(self, prompts: JudgePrompts | None = None) -> None:
        self._prompts = prompts or JudgePrompts.load()

    @property
    def id(self) -> str:
        """The name of the method and the hash of its prompts."""
        return f"claims/{self._prompts.sha256[:16]}"

    def judge(self, row: Row, papers: Papers, llm: LLM) -> Iterator[Judgement]:
        """One judgement a claim; one that cites nothing has nothing to be held against."""
        for place, claim in enumerate(row.claims):
            cited = [papers[title] for title in claim.cited if title in papers]
            if cited:
                yield self._judged(place, claim, cited, llm)

    def _judged(self, place: int, claim: Claim, cited: Sequence[Paper], llm: LLM) -> Judgement:
        replies = [
            complete(llm, self._messages(claim.text, window), MAX_TOKENS)[0]
            for window in windows(cited, llm.model)
        ]
        label = _of_windows([verdict_of(reply, CLAIM_LABELS) for reply in replies])
        said = "\n---\n".join(reply[:_REPLY_KEPT] for reply in replies)
        return Judgement(llm.model, "claims", label, None, place, said)

    def _messages(self, claim: str, papers: Sequence[Paper]) -> list[Message]:
        fence = new_fence()
        hits = [ScoredPaper(paper, rank, 0.0) for rank, paper in enumerate(papers, 1)]
        asked = self._prompts.templates["judge.claim"].substitute(
            sources=sources_block(hits, fence), fence=fence, claim=for_prompt(claim, fence)
        )
        system = self._prompts.templates["judge.system"].substitute()
        return [Message("system", system.strip()), Message("user", asked.strip())]


def _of_windows(labels: Sequence[str]) -> str:
    """The strongest verdict of any window; one that is unparsable spoils them all."""
    if UNPARSABLE in labels:
        return UNPARSABLE
    order = ("supported", "contradicted", "partial", "not_in_evidence")
    return min(labels, key=order.index)


def windows(
    papers: Iterable[Paper], model: str = "", budget: int = _WINDOW_TOKENS
) -> list[list[Paper]]:
    """The papers in groups that a judge can read, each whole or cut between two sentences."""
    found: list[list[Paper]] = []
    left = 0
    for paper in papers:
        for part in _parts(paper, model, budget):
            size = tokens.count(f"{part.title}\n{part.abstract}", model)
            if not found or size > left:
                found.append([])
                left = budget
            found[-1].append(part)
            left -= size
    return found


def _parts(paper: Paper, model: str, budget: int) -> Iterator[Paper]:
    """A paper, in parts where it is too long; neighbours share a sentence, lest one be lost."""
    if tokens.count(f"{paper.title}\n{paper.abstract}", model) <= budget:
        yield paper
        return
    texts = sentences.texts(paper.abstract)
    room = max(1, budget - tokens.count(paper.title, model) - 1)
    start = 0
    while start < len(texts):
        size = max(1, tokens.head_that_fits(texts[start:], room, model))
        yield replace(paper, abstract=" ".join(texts[start : start + size]))
        if start + size >= len(texts):
            return
        start += max(1, size - 1)


def judged(row: Row, papers: Papers, judges: Sequence[Judges], llm: LLM) -> Row:
    """The row with what every judge says; judge_failed where one gave no verdict."""
    metered, said = Metered(llm), list[Judgement]()
    try:
        for judge in judges:
            said += judge.judge(row, papers, metered)
    except AssistantError as error:
        row = replace(row, state="judge_failed", error=f"{type(error).__name__}: {error}")
    # A bug below us fails this judge's row, and not the run.
    except Exception as error:
        row = replace(row, state="judge_failed", error=f"unexpected {error!r}")
    if row.state == "scored" and (fault := _fault(row, said)):
        row = replace(row, state="judge_failed", error=fault)
    return replace(row, judgements=tuple(map(_tidy, said)), judge_usage=metered.usage)


def _fault(row: Row, said: Sequence[Judgement]) -> str:
    """What keeps these judgements from being one clear verdict each; empty where nothing does."""
    if unclear := dict.fromkeys(one.measure for one in said if one.verdict == UNPARSABLE):
        return f"no clear verdict in the reply on {', '.join(unclear)}"
    counts = Counter((one.judge, one.measure, one.claim) for one in said)
    if twice := [measure for (_, measure, _), count in counts.items() if count > 1]:
        return f"{twice[0]} was judged twice"
    judged_claims = {one.claim for one in said if one.measure == "claims"}
    for place, claim in enumerate(row.claims, 1):
        if judged_claims and claim.cited and place - 1 not in judged_claims:
            return f"no verdict on claim {place}"
    return ""


def _tidy(one: Judgement) -> Judgement:
    # The fence differs in every request, and a reply may repeat it.
    return one._replace(reply=re.sub(r"\b[0-9a-f]{16}\b", "…", one.reply))
