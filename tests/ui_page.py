"""Parts of the page alone, served in this process, and a browser to look at them."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import gradio as gr
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import launched
from playwright.sync_api import Browser, Page, expect

import assistant
from assistant.ui.page import head

_PATIENCE_MS = 60_000
_PARTS = ("opening", "browse", "draft", "upload")
_SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser of one's own."""
    expect.set_options(timeout=_PATIENCE_MS)
    with launched() as browser:
        yield browser


@contextmanager
def served(build: Callable[[gr.Tabs, gr.Textbox], None]) -> Iterator[str]:
    """The address of a page with a chat tab that does nothing, and what `build` adds to it."""
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs() as tabs:
        with gr.Tab("Chat", id="chat"):
            question = gr.Textbox(label="Question")
        build(tabs, question)
    looks = [Path(assistant.__file__).parent / "ui" / f"{part}.css" for part in _PARTS]
    blocks.queue().launch(
        server_name="127.0.0.1",
        server_port=_free_port(),
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        footer_links=[],
        max_file_size="1mb",
        css_paths=looks,
        head=head(),
    )
    try:
        yield str(blocks.local_url)
    finally:
        blocks.close(verbose=False)
        # What it leaves open is told of here, and not in somebody else's test.
        gc.collect()


def _free_port() -> int:
    # Gradio looks for one itself, but leaves a socket open for each that is taken.
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Visit:
    """A page in the browser, and every address that it asked for."""

    def __init__(self, browser: Browser, url: str, width: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 800})
        self.page.set_default_timeout(_PATIENCE_MS)
        self.foreign: list[str] = []
        self.page.on("request", lambda request: self._note(request.url, url))
        self.page.goto(url)

    def _note(self, asked: str, url: str) -> None:
        if not asked.startswith((url, "data:", "blob:")):
            self.foreign.append(asked)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def faults(self, part: str) -> list[str]:
        """What axe finds serious in the part of the page that this selector names."""
        found = Axe().run(self.page, context=part).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in _SERIOUS
        ]
