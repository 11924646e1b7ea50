"""The widgets of the chat tab, and what each event of the page does."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import gradio as gr

from assistant.clean import for_html
from assistant.config import EMBEDDED
from assistant.errors import AssistantError
from assistant.ui.chat import Chat, Shown, number_of
from assistant.ui.conversation import Asked, ChatTurn, corpus_of
from assistant.ui.corpora import over, usual
from assistant.ui.sources import EMPTY
from assistant.ui.stopping import Stop

if TYPE_CHECKING:
    from assistant.build import Assistant

Turns = list[ChatTurn]
# The names of the events that the page's script raises; Gradio looks for them in this text.
_EVENTS = ("ask", "again", "retry", "edit", "leave", "rate", "show", "export", "open")
_CONNECT = f"""
window.assistantPage.connect(element, trigger, {list(_EVENTS)!r});
"""
_KEEP = "watch('value', () => window.assistantPage.keep(props.value));"
_SAVE = "watch('value', () => window.assistantPage.save(props.value));"
# Something is under way from here, to there: what is asked meanwhile is held by the page's script.
_BEGAN = "(...inputs) => window.assistantPage.began('{}', inputs)"
_OVER = "() => window.assistantPage.over('{}')"
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""How every event of the page is wired: no API of its own, and no veil over what is read."""


class Options(NamedTuple):
    """The widgets that limit a question."""

    since: gr.Textbox
    until: gr.Textbox
    page: gr.Dropdown
    top_k: gr.Slider
    model: gr.Dropdown
    as_of: gr.Textbox
    corpus: gr.Dropdown


class Widgets(NamedTuple):
    """Everything of the tab that an event may change, in the order of `Shown`."""

    transcript: gr.HTML
    live: gr.HTML
    sources: gr.HTML
    turns: gr.State
    kept: gr.HTML
    question: gr.Textbox


