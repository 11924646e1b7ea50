"""The running page -> screenshots, and how soon a reader sees something; both in a real Chromium.

python scripts/page.py shots docs/screenshots
python scripts/page.py speed --runs 9
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/lib/chromium/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = {"width": 1366, "height": 900}, {"width": 390, "height": 844}
SERVING = "How does S-LoRA serve thousands of adapters?"
NOT_HERE = "What GPU did TinyViT train on?"
BOX = "#question textarea"
_ADDRESS = re.compile(r"http://[^\s/]+:\d+")
# What a careless model would write: one sentence is true, one has another number, one is invented.
CARELESS = (
    "S-LoRA stores all adapters in the main memory and fetches those in use to the GPU [1]."
    " It improves the throughput by up to 9 times [1]. It was trained on 64 TPUs [1]."
)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(required=True, dest="verb")
    shots = verbs.add_parser("shots", help="make the screenshots of the README")
    shots.add_argument("folder", type=Path)
    speed = verbs.add_parser("speed", help="print first paint and first token")
    speed.add_argument("--runs", type=int, default=9)
    speed.add_argument("--data", type=Path, help="a data folder that is indexed already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        if options.verb == "shots":
            take_all(browser, Path(data), options.folder)
        else:
            print_speed(browser, options.data or Path(data), options.runs)
        browser.close()
    return 0


@contextmanager
def served(data: Path, **settings: str) -> Iterator[str]:
    """The address of the real command, over the shipped corpus."""
    names = {f"ASSISTANT_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "ASSISTANT_DATA__FOLDER": str(data), **names}
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            found = _ADDRESS.search(process.stdout.readline())
            assert found, "the server did not say where it is"
            yield found[0]
        finally:
            process.terminate()


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """The page, its opening screen shown."""
    page = browser.new_context(**{"viewport": WIDE, **options}).new_page()
    page.goto(address)
    page.wait_for_selector("#transcript .opening")
    return page


def ask(page: Page, question: str) -> None:
    """Asks, and waits for the whole answer."""
    page.locator(BOX).fill(question)
    page.locator(BOX).press("Enter")
    page.wait_for_selector("#transcript .summary")
    page.wait_for_timeout(600)


def take_all(browser: Browser, data: Path, folder: Path) -> None:
    """Every picture of the README."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(data) as address:
        opened(browser, address).screenshot(path=folder / "empty.png")
        _answered(browser, address, folder / "wide.png", viewport=WIDE)
        _answered(browser, f"{address}/?__theme=dark", folder / "dark.png", viewport=WIDE)
        page = opened(browser, address, viewport=PHONE, is_mobile=True, has_touch=True)
        ask(page, SERVING)
        page.screenshot(path=folder / "phone.png")
        page = opened(browser, address)
        ask(page, NOT_HERE)
        page.screenshot(path=folder / "refusal.png")
        page.get_by_role("tab", name="Browse").click()
        page.wait_for_timeout(800)
        page.screenshot(path=folder / "browse.png")
    with (
        careless_model() as url,
        served(data, answer__base_url=url, answer__model="careless") as address,
    ):
        page = opened(browser, address)
        ask(page, SERVING)
        page.screenshot(path=folder / "unsupported.png")


def _answered(browser: Browser, address: str, path: Path, **options: Any) -> None:
    page = opened(browser, address, **options)
    ask(page, SERVING)
    page.locator("#transcript .cite").last.focus()
    page.wait_for_timeout(300)
    page.screenshot(path=path)


@contextmanager
def careless_model() -> Iterator[str]:
    """A server that speaks OpenAI's protocol and always says the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for delta, finish in (({"content": CARELESS}, None), ({}, "stop")):
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


# From the key press to the first words on the page, by the browser's own clock.
_FIRST_TOKEN = """question => new Promise(done => {
  const box = document.querySelector("#question textarea");
  const seen = () => document.querySelector("#live .streaming, #transcript .sentence");
  const start = performance.now();
  new MutationObserver((_, observer) => {
    if (!seen()) return;
    observer.disconnect();
    done(performance.now() - start);
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
  box.dispatchEvent(new KeyboardEvent("keypress", {key: "Enter", bubbles: true}));
})"""
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
# All that a browser without a cache is sent before a reader can ask.
_BYTES = """["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
  .reduce((sum, one) => sum + one.transferSize, 0)"""


def print_speed(browser: Browser, data: Path, runs: int) -> None:
    """First paint, the opening screen, and the first words of a warm answer, in milliseconds."""
    paints, shown, tokens, sent = [], [], [], []
    # The same question each time: what was answered before must not answer it.
    with served(data, cache__size_mb="0") as address:
        ask(opened(browser, address), SERVING)
        for _ in range(runs):
            page = opened(browser, address)
            paints.append(float(page.evaluate(_FIRST_PAINT)))
            shown.append(float(page.evaluate("performance.now()")))
            # The opening event, and what it loads, must be over: one thing is measured at a time.
            page.wait_for_timeout(2_000)
            sent.append(float(page.evaluate(_BYTES)) / 1000)
            page.locator(BOX).fill(SERVING)
            tokens.append(float(page.evaluate(_FIRST_TOKEN, SERVING)))
            page.context.close()
    for name, values, unit in (
        ("first paint", paints, "ms"),
        ("opening screen", shown, "ms"),
        ("first token", tokens, "ms"),
        ("bytes sent", sent, "kB"),
    ):
        print(f"{name:<16}{median(values):6.0f} {unit} median of {runs}, at most {max(values):.0f}")


if __name__ == "__main__":
    sys.exit(main())
