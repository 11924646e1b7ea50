"""The parts of the page that other tabs write to."""

from typing import NamedTuple

import gradio as gr


class Desk(NamedTuple):
    """Where a question is put, and the tabs among which the one with id "chat" is chosen."""

    tabs: gr.Tabs
    question: gr.Textbox
    corpus: gr.Dropdown | None = None
    """Where the corpus is chosen."""
