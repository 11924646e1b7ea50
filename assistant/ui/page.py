"""The whole page: header, chat, browse and draft, beside what limits a question."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from assistant.ui.browse import browse_tab
from assistant.ui.chat_tab import PRIVATE, ChatTab, options_of
from assistant.ui.desk import Desk
from assistant.ui.draft import draft_tab
from assistant.ui.upload import upload_panel

if TYPE_CHECKING:
    from assistant.build import Assistant

_HERE = Path(__file__).parent
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
# What was dropped is copied elsewhere; Gradio may forget its own copy after an hour.
_KEPT = (3600, 3600)
# Each open page takes 90 KB and its conversation; the one left alone longest is forgotten first,
# and finds the conversation again in the browser.
_SESSIONS = 500
_LIST = """
window.assistantPage.list(element);
"""
THEME = gr.themes.Default(
    primary_hue="teal", neutral_hue="slate", font=_FONT, font_mono=["ui-monospace", "monospace"]
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    # Small print must be read as well: at least 4.5 to 1 against its ground.
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_title_text_color="*neutral_700",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
    color_accent="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
)


def page(assistant: "Assistant") -> gr.Blocks:
    """The page over `assistant`, ready to be mounted."""
    limits = assistant.settings.server
    with gr.Blocks(
        title="Ask the abstracts", analytics_enabled=False, fill_width=True, delete_cache=_KEPT
    ) as blocks:
        question = gr.Textbox(
            label="Question",
            placeholder="Ask the abstracts…",
            lines=1,
            max_lines=8,
            max_length=10_000,
            scale=1,
            elem_id="question",
            render=False,
        )
        with gr.Sidebar(label="Conversations and limits", width=300, open=True):
            gr.HTML(
                "",
                html_template='<div class="conversations"></div>',
                js_on_load=_LIST,
                elem_id="conversations",
                apply_default_css=False,
            )
            with gr.Accordion("Limits", open=False):
                options = options_of(assistant)
            with gr.Accordion("Add papers", open=False):
                upload = upload_panel(assistant, options.corpus)
        status = gr.HTML("", js_on_load=None, elem_id="status", apply_default_css=False)
        with gr.Tabs(elem_id="rooms") as tabs:
            with gr.Tab("Chat", id="chat"):
                chat = ChatTab(assistant, question, options)
            with gr.Tab("Browse", id="browse"):
                browse_tab(assistant, Desk(tabs, question, options.corpus))
            with gr.Tab("Check a draft", id="draft"):
                draft_tab(assistant, options.corpus, options.as_of)
        chosen = [options.corpus, options.page]
        refreshed = [status, options.page, options.corpus]
        blocks.load(chat.refreshed, chosen, refreshed, **PRIVATE)
        chat.opened.then(chat.refreshed, chosen, refreshed, **PRIVATE)
        upload.done.then(chat.refreshed, chosen, refreshed, **PRIVATE)
        chat.reopens(upload.done)
    blocks.state_session_capacity = _SESSIONS
    blocks.queue(max_size=limits.waiting, default_concurrency_limit=limits.concurrent)
    return blocks  # type: ignore[no-any-return]


def css() -> str:
    """The looks of every part."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(_HERE.glob("*.css")))


def head() -> str:
    """What the page's own script needs before anything is shown."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return (
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f"<script>{script}</script>"
    )
