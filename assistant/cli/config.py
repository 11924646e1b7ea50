"""`assistant config`: every setting, its value, and where the value comes from."""

from typing import Annotated, Literal

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb

Action = Annotated[Literal["show"], typer.Argument(help="What to do.", hidden=True)]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "config", "assistant config", "assistant config --json")(config)


def config(session: Session, action: Action = "show", as_json: options.Json = False) -> int:
    """Shows every setting, and where its value comes from.

    Keys are shown by their last four characters.
    """
    from assistant.config import provenance

    origins = provenance(session.settings())
    if as_json:
        session.print_json({one.name: {"value": one.value, "from": one.source} for one in origins})
        return 0
    names = max(len(one.name) for one in origins)
    for one in origins:
        shown = one.value or "-"
        session.out.put(f"{one.name:<{names}}  {shown}  ", (one.source, "dim"))
    return 0
