"""A question that the corpus does not answer -> the refusal: its kind, its reason, what is near."""

import re
from collections.abc import Mapping, Sequence

from assistant import premise
from assistant import question as questions
from assistant.question import stem
from assistant.retriever import Ranking, has_name
from assistant.schema import Evidence, Refusal, RefusalKind

_SAYS = re.compile(r"\w")
_SHORT = 16
"""Words. Of 353 questions that our corpus answers none so short names what it lacks."""


def by_name(ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
    """The refusal of a question that names what is not there; `named` are papers by name."""
    # A question of hidden characters alone has no pieces to look for.
    if not ranking.papers or not len(ranking.query.weights) or not _SAYS.search(ranking.question):
        return Refusal("not_in_corpus", "No paper of the corpus has anything to do with this.")
    if ranking.papers[0].paper.paper_id in named.values():
        return _unless_mentioned(ranking, named)
    # A long question may name in passing what no paper has.
    is_short = len(ranking.question.split()) <= _SHORT
    return made(ranking, ()) if ranking.foreign and is_short else None


def by_premise(ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
    """The refusal of a question that takes for granted what its paper's abstract denies."""
    if not ranking.papers or _may_be_another(ranking, named):
        return None
    best = ranking.papers[0].paper
    passages = ranking.passages[best.paper_id]
    found = premise.contrary(ranking.question, best.title, passages)
    return _denied(ranking, found, "says") if found else None


def _may_be_another(ranking: Ranking, named: Mapping[str, str]) -> bool:
    """Whether another paper than the best one may be meant."""
    best = ranking.papers[0].paper.paper_id
    if questions.wants_several(ranking.question) or set(named.values()) - {best}:
        return True
    return not named and ranking.coverages[best] < _ON_TOPIC


def _denied(ranking: Ranking, found: premise.Contrary, verb: str) -> Refusal:
    best, one = ranking.papers[0].paper, found.passage
    evidence = Evidence(best.paper_id, one.text, one.start, one.end)
    reason = f"The abstract {verb} {found.reason}: {best.title}."
    return Refusal("false_premise", reason, ranking.papers[:_NEAREST], evidence)


def _unless_mentioned(ranking: Ranking, named: Mapping[str, str]) -> Refusal | None:
    absent, title = _not_mentioned(ranking, named), ranking.papers[0].paper.title
    if not absent:
        return None
    passages = ranking.passages[ranking.papers[0].paper.paper_id]
    if found := premise.other_of_kind(absent, passages):
        return _denied(ranking, found, "reports")
    reason = f"The paper is here, but its abstract does not mention {_listed(absent)}: {title}."
    return Refusal("not_stated", reason, ranking.papers[:_NEAREST])


def by_detail(ranking: Ranking) -> Refusal | None:
    """The refusal of a question for a detail whose very words the best abstract lacks.

    Of 293 questions that our corpus answers none is such, of 180 that it does not answer 9 are.
    """
    span = questions.asked_for(ranking.question)
    if not ranking.papers or span is None or not questions.asks_for_detail(ranking.question):
        return None
    best, thing = ranking.papers[0].paper, ranking.question[slice(*span)]
    text = f"{best.title} {best.abstract}".lower()
    words = questions.content_words(thing)
    if questions.wants_several(ranking.question) or all(stem(word) in text for word in words):
        return None
    reason = f"The nearest paper's abstract tells no {thing.strip()}: {best.title}."
    return Refusal("not_stated", reason, ranking.papers[:_NEAREST])


def made(ranking: Ranking, homes: Sequence[str]) -> Refusal:
    """The refusal of a question that what was found does not answer."""
    kind, title = kind_of(ranking, homes), ranking.papers[0].paper.title
    if ranking.foreign and kind == "not_in_corpus":
        reason = f"No paper of the corpus mentions {_listed(ranking.foreign)}."
    else:
        reason = _REASONS[kind].format(title=title)
    return Refusal(kind, reason, ranking.papers[:_NEAREST])


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def _not_mentioned(ranking: Ranking, named: Mapping[str, str]) -> tuple[str, ...]:
    """What the question names beside the one paper it is about, and the paper does not mention."""
    best = ranking.papers[0].paper
    if set(named.values()) != {best.paper_id} or questions.wants_several(ranking.question):
        return ()
    others = (name for name in questions.names(ranking.question) if name not in named)
    return tuple(name for name in others if not has_name(best, name))


def kind_of(ranking: Ranking, homes: Sequence[str]) -> RefusalKind:
    """Whether the best paper is the one asked about, so that it is its abstract that is silent."""
    best = ranking.papers[0].paper.paper_id
    near = best in homes or ranking.coverages[best] >= _ON_TOPIC
    return "not_stated" if near else "not_in_corpus"


_ON_TOPIC = 0.72
_NEAREST = 3
_REASONS = {
    "not_in_corpus": "No paper of the corpus answers this.",
    "not_stated": "The paper is here, but its abstract does not say: {title}.",
}
