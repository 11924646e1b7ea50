"""A catalog's database -> the sightings that are one paper, and the words that a paper once had."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from assistant.database import Database
from assistant.identifiers import arxiv_id, doi, names, paper_id, text_id
from assistant.rows import OF_BOTH, common_of, common_row
from assistant.schema import Paper, Sighting

ELSEWHERE = "elsewhere"
"""The format of a page that another machine read; its path is that machine's name."""
_AT_ONCE = 500
_IN = "IN (SELECT value FROM json_each(?))"
# All sightings of these papers, and those that share a title, a text or a name with one of them.
_KIN = f"""
WITH RECURSIVE kin (page, position) AS (
    SELECT page, position FROM sightings WHERE paper_id {_IN}
    UNION SELECT page, position FROM sightings WHERE title_id {_IN}
    UNION SELECT other.page, other.position FROM kin JOIN sightings AS one USING (page, position)
        JOIN sightings AS other ON other.title_id = one.title_id
    UNION SELECT other.page, other.position FROM kin JOIN sightings AS one USING (page, position)
        JOIN sightings AS other ON other.text_id = one.text_id AND other.text_id <> ''
    UNION SELECT other.page, other.position FROM kin JOIN names AS one USING (page, position)
        JOIN names AS other ON other.name = one.name
)
SELECT paper_id, page, position, line, {OF_BOTH} FROM kin JOIN sightings USING (page, position)
"""


_INSERT = (
    f"INSERT INTO sightings (page, position, paper_id, line, title_id, text_id, {OF_BOTH})"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Page(NamedTuple):
    """A file that was read."""

    page: str
    path: str
    sha256: str
    format: str


class Listing(NamedTuple):
    """A sighting, and the paper it is one of."""

    paper_id: str
    sighting: Sighting


class Version(NamedTuple):
    """An abstract that a paper has or had, and where it stood."""

    abstract: str
    date: str | None
    arxiv_id: str
    page: str
    """Empty where that is known no more."""
    line: int
    is_current: bool

    @property
    def place(self) -> str:
        """Which version it is, and where it stood, in words."""
        place = f"{self.page}, line {self.line}" if self.page else "no longer in any file"
        newest = "the newest" if self.is_current else ""
        return " · ".join(filter(None, (self.arxiv_id, self.date, place, newest)))


def replace_sightings(database: Database, page: Page, listings: Iterable[Listing]) -> set[str]:
    """Put a page in place of what it was; the ids of the papers that this may change.

    A listing that says what one said before leaves its paper as it is, wherever it stands now.
    """
    before = _contents(database, page.page)
    database.change("DELETE FROM pages WHERE page = ?", (page.page,))
    database.change("INSERT INTO pages VALUES (?, ?, ?, ?)", page)
    touched, met = set[str](), set[str]()
    rest = iter(listings)
    while some := list(islice(rest, _AT_ONCE)):
        rows = []
        for id_, seen in some:
            common = common_row(seen)
            known = before.pop(_digest(common), None)
            # Of two listings of one page the later one wins: their order is a change.
            if known is None or known in met:
                touched.add(known or id_)
            met.add(known or id_)
            rows.append((page.page, seen.position, known or id_, seen.line, *_keys(seen), *common))
        database.change_many(_INSERT, rows)
        called = [(name, page.page, seen.position) for _, seen in some for name in names(seen)]
        database.change_many("INSERT INTO names VALUES (?, ?, ?)", called)
    return touched | set(before.values())


def seen_elsewhere(database: Database, paper_id: str, seen: Iterable[tuple[str, Sighting]]) -> None:
    """Put these in place of what was known of a paper on the pages of other machines, by name."""
    forget_elsewhere(database, [paper_id])
    for machine, one in seen:
        page = f"{machine}/{one.page}"
        new = (page, machine, ELSEWHERE)
        database.change("INSERT OR IGNORE INTO pages VALUES (?, ?, '', ?)", new)
        position = _free(database, page, one.position)
        row = (page, position, paper_id, one.line, *_keys(one), *common_row(one))
        database.change(_INSERT, row)
        called = [(name, page, position) for name in names(one)]
        database.change_many("INSERT INTO names VALUES (?, ?, ?)", called)


def _free(database: Database, page: str, position: int) -> int:
    """The position, or the next where one that has moved since is still known by it."""
    sql = (
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM sightings WHERE page = ? AND position = ?)"
        " THEN (SELECT max(position) + 1 FROM sightings WHERE page = ?) ELSE ? END"
    )
    return int(database.rows(sql, (page, position, page, position))[0][0])


def forget_elsewhere(database: Database, paper_ids: Collection[str]) -> None:
    """Forget what other machines saw of these papers, and their pages that list nothing now."""
    theirs = f"page IN (SELECT page FROM pages WHERE format = '{ELSEWHERE}')"
    some = json.dumps(list(paper_ids))
    pages = database.rows(
        f"SELECT DISTINCT page FROM sightings WHERE paper_id {_IN} AND {theirs}", (some,)
    )
    database.change(f"DELETE FROM sightings WHERE paper_id {_IN} AND {theirs}", (some,))
    database.change_many(
        "DELETE FROM pages WHERE page = ?1"
        " AND NOT EXISTS (SELECT 1 FROM sightings WHERE page = ?1)",
        pages,
    )


