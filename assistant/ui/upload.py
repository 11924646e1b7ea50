"""The place to drop pages on: files in, a bar while they are indexed, and what was found."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from assistant.clean import for_html
from assistant.corpus import Note
from assistant.indexer import IndexReport
from assistant.plural import counted
from assistant.ui.corpora import Each
from assistant.ui.intake import Intake, Outcome, Refused, Taken

if TYPE_CHECKING:
    from assistant.build import Assistant

_MOST_NOTES = 20
_STAGES = {
    "read": "Reading",
    "chunk": "Dividing the abstracts",
    "encode": "Encoding",
    "store": "Building the index",
}


class Upload(NamedTuple):
    """The panel's parts; `done` is the event after which the corpus may be another."""

    file: gr.File
    report: gr.HTML
    done: Any


def upload_panel(assistant: "Assistant", corpus: gr.Dropdown | None = None) -> Upload:
    """A field for files, and under it what came of them."""
    most = assistant.settings.server.upload_mb
    intakes = Each(assistant, Intake)
    gr.HTML(
        f'<p class="upload-hint">Saved pages of a listing as text or HTML, or records as JSON,'
        f" CSV, BibTeX, RIS or Atom; at most {most} MB each.</p>",
        js_on_load=None,
        apply_default_css=False,
    )
    # No list of types: the reader looks into a file, and says better why it cannot read one.
    file = gr.File(
        label="Pages to add",
        file_count="multiple",
        height=140,
        elem_classes="upload-file",
    )
    report = gr.HTML(
        _frame(""), js_on_load=None, apply_default_css=False, elem_classes="upload-panel"
    )

    def taken(
        files: list[str] | None,
        corpus: str | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, None]:
        def tell(stage: str, done: int, total: int) -> None:
            progress((done, total), desc=_STAGES.get(stage, stage.capitalize()), unit="parts")

        outcome = intakes.of(corpus).take([Path(one) for one in files or []], tell)
        return outcome_html(outcome), None

    given = [file, *([] if corpus is None else [corpus])]
    done = file.upload(
        taken, given, [report, file], api_visibility="private", show_progress_on=report,
        concurrency_limit=1,
    )  # fmt: skip
    return Upload(file, report, done)


def outcome_html(outcome: Outcome) -> str:
    """What was found in the files, or why nothing was taken in."""
    good = "".join(f"<li>{_taken(one)}</li>" for one in outcome.taken)
    bad = "".join(f'<li class="upload-refused">{_refused(one)}</li>' for one in outcome.refused)
    parts = [
        f'<p class="upload-fault">✗ Nothing was taken in: {for_html(outcome.fault)}</p>'
        if outcome.fault
        else "",
        f'<p class="upload-sum">✓ {for_html(changes(outcome))}</p>' if outcome.report else "",
        f'<ul class="upload-files">{good}{bad}</ul>' if good or bad else "",
    ]
    return _frame("".join(parts) or "<p>No file came: drop one again.</p>")


def _frame(inside: str) -> str:
    # There from the beginning: a live region tells of changes only.
    return f'<section class="upload" role="status" aria-label="What was found">{inside}</section>'


def changes(outcome: Outcome) -> str:
    """What the corpus has gained, in one sentence."""
    report = outcome.report or IndexReport()
    told = [
        f"{counted(report.added, 'new paper')}" if report.added else "no new paper",
        f"{report.changed:,} changed" if report.changed else "",
        f"{report.removed:,} gone" if report.removed else "",
    ]
    now = f"the corpus now holds {counted(report.papers, 'paper')}."
    words = f"{', '.join(filter(None, told))}; {now}"
    return words[0].upper() + words[1:]


def _taken(one: Taken) -> str:
    merged = sum(note.kind == "merged" for note in one.notes)
    facts = [
        f"{counted(one.listings, 'listing')} of {counted(one.papers, 'paper')} found",
        f"{merged:,} merged with {'one' if merged == 1 else 'others'} of the same title"
        if merged
        else "",
        "in place of the file of that name that was dropped before" if one.replaces else "",
    ]
    words = "; ".join(filter(None, facts))
    return f"{_name(one.page)}: {words}.{_notes(one.notes)}"


def _refused(one: Refused) -> str:
    reason = one.reason.removeprefix(f"{one.page}: ").rstrip(".")
    return f"✗ {_name(one.page)} was not taken in: {for_html(reason)}."


def _name(page: str) -> str:
    return f'<span class="upload-name" dir="auto">{for_html(page)}</span>'


def _notes(notes: Iterable[Note]) -> str:
    told = [note for note in notes if note.kind != "merged"]
    if not told:
        return ""
    items = "".join(f"<li>{_place(note)}{for_html(note.text)}</li>" for note in told[:_MOST_NOTES])
    more = len(told) - _MOST_NOTES
    rest = f"<li>and {counted(more, 'more note')}</li>" if more > 0 else ""
    return (
        f'<details class="upload-notes"><summary>{_passed_over(told)}</summary>'
        f"<ul>{items}{rest}</ul></details>"
    )


def _place(note: Note) -> str:
    return f"line {note.line:,}: " if note.line else ""


def _passed_over(notes: Sequence[Note]) -> str:
    skipped = sum(note.kind == "skipped" for note in notes)
    other = len(notes) - skipped
    told = [
        f"{counted(skipped, 'line')} passed over" if skipped else "",
        f"{counted(other, 'note')}" if other else "",
    ]
    return ", ".join(filter(None, told))
