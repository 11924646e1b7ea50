"""What a person typed -> the one page or paper that it stands for."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePath

from assistant.errors import UsageError

_SHORTEST_PREFIX = 4
_MOST_LISTED = 12
_MOST_NEAR = 3


def page_named(name: str, known: Sequence[str]) -> str:
    """The page of that name, of that stem, or else the only one whose name holds it."""
    wanted = name.strip().casefold()
    tests: tuple[Callable[[str], bool], ...] = (
        lambda page: page == name,
        lambda page: wanted in (page.casefold(), PurePath(page).stem.casefold()),
        lambda page: bool(wanted) and wanted in page.casefold(),
    )
    for test in tests:
        found = [page for page in known if test(page)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{len(found)} pages match {name!r}: write one of {_listed(found)}")
    cure = f"write one of {_listed(known)}" if known else "run `assistant index` first"
    raise UsageError(f"there is no page {name!r}: {cure}")


def paper_named(text: str, titles: Mapping[str, str]) -> str:
    """The id that `text` is, or the only one that it begins; `titles` are all papers by id."""
    wanted = text.strip().lower()
    if wanted in titles:
        return wanted
    found = [paper_id for paper_id in titles if wanted and paper_id.startswith(wanted)]
    if len(found) == 1 and len(wanted) >= _SHORTEST_PREFIX:
        return found[0]
    near = (found or _near(wanted, titles))[:_MOST_NEAR]
    if not near:
        raise UsageError(f"there is no paper {text!r}: find its id with `assistant search`")
    cure = "; ".join(f"{paper_id} ({titles[paper_id]})" for paper_id in near)
    raise UsageError(f"there is no paper {text!r}: did you mean {cure}?")


def _near(wanted: str, titles: Mapping[str, str]) -> list[str]:
    by_title = {title.casefold(): paper_id for paper_id, title in titles.items()}
    near = [id_ for title, id_ in by_title.items() if len(wanted) > 2 and wanted in title]
    near += [by_title[title] for title in get_close_matches(wanted, by_title, _MOST_NEAR)]
    near += get_close_matches(wanted, titles, _MOST_NEAR)
    return list(dict.fromkeys(near))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
