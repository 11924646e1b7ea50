"""A step that cannot be taken back -> a question on the terminal; no answer means no."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.errors import AssistantError, UsageError

if TYPE_CHECKING:
    from assistant.cli.session import Session

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


class Declined(AssistantError):
    """The person said no."""


def confirm(session: "Session", question: str, *, yes: bool) -> None:
    """Go on only where `yes` was given or a person says so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to say so: add --yes")
    session.err.put(f"{question} [y/N]")
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise Declined("nothing was changed: you did not say yes")
