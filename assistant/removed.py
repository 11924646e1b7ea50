"""Papers that someone took out by hand -> marks in the catalog, which no page undoes by itself."""

from collections.abc import Iterable, Mapping

from assistant.catalog import Catalog
from assistant.errors import UsageError
from assistant.lookup import paper_named
from assistant.schema import Paper

_MARK = "removed:"
_MOST_LISTED = 12


def removed(catalog: Catalog) -> dict[str, str]:
    """The title of every paper that was taken out, by id."""
    # The character after the colon ends the range, so that the key's own index is used.
    sql = "SELECT key, value FROM meta WHERE key >= ? AND key < ? ORDER BY key"
    rows = catalog.database.rows(sql, (_MARK, _MARK[:-1] + ";"))
    return {key.removeprefix(_MARK): title for key, title in rows}


def mark(catalog: Catalog, papers: Iterable[Paper]) -> None:
    """Note that these stay out."""
    for paper in papers:
        catalog.set_meta(_MARK + paper.paper_id, paper.title)


def unmark(catalog: Catalog, paper_ids: Iterable[str]) -> None:
    """Forget that these stay out."""
    rows = [(_MARK + paper_id,) for paper_id in paper_ids]
    catalog.database.change_many("DELETE FROM meta WHERE key = ?", rows)


def removed_named(catalog: Catalog, text: str) -> tuple[str, str]:
    """Id and title of the removed paper of that id, or of an id that begins so.

    Where there is none the error names those that were removed.
    """
    titles = removed(catalog)
    if not titles:
        raise UsageError("no paper was removed: there is nothing to put back")
    try:
        paper_id = paper_named(text, titles)
    except UsageError:
        cure = f"write the id of one that was, {_listed(titles)}"
        raise UsageError(f"{_which(text)}: {cure}") from None
    return paper_id, titles[paper_id]


def _which(text: str) -> str:
    return f"no paper {text!r} was removed" if text else "no paper is named"


def _listed(titles: Mapping[str, str]) -> str:
    named = [f"{id_} ({title})" for id_, title in list(titles.items())[:_MOST_LISTED]]
    more = len(titles) - len(named)
    return "; ".join(named) + (f" and {more:,} more" if more else "")
