"""The tab of drafts: a paragraph of one's own, every sentence checked against the corpus."""

from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from assistant import period
from assistant.clean import for_html
from assistant.errors import AssistantError
from assistant.marks import MARKS, tally
from assistant.owntext import claims_of
from assistant.plural import counted
from assistant.records import TEXT_LIMIT
from assistant.schema import Sentence
from assistant.ui.corpora import over
from assistant.ui.stopping import Stop, until

if TYPE_CHECKING:
    from assistant.build import Assistant

_SHOWN_EVERY_S = 0.3


class Checked(NamedTuple):
    """How far the check of a text has come."""

    sentences: tuple[Sentence, ...] = ()
    titles: Mapping[str, str] = {}
    left: int = 0
    fault: str = ""
    trouble: str = ""


def draft_tab(
    assistant: "Assistant", corpus: gr.Dropdown | None = None, as_of: gr.Textbox | None = None
) -> None:
    """The tab's parts; `corpus` and `as_of` say what a text is held against."""
    stopped = gr.State(Stop())
    text = gr.Textbox(
        label="Your text: each sentence is checked against the corpus (Ctrl+Enter)",
        placeholder="Paste a paragraph, of related work say.",
        lines=8,
        max_lines=20,
        elem_classes="draft-text",
    )
    with gr.Row():
        check = gr.Button(
            "Check against the corpus", variant="primary", scale=0, min_width=280,
            elem_classes="draft-check",
        )  # fmt: skip
        enough = gr.Button("Stop", scale=0, min_width=100)
    found = gr.HTML(checked_html(Checked()), js_on_load=None, apply_default_css=False)

    def checked(
        words: str | None, stop: Stop, corpus: str | None = None, as_of: str | None = None
    ) -> Iterator[str]:
        now = Checked()
        for now in until(stop, check_text(assistant, words or "", corpus, as_of or None)):
            yield checked_html(now)
        if now.left:
            yield checked_html(now, stopped=True)

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    asked = [text, stopped, *(one for one in (corpus, as_of) if one is not None)]
    check.click(checked, asked, found, **quiet)
    enough.click(Stop.want, stopped, queue=False, **quiet)


def check_text(
    assistant: "Assistant", text: str, corpus: str | None = None, as_of: str | None = None
) -> Iterator[Checked]:
    """The verdicts as they come, all of them in the end; a fault stands beside those found."""
    if fault := _unusable(text):
        yield Checked(fault=fault)
        return
    now, shown_at = Checked(), 0.0
    try:
        held = over(assistant, corpus)
        then: dict[str, Any] = {"as_of": period.filters(as_of=as_of).as_of} if as_of else {}
        claims = claims_of(text.strip())
        for number, claim in enumerate(claims):
            if monotonic() - shown_at > _SHOWN_EVERY_S:
                shown_at = monotonic()
                yield now._replace(left=len(claims) - number)
            found = held.verify(claim, **then)
            titles = {**now.titles, **_titles(held, found, now.titles)}
            now = Checked((*now.sentences, *found), titles, trouble=held.trouble)
    except AssistantError as error:
        now = now._replace(fault=str(error))
    yield now


def _unusable(text: str) -> str:
    if not text.strip():
        return "There is nothing to check yet: paste a sentence or a paragraph above."
    if len(text) > TEXT_LIMIT:
        return (
            f"The text has {len(text):,} characters: check it in parts of at most {TEXT_LIMIT:,}."
        )
    return ""


def _titles(
    assistant: "Assistant", sentences: Sequence[Sentence], known: Mapping[str, str]
) -> dict[str, str]:
    cited = [one.verdict.evidence.paper_id for one in sentences if one.verdict.evidence]
    papers = assistant.catalog.papers([id_ for id_ in cited if id_ not in known])
    return {paper.paper_id: paper.title for paper in papers}


def checked_html(now: Checked, *, stopped: bool = False) -> str:
    """Each sentence with its verdict, under the count of those supported."""
    # The same frame each time: a live region tells of changes only if it was there before.
    fault = f'<p class="draft-error" role="alert">{for_html(now.fault)}</p>' if now.fault else ""
    items = "".join(_sentence(one, now.titles) for one in now.sentences)
    return (
        '<section class="draft" aria-label="Verdicts"><p class="draft-tally" role="status">'
        f'{_progress(now, stopped)}</p>{fault}<ol class="draft-sentences">{items}</ol></section>'
    )


def _progress(now: Checked, stopped: bool) -> str:
    done = len(now.sentences)
    if stopped:
        return f"Stopped: {tally(now.sentences)}, {counted(now.left, 'sentence')} not looked at."
    if now.left:
        return f"Checking sentence {done + 1:,} of {done + now.left:,}…"
    said = [f"{tally(now.sentences)}.", *filter(None, [for_html(now.trouble)])]
    return " ".join(said) if now.sentences else ""


def _sentence(sentence: Sentence, titles: Mapping[str, str]) -> str:
    verdict = sentence.verdict
    mark = MARKS[verdict.label]
    reason = f": {for_html(verdict.reason)}" if verdict.reason else ""
    return (
        f'<li class="draft-sentence draft-{verdict.label}">'
        f'<p class="draft-words" dir="auto">{for_html(sentence.text)}</p>'
        f'<p class="draft-verdict"><span aria-hidden="true">{mark.sign}</span>'
        f" <strong>{mark.words}</strong>{reason}</p>{_evidence(sentence, titles)}</li>"
    )


def _evidence(sentence: Sentence, titles: Mapping[str, str]) -> str:
    evidence = sentence.verdict.evidence
    if evidence is None:
        return ""
    title = titles.get(evidence.paper_id, "")
    return (
        f'<blockquote class="draft-quote" dir="auto">{for_html(evidence.quote)}</blockquote>'
        f'<p class="draft-paper"><span dir="auto">{for_html(title)}</span>'
        f" <code>{for_html(evidence.paper_id)}</code></p>"
    )
