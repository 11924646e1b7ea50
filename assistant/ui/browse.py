"""The tab of all papers: plots, filters, the table, and the paper that was chosen in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from assistant.clean import for_html
from assistant.contents import Row
from assistant.errors import AssistantError
from assistant.schema import Paper
from assistant.sightings import Version, versions
from assistant.ui.chart import charts_html
from assistant.ui.corpora import Each
from assistant.ui.desk import Desk
from assistant.ui.papers import paper_html
from assistant.ui.table import Rows, View, shown, table_html, turned
from assistant.ui.versions import versions_html

if TYPE_CHECKING:
    from assistant.build import Assistant

_EVERY_PAGE = "every page"
_FILTERS = 4
"""So many inputs limit the table: words, page, since and until."""
_MOST_SIGHTINGS = 50
_MOST_NAMES = 100
_NOT_A_TITLE = str.maketrans("“”", '""')

_TABLE_JS = """
element.addEventListener('click', (event) => {
  const sort = event.target.closest('[data-sort]');
  const move = event.target.closest('[data-move]');
  const row = event.target.closest('[data-paper]');
  if (sort) trigger('click', {sort: sort.dataset.sort});
  else if (move) trigger('click', {move: Number(move.dataset.move)});
  else if (row && !String(window.getSelection())) trigger('select', {paper: row.dataset.paper});
});
"""
_PAPER_JS = """
watch('value', () => {
  const title = element.querySelector('.paper-title');
  if (!title) return;
  title.tabIndex = -1;
  title.focus();
});
element.addEventListener('click', (event) => {
  const ask = event.target.closest('[data-ask]');
  if (ask) trigger('submit', {paper: ask.dataset.ask});
  const back = event.target.closest('[data-back]');
  if (!back) return;
  const row = document.querySelector(`.browse-table [data-paper="${back.dataset.back}"] button`);
  (row || document.querySelector('.browse-scroll')).focus();
});
"""


def browse_tab(assistant: "Assistant", desk: Desk) -> None:
    """The tab's parts; "ask about this paper" writes to the desk."""
    view = gr.State(View())
    charts = gr.HTML(js_on_load=None, apply_default_css=False)
    with gr.Row():
        words = gr.Textbox(label="Words of the title, or an author", max_length=500, scale=3)
        page = gr.Dropdown([_EVERY_PAGE], value=_EVERY_PAGE, label="Page", scale=2)
        since = gr.Textbox(label="Since", placeholder="2021-03", max_length=10, scale=1)
        until = gr.Textbox(label="Until", placeholder="2024", max_length=10, scale=1)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            table = gr.HTML(_WAITING, js_on_load=_TABLE_JS, apply_default_css=False)
        with gr.Column(scale=2, min_width=320):
            paper = gr.HTML(js_on_load=_PAPER_JS, apply_default_css=False)
    shelf = _Shelves(assistant)
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    chosen = [] if desk.corpus is None else [desk.corpus]
    part: dict[str, Any] = {
        "inputs": [view, words, page, since, until, *chosen],
        "outputs": [view, table],
        # In the order in which they were wished: a slow earlier filter must not undo a later one.
        "concurrency_limit": 1,
        "concurrency_id": "table",
        **quiet,
    }
    shown = [desk.tabs.select, *([] if desk.corpus is None else [desk.corpus.change])]
    stocked = gr.on(shown, shelf.stocked, [page, *chosen], [charts, page], **quiet)
    stocked.then(shelf.filtered, **part)
    # Half a date is no date: these wait until it is written. One event for all of them, of which
    # the last counts: two may reach the server in another order than they were wished in.
    dates = [since.submit, since.blur, until.submit, until.blur]
    wished = [words.change, page.change, *dates]
    gr.on(wished, shelf.filtered, trigger_mode="always_last", **part)
    table.click(shelf.moved, trigger_mode="multiple", **part)
    table.select(shelf.opened, chosen, paper, **quiet)
    paper.submit(shelf.asked, chosen, [desk.question, desk.tabs], **quiet)


class _Shelves:
    """The events of the tab, over the corpus that comes last of their inputs."""

    def __init__(self, assistant: "Assistant") -> None:
        self._each = Each(assistant, _Shelf)

    def stocked(self, page: str, corpus: str | None = None) -> tuple[str, Any]:
        return self._each.of(corpus).stocked(page)

    def filtered(self, old: View, *given: str) -> tuple[View, str]:
        return self._each.of(_corpus(given)).filtered(old, *given[:_FILTERS])

    def moved(self, event: gr.EventData, old: View, *given: str) -> tuple[View, str]:
        return self._each.of(_corpus(given)).moved(event, old, *given[:_FILTERS])

    def opened(self, event: gr.EventData, corpus: str | None = None) -> str:
        return self._each.of(corpus).opened(event)

    def asked(self, event: gr.EventData, corpus: str | None = None) -> tuple[Any, Any]:
        return self._each.of(corpus).asked(event)


