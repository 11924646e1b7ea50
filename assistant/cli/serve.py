"""`assistant serve`: the chat page, and one address for every program."""

import gc
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.errors import ProviderError

if TYPE_CHECKING:
    from assistant.build import Assistant

Host = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where to listen; 127.0.0.1 unless set.")
]
Port = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, max=65535, help="The port; 0 takes a free one."),
]
NoPage = Annotated[bool, typer.Option("--no-page", help="Answer programs alone.")]
OpenBrowser = Annotated[bool, typer.Option("--open-browser", help="Show the page at once.")]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "serve",
        "assistant serve",
        "assistant serve --port 0 --no-page",
        "ASSISTANT_PASSWORD=… ASSISTANT_TOKEN=… assistant serve --host 0.0.0.0",
    )(serve)


def serve(
    session: Session,
    host: Host = None,
    port: Port = None,
    no_page: NoPage = False,
    open_browser: OpenBrowser = False,
    no_cache: options.NoCache = False,
) -> int:
    """Serves the chat page, and answers programs: JSON, OpenAI's clients, and MCP."""
    from assistant.api import server

    flags = {"server.host": host, "server.port": port, **options.cache(no_cache)}
    bound = server.bind(session.settings(flags))
    url = server.url_of(bound)

    def ready() -> None:
        sys.stdout.write(_line(url, page=not no_page))
        sys.stdout.flush()
        if open_browser and not no_page:
            _show(url)

    with bound, session.open(flags) as assistant:
        _warm(session, assistant)
        _warn(session, assistant, page=not no_page)
        code = server.serve(assistant, bound, ready, page=not no_page, verbose=session.verbose)
    # All is closed. Python would first walk through what the page is made of, for seconds.
    gc.freeze()
    if server.lingering():
        # A model may be silent for a minute, and nobody waits for its reply any more.
        _leave(code)
    return code


def _line(url: str, *, page: bool) -> str:
    places = (f"API: {url}/api", f"OpenAI: {url}/v1", f"MCP: {url}/mcp")
    return " · ".join([*([f"The page: {url}"] if page else []), *places]) + "\n"


def _warm(session: Session, assistant: "Assistant") -> None:
    """One question, so that the first real one finds everything loaded."""
    papers = assistant.catalog.papers()
    if not papers:
        return
    try:
        assistant.ask(papers[0].title[:200], model="embedded", fresh=True).answer()
    except ProviderError as error:
        session.note(f"not ready yet: {error}")


def _warn(session: Session, assistant: "Assistant", *, page: bool) -> None:
    keys = assistant.settings.keys
    if page and keys.password and not keys.token:
        session.note("the page asks for a password, programs are let in: set ASSISTANT_TOKEN too")


def _show(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
