"""The real page in a real Chromium; a request to any address but ours fails the test."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from assistant import Assistant, config
from assistant.api import create_app

# Debian's own; the command `chromium` is a script around it.
CHROMIUM = Path("/usr/lib/chromium/chromium")
# Without these it looks for its maker's hosts at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = {"width": 1366, "height": 900}, {"width": 390, "height": 844}
QUESTION = "#question textarea"
_GRAVE = {"serious", "critical"}


@contextmanager
def serving(data: Path, **flags: Any) -> Iterator[str]:
    """The address of a page over the corpus in `data`."""
    named = {name.replace("__", "."): value for name, value in flags.items()}
    settings = config.load(flags={"data.folder": str(data), **named}, environ={})
    with Assistant(settings) as assistant:
        server = uvicorn.Server(uvicorn.Config(create_app(assistant), port=0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{_port(server)}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def _port(server: uvicorn.Server) -> int:
    for _ in range(1_000):
        with suppress(AttributeError, IndexError):
            return int(server.servers[0].sockets[0].getsockname()[1])
        time.sleep(0.02)
    raise TimeoutError("the server did not start")


class Visit:
    """A page of one reader, and what it asked the network for."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.requests: list[str] = []
        self.faults: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._heard)
        self.page.set_default_timeout(60_000)
        self.page.goto(address)

    def opened(self) -> "Visit":
        """Waits until a conversation stands there, or the screen before the first."""
        self.page.wait_for_selector("#transcript .opening, #transcript .turn")
        return self

    def _heard(self, message: ConsoleMessage) -> None:
        # A policy that forbids something says so here and nowhere else.
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def ask(self, question: str) -> None:
        """Types a question and waits for its whole answer."""
        before = self.page.locator("#transcript .turn").count()
        self.page.locator(QUESTION).fill(question)
        self.page.locator(QUESTION).press("Enter")
        self.turns(before + 1)

    def turns(self, number: int) -> None:
        """Waits until so many turns are whole."""
        self.page.wait_for_function(
            "n => document.querySelectorAll('#transcript .turn').length === n"
            " && !document.querySelector('#live .turn')",
            arg=number,
        )

    def last(self, selector: str) -> Any:
        """What stands in the last turn."""
        return self.page.locator("#transcript .turn").last.locator(selector)

    def foreign(self) -> list[str]:
        """Requests to any address but ours."""
        own = urlsplit(self.address).netloc
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own
        ]

    def grave(self) -> list[Any]:
        """What axe finds that keeps someone out."""
        found = Axe().run(self.page).response["violations"]
        return [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in found
            if one["impact"] in _GRAVE
        ]

    def stored(self) -> dict[str, Any]:
        """What the browser keeps."""
        kept = self.page.evaluate("Object.assign({}, localStorage)")
        return {name: json.loads(value) for name, value in kept.items() if "assistant" in name}


class Readers:
    """Opens visits, and looks at each when the test is over."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._visits: list[Visit] = []

    def visit(self, address: str, **options: Any) -> Visit:
        """A reader with an empty browser, who waits for the page."""
        return self.arrive(address, **options).opened()

    def arrive(self, address: str, **options: Any) -> Visit:
        """A reader with an empty browser, who does not wait."""
        context = self._browser.new_context(**{"viewport": WIDE, **options})
        self._visits.append(Visit(context, address))
        return self._visits[-1]

    def leave(self) -> Sequence[str]:
        """Everything that no visit may have done."""
        wrong = [*(url for one in self._visits for url in one.foreign())]
        wrong += [fault for one in self._visits for fault in one.faults]
        for one in self._visits:
            one.context.close()
        return wrong


@contextmanager
def launched() -> Iterator[Browser]:
    """Debian's Chromium; without it the test is skipped, which in CI is a failure."""
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file of tests."""
    with launched() as browser:
        yield browser


@pytest.fixture
def readers(chromium: Browser) -> Iterator[Readers]:
    """Readers of the page; one that meets a foreign address or a script's fault fails the test."""
    made = Readers(chromium)
    yield made
    assert made.leave() == []
