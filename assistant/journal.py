"""A catalog's database -> what changed since the index was made, and a hash of all its papers.

The tables' triggers keep both, so that a change costs what was changed, and not what there is.
"""

import hashlib
import json
from collections.abc import Iterable

from assistant.database import Database


def stale_papers(database: Database) -> list[str]:
    """The papers that came, went or changed their words since the index was made."""
    return [id_ for (id_,) in database.rows("SELECT paper_id FROM stale_papers ORDER BY paper_id")]


def mark_stale(database: Database, paper_ids: Iterable[str]) -> None:
    """Note that there is more to tell of these papers than their words."""
    ids = [(paper_id,) for paper_id in paper_ids]
    database.change_many("INSERT OR IGNORE INTO stale_papers VALUES (?)", ids)


def stale_chunks(database: Database) -> list[str]:
    """The chunks that came or went since the index was made."""
    return [id_ for (id_,) in database.rows("SELECT chunk_id FROM stale_chunks ORDER BY chunk_id")]


def has_stale(database: Database) -> bool:
    """Whether the index lacks anything."""
    sql = "SELECT EXISTS (SELECT 1 FROM stale_papers) OR EXISTS (SELECT 1 FROM stale_chunks)"
    return bool(database.rows(sql)[0][0])


def settle(database: Database) -> None:
    """From here on the index holds everything."""
    with database.transaction():
        database.change("DELETE FROM stale_papers")
        database.change("DELETE FROM stale_chunks")


def fingerprint(database: Database) -> str:
    """Another one if and only if the papers' words are."""
    known = dict(database.rows("SELECT bucket, sha256 FROM digests"))
    fresh = {bucket: _digest(database, bucket) for bucket, sha256 in known.items() if not sha256}
    whole = hashlib.sha256()
    for bucket, sha256 in sorted((known | fresh).items()):
        if sha256:
            whole.update(f"{bucket}\n{sha256}\n".encode("utf-8", "replace"))
    return whole.hexdigest()


def changed_unasked(database: Database) -> str:
    """How the ids of papers begin whose words are not those that were written; else empty."""
    known = database.rows("SELECT bucket, sha256 FROM digests WHERE sha256 IS NOT NULL")
    changed = (bucket for bucket, sha256 in known if _digest(database, bucket) != sha256)
    return next(changed, "")


def keep_digests(database: Database) -> None:
    """Work out what `fingerprint` needs, once, for all readers to come."""
    with database.transaction():
        unknown = database.rows("SELECT bucket FROM digests WHERE sha256 IS NULL")
        for (bucket,) in unknown:
            if digest := _digest(database, bucket):
                database.change("UPDATE digests SET sha256 = ? WHERE bucket = ?", (digest, bucket))
            else:
                database.change("DELETE FROM digests WHERE bucket = ?", (bucket,))


def _digest(database: Database, bucket: str) -> str:
    """The hash of the papers whose ids begin so; empty where there are none."""
    digest, rows = hashlib.sha256(), _papers(database, bucket)
    for row in rows:
        digest.update(json.dumps(row).encode())
    return digest.hexdigest() if rows else ""


def _papers(database: Database, bucket: str) -> list[tuple[str, str, str]]:
    sql = (
        "SELECT paper_id, title, abstract FROM papers"
        " WHERE paper_id >= ? AND substr(paper_id, 1, 3) = ? AND paper_id < ? ORDER BY paper_id"
    )
    return database.rows(sql, (bucket, bucket, bucket + "\U0010ffff"))