class ChatTab:
    """Builds the tab where it is made; `options` and `question` are placed by the page."""

    def __init__(self, assistant: "Assistant", question: gr.Textbox, options: Options) -> None:
        self.chat = Chat(assistant)
        self._assistant = assistant
        self._options = options
        # Plain values: a callable would be asked again at load, after the browser's conversation
        # has been opened, and would put it out of mind.
        self._name: gr.State = gr.State("")
        self._stopping: gr.State = gr.State(Stop())
        self._editing: gr.State = gr.State(None)
        with gr.Row(elem_classes="desk"):
            with gr.Column(scale=3, min_width=320, elem_classes="talk"):
                transcript = gr.HTML(
                    "",
                    js_on_load=_CONNECT,
                    elem_id="transcript",
                    elem_classes="transcript",
                    apply_default_css=False,
                )
                live = gr.HTML("", js_on_load=None, elem_id="live", apply_default_css=False)
                self._editing_note = gr.HTML(
                    "", js_on_load=None, elem_id="editing", apply_default_css=False
                )
                with gr.Row(elem_classes="asking"):
                    question.render()  # type: ignore[no-untyped-call]
                    self._send = gr.Button(
                        "Ask", variant="primary", scale=0, min_width=90, elem_id="send"
                    )
                    self._stop = gr.Button(
                        "Stop", variant="stop", scale=0, min_width=90, visible=False, elem_id="stop"
                    )
            with gr.Column(scale=2, min_width=320, elem_classes="panel"):
                sources = gr.HTML(
                    EMPTY, js_on_load=None, elem_id="sources", apply_default_css=False
                )
        kept = gr.HTML({}, html_template="", js_on_load=_KEEP, elem_id="kept", visible=True)
        self._file = gr.HTML({}, html_template="", js_on_load=_SAVE, elem_id="file", visible=True)
        self._turns: gr.State = gr.State([])
        self.widgets = Widgets(transcript, live, sources, self._turns, kept, question)
        self._wire()

    def _wire(self) -> None:
        transcript, question = self.widgets.transcript, self.widgets.question
        state = [self._turns, self._name, self._stopping, *self._options]
        asked: dict[str, Any] = {"js": _BEGAN.format("ask"), **PRIVATE}
        asks = [
            gr.on(
                [question.submit, self._send.click],
                self._submitted,
                [question, self._editing, *state],
                self._outputs,
                **asked,
            ),
            transcript.ask(self._asked, [self._editing, *state], self._outputs, **asked),
            transcript.again(self._again, state, self._outputs, **asked),
            transcript.retry(self._retried, state, self._outputs, **asked),
        ]
        for one in asks:
            _when_over(one, "ask")
        parts = list(self.widgets)
        # It waits in no queue: what it ends may be what fills it.
        _when_over(self._stop.click(Stop.want, [self._stopping], queue=False, **PRIVATE), "stop")
        transcript.edit(
            self._edited, [self._turns], [question, self._editing, self._editing_note], **PRIVATE
        )
        transcript.leave(
            lambda: ["", None, ""], None, [question, self._editing, self._editing_note], **PRIVATE
        )
        transcript.rate(self._rated, [self._turns, self._name], parts, **PRIVATE)
        transcript.show(self._shown, [self._turns], [self.widgets.sources], **PRIVATE)
        transcript.export(self._exported, [self._turns], [self._file], **PRIVATE)
        corpus = self._options.corpus
        self.opened = transcript.open(self._opened, [corpus], [*self._outputs, corpus], **PRIVATE)
        """The event after which another corpus may be shown."""
        _when_over(self.opened, "open")
        # A conversation keeps its corpus: another corpus is another conversation.
        corpus.input(None, js="() => window.assistantPage.fresh()", **PRIVATE)

    @property
    def _outputs(self) -> list[Any]:
        return [
            *self.widgets,
            self._send,
            self._stop,
            self._editing,
            self._editing_note,
            self._name,
        ]

    def refreshed(self, corpus: str | None = None, page: str | None = None) -> list[Any]:
        """The status line, and the pages and the corpora that can be chosen."""
        names = self._assistant.corpora()
        if corpus not in names:
            corpus = usual(self._assistant)
        status = (
            '<header class="top"><h1>Ask the abstracts</h1>'
            f'<p class="status-line">{for_html(self.chat.status(corpus))}</p></header>'
        )
        pages = _pages(over(self._assistant, corpus))
        choice = gr.update(choices=names, value=corpus, visible=len(names) > 1)
        # A page of another corpus limits nothing here.
        value = page if (page, page) in pages else ""
        return [status, gr.update(choices=pages, value=value), choice]

    def reopens(self, event: Any) -> None:
        """After that event the opening screen tells of other papers."""
        drawn = event.then(
            self._reopened,
            [self._turns, self._options.corpus],
            [self.widgets.transcript],
            js=_BEGAN.format("reopen"),
            **PRIVATE,
        )
        _when_over(drawn, "reopen")

    def _reopened(self, turns: Turns, corpus: str | None = None) -> Any:
        """The opening screen once the corpus has changed under it."""
        return gr.skip() if turns else self.chat.opening(corpus)

    # What the events do

    def _submitted(
        self, question: str, editing: int | None, turns: Turns, *state: Any
    ) -> Iterator[list[Any]]:
        name, stop, *options = state
        before = turns if editing is None else turns[:editing]
        yield from self._run(question, before, asked_by(*options), name, stop)

    def _asked(
        self, event: gr.EventData, editing: int | None, turns: Turns, *state: Any
    ) -> Iterator[list[Any]]:
        data = _data(event)
        # A question out of the box may change an earlier one; an example never does.
        replaced = editing if data.get("typed") else None
        yield from self._submitted(str(data.get("question", "")), replaced, turns, *state)

    def _again(
        self, event: gr.EventData, turns: Turns, name: str, stop: Stop, *_: Any
    ) -> Iterator[list[Any]]:
        data = _data(event)
        with _told():
            turn = turns[number_of(data, turns)]
        aside = tuple(map(str, data.get("without", ())))
        without = tuple(dict.fromkeys((*turn.asked.without, *aside)))
        asked = turn.asked._replace(without=without)
        yield from self._run(turn.question, turns, asked, name, stop)

    def _retried(
        self, event: gr.EventData, turns: Turns, name: str, stop: Stop, *_: Any
    ) -> Iterator[list[Any]]:
        data = _data(event)
        with _told():
            number = number_of(data, turns)
        turn, model = turns[number], data.get("model")
        asked = turn.asked._replace(fresh=True, model=str(model) if model else turn.asked.model)
        yield from self._run(turn.question, turns[:number], asked, name, stop)

    def _run(
        self, question: str, before: Sequence[ChatTurn], asked: Asked, name: str, stop: Stop
    ) -> Iterator[list[Any]]:
        name = name or uuid4().hex
        for shown in self.chat.answer(question, before, asked, name, stop):
            yield [*_updates(shown), *self._rest(name, busy=shown.transcript is None)]

    def _rest(self, name: str, *, busy: bool) -> list[Any]:
        """Ask or Stop, the conversation's name; and an edit is over once it is asked."""
        return [gr.update(visible=not busy), gr.update(visible=busy), None, "", name]

    def _opened(self, event: gr.EventData, corpus: str | None = None) -> list[Any]:
        data = _data(event)
        opened = str(data.get("id") or uuid4().hex)[:64]
        with _told():
            shown = self.chat.opened(data.get("turns"), opened, corpus)
        kept = corpus_of(shown.turns or [])
        # One that is there no more cannot be chosen; the next question says so.
        choice = gr.update(value=kept) if kept in self._assistant.corpora() else gr.skip()
        return [*_updates(shown), *self._rest(opened, busy=False), choice]

    def _edited(self, event: gr.EventData, turns: Turns) -> list[Any]:
        with _told():
            number = number_of(_data(event), turns)
        note = (
            f'<p class="editing-note">Editing question {number + 1}: what follows it will be'
            ' replaced. <button type="button" class="tool" data-act="leave">Cancel</button>'
            "</p>"
        )
        return [gr.update(value=turns[number].question), number, note]

    def _rated(self, event: gr.EventData, turns: Turns, name: str) -> list[Any]:
        data = _data(event)
        with _told():
            shown = self.chat.rated(
                turns, number_of(data, turns), str(data.get("rating", "")), name
            )
        return _updates(shown)

    def _shown(self, event: gr.EventData, turns: Turns) -> str:
        with _told():
            return self.chat.sources(turns, number_of(_data(event), turns))

    def _exported(self, event: gr.EventData, turns: Turns) -> dict[str, str]:
        data = _data(event)
        with _told():
            return self.chat.file(turns, number_of(data, turns), str(data.get("format", "")))


