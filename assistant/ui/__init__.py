"""The chat page: an assistant -> a Gradio page in an ASGI app."""

import os
from typing import TYPE_CHECKING

# Gradio reads these when it is imported. Nothing may leave the machine; and what it would count
# anew after every event, over the last 10,000 of them, nobody here asks for.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"

import gradio as gr

from assistant.ui.page import THEME, css, head, page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from assistant.build import Assistant

__all__ = ["mount"]


def mount(app: "FastAPI", assistant: "Assistant") -> "FastAPI":
    """The app with the page at /; who may see it is the app's to say."""
    settings = assistant.settings.server
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page(assistant),
        path="/",
        server_name=settings.host,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        max_file_size=settings.upload_mb * 1024 * 1024,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=THEME,
        css=css(),
        head=head(),
    )
    return mounted
