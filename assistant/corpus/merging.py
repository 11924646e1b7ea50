"""Sightings -> papers: one identifier, or one title and text, is one; its newest words win."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from assistant.corpus.kinship import families
from assistant.corpus.page import Note
from assistant.identifiers import arxiv_id, arxiv_version, names, other_id, paper_id
from assistant.schema import Paper, Sighting

__all__ = ["PageNote", "merge", "merge_notes", "newest_first", "notes_on", "paper_id"]

Place = tuple[str, int]


class PageNote(NamedTuple):
    """A note and the page it belongs to."""

    page: str
    note: Note


def merge(
    sightings: Iterable[Sighting],
    known: Mapping[Place, str] | None = None,
) -> list[Paper]:
    """One paper a family of sightings, in the order of first sight.

    `known` are the ids that papers have already, by page and position of a sighting: a paper keeps
    its id when a source with another title joins it.
    """
    groups = families(sightings)
    ids = _ids(groups, known or {})
    return [_paper(identity, group) for identity, group in zip(ids, groups, strict=True)]


def _ids(groups: list[list[Sighting]], known: Mapping[Place, str]) -> list[str]:
    """An id for each group; no two have the same."""
    taken: dict[str, int] = {}
    ids: dict[int, str] = {}
    titles = [sorted({paper_id(seen.title) for seen in group}) for group in groups]
    order = sorted(range(len(groups)), key=lambda one: _rank(groups[one], known))
    for wanted in (_kept_ids, _title_ids):
        for one in order:
            free = (id_ for id_ in wanted(groups[one], titles[one], known) if id_ not in taken)
            if one not in ids and (id_ := next(free, "")):
                ids[one], taken[id_] = id_, one
    return [ids.get(one) or _id_of_another(groups[one]) for one in range(len(groups))]


def _rank(group: list[Sighting], known: Mapping[Place, str]) -> tuple[bool, list[str], Place]:
    # Of two papers with one title the one that was there before keeps the title's id.
    is_new = not any(_place(seen) in known for seen in group)
    return is_new, sorted(_names(group)), min(map(_place, group))


def _kept_ids(
    group: list[Sighting], titles: Collection[str], known: Mapping[Place, str]
) -> Iterator[str]:
    """The ids that its sightings have, most of them first."""
    counts = Counter(known[_place(seen)] for seen in group if _place(seen) in known)
    others = {other_id(seen.title, name) for seen in group for name in names(seen)}
    for id_, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        # When a group falls apart, who has the title has the id.
        if id_ in titles or id_ in others:
            yield id_


def _title_ids(
    group: list[Sighting], titles: Collection[str], known: Mapping[Place, str]
) -> Iterator[str]:
    yield from titles


def _id_of_another(group: list[Sighting]) -> str:
    """The id of a paper whose title another one has."""
    title = min((paper_id(seen.title), seen.title) for seen in group)[1]
    return other_id(title, min(_names(group), default=f"{min(map(_place, group))}"))


def _names(group: Iterable[Sighting]) -> set[str]:
    return {name for seen in group for name in names(seen)}


def _paper(identity: str, group: list[Sighting]) -> Paper:
    ranked = newest_first(group)
    dated = next((sighting for sighting in ranked if sighting.date), ranked[0])
    return Paper(
        paper_id=identity,
        title=ranked[0].title,
        abstract=ranked[0].abstract,
        date=dated.date,
        year_inferred=dated.year_inferred,
        author_count=next((s.author_count for s in ranked if s.author_count is not None), None),
        authors=next((s.authors for s in ranked if s.authors), ()),
        url=next((s.url for s in ranked if s.url), None),
        extra={key: value for s in reversed(ranked) for key, value in s.extra.items()},
        sightings=tuple(sorted(group, key=_place)),
    )


def _place(sighting: Sighting) -> Place:
    return sighting.page, sighting.position


def newest_first(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Dates tell where there are two, then versions; else the last page in name order, and place.

    The newest dated and the last undated one meet by place: the order of the input is no matter.
    """
    by_place = sorted(sightings, key=_place, reverse=True)
    dated = sorted((s for s in by_place if s.date), key=_age, reverse=True)
    undated = sorted((s for s in by_place if not s.date), key=_age, reverse=True)
    if dated and undated and _place(undated[0]) > _place(dated[0]):
        return [undated[0], *dated, *undated[1:]]
    return dated + undated


def _age(sighting: Sighting) -> tuple[str, int]:
    # All versions of a paper may bear the date of the first.
    return sighting.date or "", arxiv_version(arxiv_id(sighting.extra.get("arxiv_id", "")))


def merge_notes(sightings: Iterable[Sighting]) -> Iterator[PageNote]:
    """Tell what merging hides: the listings that gave way to newer ones, and whose words differ."""
    for group in families(sightings):
        yield from notes_on(group)


def notes_on(group: Iterable[Sighting]) -> Iterator[PageNote]:
    """The same, for the sightings of one paper."""
    winner, *others = newest_first(group)
    kept = f"{winner.page}:{winner.line}"
    for sighting in others:
        yield PageNote(sighting.page, Note(sighting.line, "merged", f"same paper as {kept}"))
        if sighting.abstract.split() != winner.abstract.split():
            text = f"another abstract than the newer {kept}, which is kept"
            yield PageNote(sighting.page, Note(sighting.line, "abstract_differs", text))
