"""A question after what is new -> its topic and date, and the papers that are new on it."""

import re
from calendar import month_abbr, month_name
from dataclasses import replace
from typing import NamedTuple

from assistant.errors import UsageError
from assistant.period import period
from assistant.retriever import READ_TOGETHER, Ranking, Retriever
from assistant.rows import days_of
from assistant.schema import Filters, Refusal, ScoredPaper

_NEAREST = 3
# On 106 dated papers: what is on a topic covers .66 and more of it, what is not .61 and less.
_ON_TOPIC = 0.65


class News(NamedTuple):
    """What someone wants to hear of, and since when, ISO 8601."""

    topic: str
    since: str

    @property
    def question(self) -> str:
        """The question that papers on the topic answer."""
        return f"Which papers are about {self.topic}?"

    def listed(self, retriever: Retriever, limit: int, filters: Filters) -> list[ScoredPaper]:
        """The papers on the topic, the newest first; none where none is on it."""
        found = self.found(retriever, max(limit, READ_TOGETHER), filters)
        return [] if self.declined(found) else list(found.papers[:limit])

    def found(self, retriever: Retriever, top_k: int, filters: Filters) -> Ranking:
        """The papers on the topic, the newest first; those nearest to it where none is on it."""
        dates = filter(None, (filters.since, self.since))
        since = max(dates, key=lambda date: period(date).first)
        found = retriever.rank(self.topic, top_k, replace(filters, since=since))
        on_it = [hit for hit in found.papers if _is_on_topic(found, hit)]
        on_it.sort(key=lambda hit: days_of(hit.paper.date)[1] or "", reverse=True)
        papers = tuple(replace(hit, rank=rank) for rank, hit in enumerate(on_it, 1))
        return replace(found, question=self.question, papers=papers or found.papers)

    def declined(self, found: Ranking) -> Refusal | None:
        """What to say where no paper is on the topic."""
        if any(_is_on_topic(found, hit) for hit in found.papers):
            return None
        reason = f"No paper of the corpus since {self.since} is about {self.topic}."
        return Refusal("not_in_corpus", reason, found.papers[:_NEAREST])


def _is_on_topic(found: Ranking, hit: ScoredPaper) -> bool:
    return found.coverages[hit.paper.paper_id] >= _ON_TOPIC


_MONTHS = {
    name.lower(): number
    for names in (month_name, month_abbr)
    for number, name in enumerate(names)
    if name
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = (
    r"\d{4}(?:-\d\d){0,2}"
    rf"|(?:(?:{_MONTH})\.? (?:\d{{1,2}}, )?|\d{{1,2}} (?:{_MONTH})\.? )\d{{4}}"
)
_NEW = (
    r"(?:what(?:[’']s| is| was| has been| came)? (?:new|published|written)"
    r"|(?:is there |are there )?any(?:thing)? (?:news?|new papers?)"
    r"|(?:(?:which|what) (?:are the )?)?new papers?(?: are there)?|news)"
)
_ON = r"(?:on|in|about|for|regarding|of)"
_FORMS = tuple(
    re.compile(rf"(?:(?:and|so|tell me),? )*{form}[?.!]*", re.IGNORECASE)
    for form in (
        rf"{_NEW} {_ON} (?P<topic>.+?),? (?:since|after|from) (?P<date>{_DATE})(?: on)?",
        rf"{_NEW} (?:since|after|from) (?P<date>{_DATE})(?: on)?,? {_ON} (?P<topic>.+?)",
        rf"since (?P<date>{_DATE}),? {_NEW} {_ON} (?P<topic>.+?)",
    )
)
_WRITTEN = re.compile(rf"(?P<month>{_MONTH})\.? (?:(?P<day>\d{{1,2}}), )?(?P<year>\d{{4}})", re.I)
_DAY_FIRST = re.compile(rf"(?P<day>\d{{1,2}}) (?P<month>{_MONTH})\.? (?P<year>\d{{4}})", re.I)


def news(question: str) -> News | None:
    """What a question wants to hear of; None for a question that asks for something else.

    >>> news("What is new on LoRA serving since March 2024?")
    News(topic='LoRA serving', since='2024-03')
    """
    asked = " ".join(question.split())
    for form in _FORMS:
        if found := form.fullmatch(asked):
            since = _iso(found["date"])
            return News(found["topic"], since) if since else None
    return None


def _iso(date: str) -> str | None:
    """The date as it is kept; None for one that no calendar has."""
    if found := _WRITTEN.fullmatch(date) or _DAY_FIRST.fullmatch(date):
        day = f"-{int(found['day']):02}" if found["day"] else ""
        date = f"{found['year']}-{_MONTHS[found['month'].lower()]:02}{day}"
    try:
        period(date)
    except UsageError:
        return None
    return date
