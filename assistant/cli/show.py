"""`assistant show`: one paper with all that is known of it, and how its abstract changed."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.cli.screen import Part, Screen
    from assistant.sightings import Version

PaperId = Annotated[str, typer.Argument(metavar="ID", hidden=True)]
Diff = Annotated[bool, typer.Option("--diff", help="Show how the abstract changed.")]
_MARKS = {"gone": ("[-{}-]", "red"), "new": ("{{+{}+}}", "green"), "same": ("{}", "")}


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "show",
        "assistant show 3f9a1c",
        "assistant show 3f9a1c --json",
        "assistant show arXiv:2311.18830 --diff",
    )(show)


def show(
    session: Session, paper_id: PaperId, diff: Diff = False, as_json: options.Json = False
) -> int:
    """Shows one paper, and every place where it was seen.

    ID is a paper's id, or how it begins, an arXiv id or a DOI; `search` lists ids.
    """
    from assistant.cli.answers import show_paper
    from assistant.records import paper_record, plain
    from assistant.sightings import versions

    with session.open() as assistant:
        paper = assistant.catalog.paper(paper_id)
        found = versions(assistant.catalog.database, paper) if diff else []
    if as_json:
        more: dict[str, Any] = {"versions": plain(found)} if diff else {}
        session.print_json({**paper_record(paper), **more})
        return 0
    show_paper(session.out, paper)
    if diff:
        _show_versions(session.out, found)
    return 0


def _show_versions(screen: "Screen", found: "Sequence[Version]") -> None:
    screen.gap()
    if len(found) == 1:
        screen.put("The abstract never differed.")
        return
    screen.put((f"{len(found)} versions of the abstract", "bold"))
    for number, version in enumerate(found, 1):
        screen.put(version.place, first=f"  {number}. ")
    for number, (before, after) in enumerate(pairwise(found), 1):
        screen.gap()
        screen.put((f"From {number} to {number + 1}", "bold"))
        screen.put(*_parts(before.abstract, after.abstract))


def _parts(before: str, after: str) -> "list[Part]":
    from assistant.difference import changes

    parts: list[Part] = []
    for change in changes(before, after):
        mark, style = _MARKS[change.kind]
        parts += [" "] if parts else []
        parts.append((mark.format(change.text), style))
    return parts