def machines(database: Database) -> dict[str, str]:
    """The machine that read it, by page, of every page that was not read here."""
    sql = "SELECT page, path FROM pages WHERE format = ?"
    return dict(database.rows(sql, (ELSEWHERE,)))


def _contents(database: Database, page: str) -> dict[bytes, str]:
    """The paper of each listing of a page, by what the listing says; few are held at a time."""
    found: dict[bytes, str] = {}
    sql = (
        f"SELECT position, paper_id, {OF_BOTH} FROM sightings"
        " WHERE page = ? AND position > ? ORDER BY position LIMIT ?"
    )
    last = -1
    while rows := database.rows(sql, (page, last, _AT_ONCE)):
        found |= {_digest(common): id_ for _, id_, *common in rows}
        last = rows[-1][0]
    return found


def _digest(common: Iterable[Any]) -> bytes:
    # What is put in as True comes back as 1.
    told = repr([int(one) if isinstance(one, bool) else one for one in common])
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=12).digest()


def _keys(seen: Sighting) -> tuple[str, str]:
    return paper_id(seen.title), text_id(seen.abstract)


def kin(database: Database, ids: Collection[str]) -> list[Listing]:
    """Whatever may be one paper with one of these: papers, or titles by their ids."""
    some = json.dumps(list(ids))
    return [
        Listing(id_, Sighting(page, position, line, **common_of(common)))
        for id_, page, position, line, *common in sorted(
            database.rows(_KIN, (some, some)), key=lambda row: row[1:3]
        )
    ]


def assign(database: Database, papers: Iterable[Paper], known: Iterable[Listing]) -> None:
    """Give each sighting to its paper, and to a paper the earlier words of one it took over."""
    before = {(seen.page, seen.position): id_ for id_, seen in known}
    now = {(s.page, s.position): paper.paper_id for paper in papers for s in paper.sightings}
    moved = [(id_, *place) for place, id_ in now.items() if before[place] != id_]
    database.change_many("UPDATE sightings SET paper_id = ? WHERE page = ? AND position = ?", moved)
    over = set(before.values()) - set(now.values())
    for old, new in sorted({(before[place], id_) for place, id_ in now.items()}):
        if old in over:
            _hand_over(database, old, new)


def _hand_over(database: Database, old: str, new: str) -> None:
    """The words that a paper had are, from here on, earlier words of the one it became."""
    last = "(SELECT coalesce(max(number), 0) FROM versions WHERE paper_id = ?)"
    database.change(
        f"UPDATE versions SET paper_id = ?, number = number + {last} WHERE paper_id = ?",
        (new, new, old),
    )
    database.change(
        f"INSERT INTO versions SELECT ?, 1 + {last}, '', 0, abstract, date,"
        " coalesce(json_extract(extra, '$.arxiv_id'), '') FROM papers AS gone WHERE paper_id = ?"
        " AND NOT EXISTS (SELECT 1 FROM sightings AS seen WHERE seen.paper_id = ?"
        " AND seen.abstract = gone.abstract)",
        (new, new, old, new),
    )


def words(database: Database, paper_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Title and abstract of those of these papers that there are."""
    sql = f"SELECT paper_id, title, abstract FROM papers WHERE paper_id {_IN}"
    rows = database.rows(sql, (json.dumps(list(paper_ids)),))
    return {id_: (title, abstract) for id_, title, abstract in rows}


def listed(database: Database) -> Mapping[str, int]:
    """How many papers each page lists."""
    return dict(database.rows("SELECT page, count(*) FROM sightings GROUP BY page"))


def called(database: Database, text: str) -> list[str]:
    """The papers that an identifier names, or an id that one had under another title."""
    known = {"arxiv_id": arxiv_id(text).partition("v")[0], "doi": doi(text)}
    sought = [f"{field}:{value}" for field, value in known.items() if value]
    rows: list[Any] = database.rows(
        "SELECT DISTINCT paper_id FROM sightings JOIN names USING (page, position)"
        f" JOIN papers USING (paper_id) WHERE name {_IN}",
        (json.dumps(sought),),
    )
    sql = "SELECT DISTINCT paper_id FROM sightings JOIN papers USING (paper_id) WHERE title_id = ?"
    rows = rows or database.rows(sql, (text.strip().lower(),))
    return [id_ for (id_,) in rows] if len(rows) == 1 else []


def versions(database: Database, paper: Paper) -> list[Version]:
    """Every abstract that a paper has or had, each once, the current one last."""
    gone = database.rows(
        "SELECT abstract, date, arxiv_id, page, line FROM versions WHERE paper_id = ?"
        " ORDER BY number",
        (paper.paper_id,),
    )
    found: dict[str, Version] = {}
    for abstract, date, arxiv, page, line in gone:
        found.setdefault(_spaced(abstract), Version(abstract, date, arxiv, page, line, False))
    for seen in paper.sightings:
        told = (seen.abstract, seen.date, seen.extra.get("arxiv_id", ""), seen.page, seen.line)
        found[_spaced(seen.abstract)] = Version(*told, False)
    current = found.pop(_spaced(paper.abstract), None) or Version(
        paper.abstract, paper.date, paper.extra.get("arxiv_id", ""), "", 0, True
    )
    return [*sorted(found.values(), key=_age), current._replace(is_current=True)]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _age(version: Version) -> str:
    return version.date or ""
