"""The chat tab: a question into a streamed, cited and verified answer beside its sources."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from assistant import feedback
from assistant.config import EMBEDDED
from assistant.errors import AssistantError, UsageError
from assistant.export import exported
from assistant.period import asked as period_asked
from assistant.period import filters
from assistant.plural import counted
from assistant.records import answer_record, check_question, plain
from assistant.schema import Sentence
from assistant.ui.conversation import (
    MOST_TURNS,
    Asked,
    ChatTurn,
    answers,
    corpus_of,
    history,
    turns_of,
)
from assistant.ui.corpora import Each, catalog_of, over
from assistant.ui.opening import Openings, opening_html
from assistant.ui.sources import EMPTY, sources_html
from assistant.ui.stopping import Stop, until
from assistant.ui.transcript import live_html, transcript_html

if TYPE_CHECKING:
    from assistant.build import Assistant

_LOG = logging.getLogger(__name__)
# So often is text shown that comes faster than anyone reads.
_FRAME_S = 0.05


class Shown(NamedTuple):
    """What the page shows; None leaves a part as it is."""

    transcript: str | None = None
    live: str | None = None
    sources: str | None = None
    turns: list[ChatTurn] | None = None
    kept: dict[str, Any] | None = None
    """The conversation, for the browser to keep."""
    question: str | None = None


class Chat:
    """What the chat tab does; knows nothing of widgets."""

    def __init__(self, assistant: "Assistant") -> None:
        self._assistant = assistant
        self._openings = Each(assistant, Openings)

    def answer(
        self,
        question: str,
        turns: Sequence[ChatTurn],
        asked: Asked,
        name: str,
        stop: Stop | None = None,
    ) -> Iterator[Shown]:
        """The question's answer as it comes, or until a stop; `turns` are those before it."""
        before = list(turns)
        if before:
            asked = asked._replace(corpus=corpus_of(before))
        live = ChatTurn(question.strip(), asked)
        try:
            self._check(live, before)
            yield Shown(live=live_html(live, len(before)), turns=[*before, live], question="")
            for grown, judged in until(stop or Stop(), self._steps(live, before)):
                live = grown
                yield Shown(live=live_html(live, len(before), judged), turns=[*before, live])
        except AssistantError as error:
            live = replace(live, trouble=str(error))
        except Exception:
            live = replace(live, trouble=_unexpected())
        # A question that could not even be asked stays in the box, to be mended.
        mend = live.question if live.trouble and not live.partial else None
        yield self._whole([*before, live], name)._replace(question=mend)

    def _check(self, live: ChatTurn, before: Sequence[ChatTurn]) -> None:
        check_question(live.question)
        period_asked(live.asked.filters)
        filters(since=live.asked.since, as_of=live.asked.as_of)
        if len(before) >= MOST_TURNS:
            raise UsageError(f"a conversation has {MOST_TURNS} questions at most: start a new one")

    def _steps(
        self, live: ChatTurn, before: Sequence[ChatTurn]
    ) -> Iterator[tuple[ChatTurn, Sequence[Sentence]]]:
        """The turn as it grows, and at last whole; a partial answer is kept when it breaks off.

        With it come the sentences that a verdict is known of.
        """
        asked, last = live.asked, 0.0
        judged: tuple[Sentence, ...] = ()
        stream = over(self._assistant, asked.corpus).ask(
            live.question,
            history=history(before),
            filters=asked.filters,
            top_k=asked.top_k,
            model=asked.model,
            **({"fresh": True} if asked.fresh else {}),
        )
        try:
            for part in stream.parts():
                if isinstance(part, str):
                    live = replace(live, partial=live.partial + part)
                else:
                    judged = (*judged, part)
                # A verdict is shown at once: the next word may be long in coming.
                if not isinstance(part, str) or monotonic() - last >= _FRAME_S:
                    yield live, judged
                    last = monotonic()
            yield replace(live, partial="", record=answer_record(stream.answer())), judged
        except AssistantError as error:
            yield replace(live, trouble=str(error)), judged
        finally:
            stream.close()

    def opened(self, given: object, name: str, corpus: str | None = None) -> Shown:
        """A conversation that the browser kept, or a new one over a corpus."""
        turns = turns_of(given) if given else []
        return self._whole(turns, name, corpus)._replace(kept=None)

    def sources(self, turns: Sequence[ChatTurn], number: int) -> str:
        """The panel of that turn's answer."""
        found = answers(self._catalog(turns), [turns[number]])[0]
        return sources_html(found, number) if found else EMPTY

    def rated(self, turns: Sequence[ChatTurn], number: int, rating: str, name: str) -> Shown:
        """The conversation with the reader's word on an answer, which is kept for the evals."""
        turn = turns[number]
        if turn.record is None:
            raise UsageError("only an answer can be rated: ask first")
        folder = over(self._assistant, corpus_of(turns)).settings.data.folder
        feedback.keep(folder, turn.record, rating)
        changed = [*turns[:number], replace(turn, rating=rating), *turns[number + 1 :]]
        return self._whole(changed, name)._replace(live=None, sources=None)

    def file(self, turns: Sequence[ChatTurn], number: int, format: str) -> dict[str, str]:
        """An answer as a file, for the browser to keep."""
        found = answers(self._catalog(turns), [turns[number]])[0]
        if found is None:
            raise UsageError("only an answer can be exported: ask first")
        return {**exported(found, format)._asdict(), "key": uuid4().hex}

    def opening(self, corpus: str | None = None) -> str:
        """What the corpus holds, and what can be asked of it."""
        return opening_html(self._openings.of(corpus).now())

    def status(self, corpus: str | None = None) -> str:
        """Who answers, in one line."""
        first = self._assistant.models()[0]
        papers = counted(over(self._assistant, corpus).catalog.count(), "paper")
        if first == EMBEDDED:
            return f"{papers} · answers are quoted from the abstracts; no model is set"
        host = self._assistant.settings.answer.base_url or "OpenAI"
        return f"{papers} · answers are written by {first or 'the server’s model'} at {host}"

    def _catalog(self, turns: Sequence[ChatTurn]) -> Any:
        return catalog_of(self._assistant, corpus_of(turns))

    def _whole(self, turns: list[ChatTurn], name: str, corpus: str | None = None) -> Shown:
        found = answers(self._catalog(turns), turns)
        last = next((n for n in reversed(range(len(turns))) if found[n]), None)
        answer = found[last] if last is not None else None
        return Shown(
            transcript=transcript_html(turns, found) if turns else self.opening(corpus),
            live="",
            sources=sources_html(answer, last or 0) if answer else EMPTY,
            turns=turns,
            kept=_kept(turns, name) if turns else None,
        )


def number_of(data: Any, turns: Sequence[ChatTurn]) -> int:
    """The turn that an event of the page means."""
    number = data.get("turn") if isinstance(data, dict) else None
    if not isinstance(number, int) or not 0 <= number < len(turns):
        raise UsageError("this turn is no longer here: reload the page")
    return number


def _kept(turns: Sequence[ChatTurn], name: str) -> dict[str, Any]:
    return {"id": name, "title": turns[0].question[:120], "turns": [_plain(one) for one in turns]}


def _plain(turn: ChatTurn) -> dict[str, Any]:
    return {**plain(replace(turn, record=None)), "record": turn.record}


def _unexpected() -> str:
    """A fault of ours: the log has it, the page its number alone."""
    number = uuid4().hex[:8]
    _LOG.exception("fault %s on the page", number)
    return f"something failed here that should not: the server's log tells more of fault {number}"
