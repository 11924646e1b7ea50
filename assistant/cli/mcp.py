"""`assistant mcp`: the corpus for another program, over standard input and output."""

import sys

import typer

from assistant.cli.session import Session, verb


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "mcp", "assistant mcp", "assistant mcp --config my-papers.toml")(mcp)


def mcp(session: Session) -> int:
    """Serves ask, search, verify and get_paper to a program that speaks MCP.

    The program starts this command and talks to it over standard input and output; all else goes
    to standard error. It ends when its input does.
    """
    import anyio

    from assistant.api.mcp import serve_stdio

    with session.open() as assistant:
        if sys.stdin.isatty():
            session.note("waiting for a program that speaks MCP; Ctrl-C ends")
        return anyio.run(serve_stdio, assistant)
