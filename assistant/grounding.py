"""A draft -> its sentences with verdicts, and what each citation stands for."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from assistant.citations import CitedSentence, Draft
from assistant.late import Passage
from assistant.readings import Readings
from assistant.schema import Citation, ScoredPaper, Sentence, Verdict
from assistant.verify import is_claim


class Judges(Protocol):
    """Says of a claim whether passages bear it out."""

    def expect(self, claims: Sequence[str]) -> None:
        """Claims that will be asked about next."""

    def verdict(
        self,
        claim: str,
        passages: Sequence[Passage],
        titles: Mapping[str, str] | None = None,
        *,
        is_cited: bool = True,
    ) -> Verdict:
        """What `passages`, all sentences of the abstracts of these titles, say of `claim`."""


class Remembering:
    """A judge that is asked once what was asked before; for one answer, whose papers stay."""

    def __init__(self, judge: Judges) -> None:
        self._judge = judge
        self._known: dict[tuple[str, tuple[str, ...], bool], Verdict] = {}

    def expect(self, claims: Sequence[str]) -> None:
        """Those that were not judged yet are told to the judge."""
        judged = {claim for claim, *_ in self._known}
        self._judge.expect([claim for claim in claims if claim not in judged])

    def verdict(
        self,
        claim: str,
        passages: Sequence[Passage],
        titles: Mapping[str, str] | None = None,
        *,
        is_cited: bool = True,
    ) -> Verdict:
        """The judge's verdict."""
        key = claim, tuple(titles or ()), is_cited
        if key not in self._known:
            verdict = self._judge.verdict(claim, passages, titles, is_cited=is_cited)
            self._known[key] = verdict
        return self._known[key]


class Grounded(NamedTuple):
    """An answer, verified."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    papers: tuple[ScoredPaper, ...]
    """The cited ones first, then what else was read."""


def ground(draft: Draft, readings: Readings, judge: Judges) -> Grounded:
    """Each sentence held against what it cites; one that cites nothing, against all read."""
    papers, text, said, at = [*draft.papers], draft.text, [], 0
    passages = readings.of([hit.paper for hit in (*draft.papers, *draft.others)])
    judge.expect([sentence.text for sentence in draft.sentences if is_claim(sentence.text)])
    for sentence in draft.sentences:
        if sentence.numbers or not is_claim(sentence.text):
            said.append(_judged(sentence, papers, passages, judge))
            continue
        found = _attributed(sentence.text, (*papers, *draft.others), passages, judge)
        if found is None:
            said.append(_uncited(sentence.text, (*papers, *draft.others), passages, judge))
            continue
        hit, verdict = found
        if hit not in papers:
            papers.append(hit)
        number = papers.index(hit) + 1
        text, at = _marked(text, at, sentence.text, number)
        said.append(Sentence(sentence.text, (number,), verdict))
    text, said, papers = _in_order(text, said, papers)
    rest = [hit for hit in draft.others if hit not in papers]
    return Grounded(text, tuple(said), _citations(papers, said), (*papers, *rest))


def renumbered(grounded: Grounded) -> Grounded:
    """The same after sentences were taken out: citations that nothing carries are gone."""
    count = len(grounded.citations)
    text, said, papers = _in_order(grounded.text, grounded.sentences, grounded.papers[:count])
    used = {number for sentence in said for number in sentence.citations}
    cited, rest = papers[: len(used)], papers[len(used) :]
    return Grounded(
        text, tuple(said), _citations(cited, said), (*cited, *rest, *grounded.papers[count:])
    )


def _in_order(
    text: str, said: Sequence[Sentence], papers: Sequence[ScoredPaper]
) -> tuple[str, list[Sentence], list[ScoredPaper]]:
    """The same, numbered in order of first citation: a source found later may be cited earlier."""
    order = list(dict.fromkeys(number for sentence in said for number in sentence.citations))
    order += [number for number in range(1, len(papers) + 1) if number not in order]
    new = {old: number for number, old in enumerate(order, 1)}
    marked = re.sub(r"\[(\d+)\]", lambda mark: f"[{new.get(int(mark[1]), int(mark[1]))}]", text)
    sentences = [
        replace(one, citations=tuple(new[number] for number in one.citations)) for one in said
    ]
    return marked, sentences, [papers[number - 1] for number in order]


def _marked(text: str, start: int, sentence: str, number: int) -> tuple[str, int]:
    """`text` with a citation behind the next such sentence, and where that ends."""
    # A sentence has single spaces where the text may have more.
    found = re.compile(r"\s+".join(map(re.escape, sentence.split()))).search(text, start)
    if not found:
        return text, start
    marked = f"{text[: found.end()]} [{number}]"
    return marked + text[found.end() :], len(marked)


def verdict_of(
    claim: str,
    hits: Sequence[ScoredPaper],
    passages: Mapping[str, Sequence[Passage]],
    judge: Judges,
    *,
    is_cited: bool = True,
) -> Verdict:
    """The judge's word on `claim` against all these papers together."""
    titles = {hit.paper.paper_id: hit.paper.title for hit in hits}
    evidence = [passage for id_ in titles for passage in passages[id_]]
    return judge.verdict(claim, evidence, titles, is_cited=is_cited)