def _when_over(event: Any, what: str) -> None:
    """The page's script is told, also where the event was turned away at the door."""
    for follows in (event.then, event.failure):
        follows(None, js=_OVER.format(what), **PRIVATE)


class _told:  # noqa: N801  # reads as a word at its use
    """Errors of a person's making become a notice on the page."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AssistantError):
            raise gr.Error(str(error), duration=8, print_exception=False)


def options_of(assistant: "Assistant") -> Options:
    """The widgets that limit a question, where they are made."""
    models = [name for name in assistant.models() if name]
    return Options(
        gr.Textbox(label="Since", placeholder="2021 or 2021-03", max_lines=1),
        gr.Textbox(label="Until", placeholder="2024 or 2024-03-12", max_lines=1),
        gr.Dropdown(_pages(assistant), value="", label="Page"),
        gr.Slider(
            1,
            20,
            value=min(20, assistant.settings.retrieval.top_k),
            step=1,
            label="Sources for an answer",
        ),
        gr.Dropdown(models, value=models[0], label="Answered by", visible=len(models) > 1),
        gr.Textbox(label="As of", placeholder="2023-05: nothing later is used", max_lines=1),
        _corpora(assistant),
    )


def _corpora(assistant: "Assistant") -> gr.Dropdown:
    names = assistant.corpora()
    return gr.Dropdown(
        names, value=usual(assistant), label="Corpus", visible=len(names) > 1, elem_id="corpus"
    )


def _pages(assistant: "Assistant") -> list[tuple[str, str]]:
    return [("every page", ""), *((page, page) for page in assistant.catalog.pages())]


def asked_by(
    since: str | None,
    until: str | None,
    page: str | None,
    top_k: float | None,
    model: str | None,
    as_of: str | None = None,
    corpus: str | None = None,
) -> Asked:
    """How the widgets say that a question is to be asked."""
    return Asked(
        since=(since or "").strip() or None,
        until=(until or "").strip() or None,
        page=page or None,
        top_k=int(top_k) if top_k else None,
        model=model or EMBEDDED,
        as_of=(as_of or "").strip() or None,
        corpus=corpus or None,
    )


def _data(event: gr.EventData) -> dict[str, Any]:
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}


def _updates(shown: Shown) -> list[Any]:
    """What a part becomes; one that stays is skipped."""
    return [gr.skip() if value is None else value for value in shown]
