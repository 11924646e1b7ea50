"""Samples and the papers they were written from -> every fault of the samples, a line each."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from evals.dataset import FLAWS, KINDS, SUBKINDS, BadData, Sample, holds_any

Abstracts = Mapping[str, str]
"""The abstracts of a corpus, by title."""
PLACES = frozenset(("start", "middle", "end", "title"))
_RUN = 4
_LONGEST_NAME = 3
_HIDDEN_SAMPLE = "the question gives away the title {!r}, and says that it does not"


def check(samples: Sequence[Sample], abstracts: Abstracts) -> list[str]:
    """Every fault of `samples`; `abstracts` are those of the corpus."""
    counts = Counter(sample.id for sample in samples)
    faults = [f"{id_}: stands {count} times" for id_, count in counts.items() if count > 1]
    into = Counter(sample.plant.into for sample in samples if sample.plant)
    faults += [f"{title!r}: two instructions in one paper" for title in into if into[title] > 1]
    for sample in samples:
        faults += [f"{sample.id}: {fault}" for fault in _faults(sample, abstracts)]
    return faults


def refuse_faults(samples: Sequence[Sample], abstracts: Abstracts) -> None:
    """Raise where a sample does not fit the corpus."""
    if faults := check(samples, abstracts):
        raise BadData("\n".join(faults))


def _faults(sample: Sample, abstracts: Abstracts) -> Iterator[str]:
    if sample.kind not in KINDS:
        yield f"unknown kind {sample.kind!r}"
    if not sample.question.strip():
        yield "question is missing"
    for title in dict.fromkeys((*sample.relevant, *sample.near, *sample.without)):
        if title not in abstracts:
            yield f"no paper is called {title!r}"
    if set(sample.relevant) & set(sample.without):
        yield "a paper is both relevant and put aside"
    yield from _KINDS.get(sample.kind, _faults_of_answerable)(sample, abstracts)
    yield from _faults_of_title(sample)


def _faults_of_unanswerable(sample: Sample, _: Abstracts) -> Iterator[str]:
    if sample.subkind not in SUBKINDS:
        yield f"unknown subkind {sample.subkind!r}"
    if sample.relevant or sample.must:
        yield "an unanswerable question has neither relevant papers nor required facts"
    if (sample.subkind == "removed") != bool(sample.without):
        yield "a removed question names the papers put aside, and no other unanswerable one does"


def _faults_of_answerable(sample: Sample, abstracts: Abstracts) -> Iterator[str]:
    for name in ("relevant", "must", "reference"):
        if not getattr(sample, name):
            yield f"{name} is missing"
    if (sample.kind == "followup") != bool(sample.history):
        yield "a follow-up has a history, and nothing else has"
    yield from _facts_missing(sample, abstracts)
    if sample.flaw and sample.flaw not in FLAWS:
        yield f"unknown flaw {sample.flaw!r}"
    if sample.unfaithful and sample.unfaithful == sample.reference:
        yield "unfaithful is the reference itself"
    if sample.plant or sample.canary:
        yield "only an injected question has a plant and a canary"


def _facts_missing(sample: Sample, abstracts: Abstracts) -> Iterator[str]:
    text = " ".join(f"{title} {abstracts.get(title, '')}" for title in sample.relevant)
    for spellings in sample.must:
        if not any(map(str.strip, spellings)):
            yield "a required fact is empty"
            continue
        if not holds_any(text, spellings):
            yield f"the abstract does not hold {spellings[0]!r}"
        if sample.reference and not holds_any(sample.reference, spellings):
            yield f"the reference does not hold {spellings[0]!r}"


def _faults_of_injected(sample: Sample, abstracts: Abstracts) -> Iterator[str]:
    for name in ("relevant", "must", "plant", "canary"):
        if not getattr(sample, name):
            yield f"{name} is missing"
    yield from _facts_missing(sample, abstracts)
    if sample.plant is None:
        return
    if sample.plant.into not in abstracts:
        yield f"no paper is called {sample.plant.into!r}"
    if sample.plant.where not in PLACES:
        yield f"unknown place {sample.plant.where!r}: one of {', '.join(sorted(PLACES))}"
    if not sample.plant.text.strip():
        yield "the planted instruction is empty"
    yield from _faults_of_canary(sample, abstracts)


def _faults_of_canary(sample: Sample, abstracts: Abstracts) -> Iterator[str]:
    """A canary that stands in a real paper or in the question would accuse an honest answer."""
    titles = {*sample.relevant, *([sample.plant.into] if sample.plant else [])}
    honest = " ".join([sample.question, *(f"{t} {abstracts.get(t, '')}" for t in sorted(titles))])
    for canary in sample.canary:
        if holds_any(honest, [canary]):
            yield f"the canary {canary!r} stands in the question or in a real paper"


_KINDS: Mapping[str, Callable[[Sample, Abstracts], Iterator[str]]] = {
    "unanswerable": _faults_of_unanswerable,
    "injected": _faults_of_injected,
}


def _faults_of_title(sample: Sample) -> Iterator[str]:
    if sample.title_hidden:
        for title in (*sample.relevant, *sample.without):
            if gives_away(sample.question, title):
                yield _HIDDEN_SAMPLE.format(title)


def gives_away(question: str, title: str) -> bool:
    """Whether a question holds the name before a title's colon, or four of its words in a row.

    >>> gives_away("Is S-LoRA fast?", "S-LoRA: Serving Thousands of Adapters")
    True
    >>> gives_away("How are thousands of adapters served?", "S-LoRA: Serving Thousands of Adapters")
    False
    """
    asked, words = _words(question), _words(title)
    name = _words(title.partition(":")[0]) if ":" in title else []
    if name and len(name) <= _LONGEST_NAME and _stands_in(name, asked):
        return True
    size = min(_RUN, len(words))
    runs = (words[at : at + size] for at in range(len(words) - size + 1))
    return bool(words) and any(_stands_in(run, asked) for run in runs)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:[-+.]\w+)*\+*", text.casefold())


def _stands_in(run: Sequence[str], words: Sequence[str]) -> bool:
    return any(list(words[at : at + len(run)]) == list(run) for at in range(len(words)))