def _judged(
    sentence: CitedSentence,
    papers: Sequence[ScoredPaper],
    passages: Mapping[str, Sequence[Passage]],
    judge: Judges,
) -> Sentence:
    if not is_claim(sentence.text):
        return Sentence(sentence.text, sentence.numbers, Verdict("not_a_claim", 0.0))
    cited = [papers[number - 1] for number in sentence.numbers]
    # Two sources for one sentence: either may hold it whole, or both together.
    verdicts = [verdict_of(sentence.text, [hit], passages, judge) for hit in cited]
    if len(cited) > 1:
        verdicts.append(verdict_of(sentence.text, cited, passages, judge))
    return Sentence(sentence.text, sentence.numbers, max(verdicts, key=_trust))


def _trust(verdict: Verdict) -> tuple[bool, float]:
    return verdict.label == "supported", verdict.score


def _attributed(
    claim: str,
    hits: Sequence[ScoredPaper],
    passages: Mapping[str, Sequence[Passage]],
    judge: Judges,
) -> tuple[ScoredPaper, Verdict] | None:
    """The paper that supports a sentence which names none."""
    judged = [(hit, verdict_of(claim, [hit], passages, judge, is_cited=False)) for hit in hits]
    supported = [pair for pair in judged if pair[1].label == "supported"]
    # Of papers that say the same the nearest to the question, in whatever order they come.
    return max(supported, key=lambda pair: (pair[1].score, -pair[0].rank), default=None)


def _uncited(
    claim: str,
    hits: Sequence[ScoredPaper],
    passages: Mapping[str, Sequence[Passage]],
    judge: Judges,
) -> Sentence:
    ranked = sorted(hits, key=lambda hit: hit.rank)
    verdicts = [verdict_of(claim, [hit], passages, judge, is_cited=False) for hit in ranked]
    nearest = max(verdicts, key=lambda verdict: verdict.score, default=Verdict("uncited", 0.0))
    reason = "no source is cited, and none that was read supports it"
    return Sentence(claim, (), Verdict("uncited", nearest.score, nearest.evidence, reason))


def _citations(papers: Iterable[ScoredPaper], said: Sequence[Sentence]) -> tuple[Citation, ...]:
    return tuple(
        Citation(number, hit.paper.paper_id, hit.paper.title, _quote(hit, said), hit.paper.url)
        for number, hit in enumerate(papers, 1)
    )


def _quote(hit: ScoredPaper, said: Sequence[Sentence]) -> str:
    """The span of this paper that supports the surest sentence."""
    spans = [
        (sentence.verdict.score, sentence.verdict.evidence.quote)
        for sentence in said
        if sentence.verdict.evidence and sentence.verdict.evidence.paper_id == hit.paper.paper_id
    ]
    return max(spans, key=lambda span: span[0], default=(0.0, ""))[1]
