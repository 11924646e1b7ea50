"""`assistant corpora`: the corpora side by side, and one of them out of the way."""

from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.asking import Yes, confirm
from assistant.cli.session import Session, verb
from assistant.plural import counted

if TYPE_CHECKING:
    from assistant.upkeep.corpora import Held

Remove = Annotated[
    str | None, typer.Option("--remove", metavar="NAME", help="Remove a whole corpus; asks before.")
]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "corpora", "assistant corpora", "assistant corpora --remove iclr-2024")(corpora)


def corpora(
    session: Session, remove: Remove = None, yes: Yes = False, as_json: options.Json = False
) -> int:
    """Lists the corpora side by side: papers, when each was last indexed, its size.

    `assistant index PATH --corpus NAME` makes one; any command uses it with --corpus NAME.
    """
    from assistant.upkeep.corpora import drop, held, removable

    settings = session.settings()
    if remove is not None:
        found = removable(settings, remove)
        papers = counted(found.papers, "paper")
        confirm(session, f"Remove {found.name}, with its {papers}?", yes=yes)
        drop(settings, found.name)
        session.note(f"{found.name} is gone")
        return 0
    for one in held(settings):
        if as_json:
            session.print_json(one._asdict())
        else:
            session.out.put(_line(one))
    return 0


def _line(one: "Held") -> str:
    if one.fault:
        return f"{one.name}: {one.fault}"
    indexed = f"indexed {one.finished}" if one.finished else "nothing indexed yet"
    papers = counted(one.papers, "paper")
    return f"{one.name}: {papers}, {indexed}, {one.bytes / 1024**2:,.1f} MB"
