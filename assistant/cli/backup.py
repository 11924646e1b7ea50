"""`assistant backup` and `restore`: a copy of the catalog, and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli import options
from assistant.cli.asking import Yes, confirm
from assistant.cli.session import Session, verb
from assistant.errors import IndexMissing
from assistant.plural import counted

File = Annotated[Path, typer.Argument(metavar="FILE", hidden=True)]


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    verb(app, "backup", "assistant backup papers-monday.sqlite")(backup)
    verb(app, "restore", "assistant restore papers-monday.sqlite")(restore)


def backup(session: Session, file: File, as_json: options.Json = False) -> int:
    """Copies the catalog to one file, as of this moment, while others read and write.

    It holds all that cannot be made again: papers, sightings, vectors, the history.
    """
    from assistant.upkeep.backup import back_up
    from assistant.upkeep.corpora import CATALOG, check

    settings = session.settings()
    check(settings)
    catalog = settings.data.folder / CATALOG
    if not catalog.exists():
        raise IndexMissing("there is no catalog to copy yet: run `assistant index`")
    found = back_up(catalog, file)
    if as_json:
        session.print_json({"file": str(file), **found._asdict()})
    else:
        session.out.put(f"{counted(found.papers, 'paper')} copied to {file}")
    return 0


def restore(session: Session, file: File, yes: Yes = False, as_json: options.Json = False) -> int:
    """Puts a backup in the catalog's place, and makes the indexes of it; asks before.

    The former catalog stays beside it. This works where the catalog is damaged, too.
    """
    from assistant.indexer import writing
    from assistant.upkeep.backup import restoring
    from assistant.upkeep.corpora import CATALOG

    folder = session.settings().data.folder
    folder.mkdir(parents=True, exist_ok=True)
    with restoring(file, folder) as copy:
        holds = f"{counted(copy.holds.papers, 'paper')}, indexed {copy.holds.finished or 'never'}"
        session.note(f"{file}: {holds}")
        if (folder / CATALOG).exists():
            confirm(session, "Put it in place of the catalog?", yes=yes)
        with writing(folder):
            before = copy.put_in_place(folder / CATALOG)
    if before:
        session.note(f"the former catalog is {before}")
    with session.open() as assistant:
        papers = assistant.catalog.count()
    if as_json:
        session.print_json({"file": str(file), "papers": papers, "before": str(before or "")})
    else:
        session.out.put(f"{counted(papers, 'paper')} restored")
    return 0