def _corpus(given: Sequence[str]) -> str | None:
    return given[_FILTERS] if len(given) > _FILTERS else None


class _Shelf:
    """What the events of the tab do."""

    def __init__(self, assistant: "Assistant") -> None:
        self._assistant = assistant
        self._rows = Rows(assistant)
        self._drawn: tuple[Sequence[Row], str] = ((), "")

    def stocked(self, page: str) -> tuple[str, Any]:
        """The plots, and the pages to choose from."""
        pages = list(self._assistant.catalog.pages())
        kept = page if page in pages else _EVERY_PAGE
        rows, drawn = self._rows.now(), self._drawn
        if drawn[0] is not rows:
            self._drawn = drawn = (rows, charts_html(rows))
        return drawn[1], gr.update(choices=[_EVERY_PAGE, *pages], value=kept)

    def filtered(self, old: View, *filters: str) -> tuple[View, str]:
        """The table from its beginning."""
        return self._table(_with(old, *filters)._replace(start=0))

    def moved(self, event: gr.EventData, old: View, *filters: str) -> tuple[View, str]:
        """The table sorted by another column, or further on."""
        view, wish = _with(old, *filters), event._data or {}
        if "sort" in wish:
            return self._table(turned(view, str(wish["sort"])))
        start = wish.get("move")
        return self._table(view._replace(start=start) if isinstance(start, int) else view)

    def opened(self, event: gr.EventData) -> str:
        """The paper of a row."""
        found = self._paper(event)
        if found is None:
            return _GONE
        return chosen_html(found, versions(self._assistant.catalog.database, found))

    def asked(self, event: gr.EventData) -> tuple[Any, Any]:
        """A question for the chat."""
        found = self._paper(event)
        if found is None:
            return gr.skip(), gr.skip()
        return question_about(found.title), gr.update(selected="chat")

    def _table(self, view: View) -> tuple[View, str]:
        rows = self._rows.now()
        try:
            return view, table_html(shown(rows, view), view, len(rows))
        except AssistantError as error:
            return view, f'<p class="browse-error" role="alert">{for_html(str(error))}</p>'

    def _paper(self, event: gr.EventData) -> Paper | None:
        paper_id = str((event._data or {}).get("paper"))
        return next(iter(self._assistant.catalog.papers([paper_id])), None)


def _with(view: View, words: str, page: str, since: str, until: str) -> View:
    """The view through these filters."""
    named = None if page == _EVERY_PAGE else page
    return view._replace(words=words or "", page=named, since=since or "", until=until or "")


def question_about(title: str) -> str:
    """What to ask first of a paper."""
    return f"What does “{title.translate(_NOT_A_TITLE)}” do, and how?"


def chosen_html(paper: Paper, known: Sequence[Version] = ()) -> str:
    """A paper with everything known of it, its earlier words too, and the way back to its row."""
    paper_id = for_html(paper.paper_id)
    return (
        f'<article class="browse-paper" aria-label="The paper chosen">{paper_html(paper)}'
        '<p class="browse-moves">'
        f'<button type="button" class="browse-ask" data-ask="{paper_id}">Ask about this paper'
        f'</button><button type="button" class="browse-back" data-back="{paper_id}">'
        f"Back to the table</button></p>{_authors(paper)}{_extra(paper)}{_sightings(paper)}"
        f"{versions_html(known)}"
        f'<p class="browse-id">Id: <code>{paper_id}</code></p></article>'
    )


_WAITING = '<p class="browse-count" role="status">Reading the papers…</p>'
_GONE = '<p class="browse-error" role="alert">This paper is no longer in the corpus.</p>'


def _authors(paper: Paper) -> str:
    if not paper.authors:
        return ""
    names = ", ".join(for_html(name) for name in paper.authors[:_MOST_NAMES])
    more = len(paper.authors) - _MOST_NAMES
    return (
        f'<p class="browse-names" dir="auto">{names}{f" and {more} more" if more > 0 else ""}</p>'
    )


def _extra(paper: Paper) -> str:
    rows = "".join(
        f'<dt>{for_html(name)}</dt><dd dir="auto">{for_html(value)}</dd>'
        for name, value in paper.extra.items()
    )
    return f'<dl class="browse-extra">{rows}</dl>' if rows else ""


def _sightings(paper: Paper) -> str:
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{for_html(seen.page)}</th><td>{seen.position:,}</td>'
        f"<td>{seen.line:,}</td></tr>"
        for seen in paper.sightings[:_MOST_SIGHTINGS]
    )
    more = len(paper.sightings) - _MOST_SIGHTINGS
    rest = f'<p class="browse-names">And {more:,} more.</p>' if more > 0 else ""
    return (
        '<table class="browse-sightings"><caption>Where it was seen</caption><thead><tr>'
        '<th scope="col">Page</th><th scope="col">Listing</th><th scope="col">Line</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>{rest}"
    )
