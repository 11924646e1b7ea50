"""Pages, papers, chunks and vectors: what is known, and the one place that may not be lost."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from assistant import journal
from assistant.database import Database, damaged
from assistant.lookup import page_named, paper_named
from assistant.period import asked, period
from assistant.recall import Recall
from assistant.rows import OF_BOTH, common_of, common_row, days_of
from assistant.schema import Chunk, EncoderIdentity, Filters, Paper, Sighting, Vectors
from assistant.sightings import Listing as Listing
from assistant.sightings import Page as Page
from assistant.sightings import called, replace_sightings

_IN = "IN (SELECT value FROM json_each(?))"
# Of more papers at once none is remembered: who goes through them all asks for each once.
_FEW = 100


class Run(NamedTuple):
    """When a run of the indexer ended, and what it reported."""

    finished: str
    report: Mapping[str, Any]


class Catalog:
    """What is known of papers; safe to read from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recall, self._recall_texts = Recall(database), Recall(database)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The catalog at `path`, made if it is new."""
        return cls(Database.open(path))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def database(self) -> Database:
        """The open file, for what is kept beside the papers."""
        return self._database

    def transaction(self) -> AbstractContextManager[None]:
        """All changes made inside, or none of them."""
        return self._database.transaction()

    def check(self) -> None:
        """Read the whole file; damage is a `CatalogError`."""
        self._database.check()
        if changed := journal.changed_unasked(self._database):
            raise damaged(self.path, f"the words of papers {changed}… changed by themselves")

    # Pages and sightings

    def pages(self) -> dict[str, str]:
        """The sha256 of every page, in name order."""
        return dict(self._rows("SELECT page, sha256 FROM pages ORDER BY page"))

    def page_files(self) -> dict[str, Page]:
        """Every page, and the file that it was read from."""
        rows = self._rows("SELECT page, path, sha256, format FROM pages ORDER BY page")
        return {row[0]: Page(*row) for row in rows}

    def replace_page(self, page: Page, listings: Iterable[Listing]) -> set[str]:
        """Put a page in place of what it was; the ids of the papers that this may change."""
        with self.transaction():
            return replace_sightings(self._database, page, listings)

    def remove_page(self, page: str) -> set[str]:
        """Take a page out; the ids of the papers that were seen on it."""
        with self.transaction():
            seen = self._rows("SELECT DISTINCT paper_id FROM sightings WHERE page = ?", page)
            self._database.change("DELETE FROM pages WHERE page = ?", (page,))
        return {paper_id for (paper_id,) in seen}

    def sightings(self, paper_ids: Iterable[str] | None = None) -> dict[str, list[Sighting]]:
        """Where papers were seen, by page and position."""
        rows = self._of("paper_id, page, position, line, " + OF_BOTH, "sightings", paper_ids)
        found: dict[str, list[Sighting]] = {}
        for paper_id, page, position, line, *common in sorted(rows, key=lambda row: row[1:3]):
            sighting = Sighting(page, position, line, **common_of(common))
            found.setdefault(paper_id, []).append(sighting)
        return found

    def count_sightings(self, page: str) -> int:
        """How many papers a page lists."""
        return int(self._rows("SELECT count(*) FROM sightings WHERE page = ?", page)[0][0])

    # Papers

    def set_papers(self, papers: Iterable[Paper]) -> None:
        """Put papers in; the chunks of one whose text changed are dropped."""
        some = list(papers)
        with self.transaction():
            self._database.change_many(
                "DELETE FROM chunks WHERE paper_id = ?1 AND NOT EXISTS (SELECT 1 FROM papers"
                " WHERE papers.paper_id = ?1 AND title = ?2 AND abstract = ?3)",
                [(paper.paper_id, paper.title, paper.abstract) for paper in some],
            )
            self._database.change_many(
                f"INSERT INTO papers (paper_id, {OF_BOTH}, first_day, last_day)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " chunked_for = CASE WHEN title = excluded.title AND abstract = excluded.abstract"
                " THEN chunked_for END, title = excluded.title, abstract = excluded.abstract,"
                " date = excluded.date, year_inferred = excluded.year_inferred,"
                " author_count = excluded.author_count, authors = excluded.authors,"
                " url = excluded.url, extra = excluded.extra,"
                " first_day = excluded.first_day, last_day = excluded.last_day",
                [(paper.paper_id, *common_row(paper), *days_of(paper.date)) for paper in some],
            )

    def remove_papers(self, paper_ids: Iterable[str]) -> None:
        """Take papers out, and their chunks."""
        self._database.change_many(
            "DELETE FROM papers WHERE paper_id = ?", [(paper_id,) for paper_id in paper_ids]
        )

    def papers(self, ids: Sequence[str] | None = None) -> list[Paper]:
        """All papers by title, or those of `ids` in that order; an id not known gives none."""
        if ids is None:
            every = self._whole(None).values()
            return sorted(every, key=lambda paper: (paper.title.casefold(), paper.title))
        found = self._recall.papers(ids, self._whole) if len(ids) <= _FEW else self._whole(ids)
        return [found[paper_id] for paper_id in dict.fromkeys(ids) if paper_id in found]

    def _whole(self, ids: Sequence[str] | None) -> dict[str, Paper]:
        rows = self._of("paper_id, " + OF_BOTH, "papers", ids)
        seen = self.sightings(ids)
        return {
            paper_id: Paper(paper_id, **common_of(common), sightings=tuple(seen.get(paper_id, ())))
            for paper_id, *common in rows
        }

    def texts(self, ids: Sequence[str]) -> list[Paper]:
        """The papers of `ids` in that order, for their words alone: the rest may be missing."""
        found = self._recall_texts.papers(ids, self._texts)
        return [found[paper_id] for paper_id in dict.fromkeys(ids) if paper_id in found]

    def _texts(self, ids: Sequence[str]) -> dict[str, Paper]:
        rows = self._of("paper_id, title, abstract", "papers", ids)
        return {row[0]: Paper(*row) for row in rows}

    def some_papers(self, limit: int, offset: int) -> list[Paper]:
        """A part of all papers by title; no more is read."""
        sql = "SELECT paper_id FROM papers ORDER BY title COLLATE NOCASE, title LIMIT ? OFFSET ?"
        return self.papers([id_ for (id_,) in self._rows(sql, limit, offset)])

    def paper(self, paper_id: str) -> Paper:
        """The paper of that id, or of an id that begins so."""
        if found := self.papers(called(self._database, paper_id)):
            return found[0]
        titles = dict(self._rows("SELECT paper_id, title FROM papers ORDER BY paper_id"))
        return self.papers([paper_named(paper_id, titles)])[0]

    def count(self) -> int:
        """How many papers there are."""
        return int(self._rows("SELECT count(*) FROM papers")[0][0])

    def paper_ids(self, filters: Filters = Filters()) -> set[str]:  # noqa: B008
        """The papers that `filters` let through; one without a date has none to overlap."""
        conditions, values = ["TRUE"], []
        if days := asked(filters):
            conditions.append("first_day <= ? AND last_day >= ?")
            values += [days.last, days.first]
        if filters.page is not None:
            conditions.append("paper_id IN (SELECT paper_id FROM sightings WHERE page = ?)")
            values.append(page_named(filters.page, list(self.pages())))
        if filters.without:
            conditions.append(f"paper_id NOT {_IN}")
            values.append(json.dumps(filters.without))
        if filters.as_of is not None:
            # A date that is not whole counts as the last day that it may mean.
            conditions.append("last_day <= ?")
            values.append(period(filters.as_of).last)
        sql = "SELECT paper_id FROM papers WHERE " + " AND ".join(conditions)
        return {paper_id for (paper_id,) in self._rows(sql, *values)}

    def fingerprint(self) -> str:
        """Another one if and only if the papers' words are."""
        return journal.fingerprint(self._database)

    def keep_fingerprint(self) -> str:
        """Work it out once, for all readers to come."""
        journal.keep_digests(self._database)
        return self.fingerprint()

    # Chunks and vectors

    def unchunked(self, encoder: EncoderIdentity, among: Iterable[str]) -> list[str]:
        """Those of these papers that have no chunks for this encoder yet."""
        sql = f"SELECT paper_id FROM papers WHERE chunked_for IS NOT ? AND paper_id {_IN}"
        rows = self._rows(f"{sql} ORDER BY paper_id", str(encoder), json.dumps(list(among)))
        return [paper_id for (paper_id,) in rows]

    def set_chunks(
        self, encoder: EncoderIdentity, paper_ids: Iterable[str], chunks: Iterable[Chunk]
    ) -> None:
        """Put these chunks in place of all that these papers had."""
        ids = [(paper_id,) for paper_id in paper_ids]
        rows = [(c.chunk_id, c.paper_id, c.title, c.start, c.end) for c in chunks]
        marks = [(str(encoder), *id_) for id_ in ids]
        with self.transaction():
            self._database.change_many("DELETE FROM chunks WHERE paper_id = ?", ids)
            self._database.change_many("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", rows)
            self._database.change_many(
                "UPDATE papers SET chunked_for = ? WHERE paper_id = ?", marks
            )

    def chunks(self, ids: Sequence[str] | None = None) -> list[Chunk]:
        """All chunks by paper and place, or those of `ids` in that order."""
        if ids is None:
            return self._chunks("")
        rows = self._chunks(f"WHERE chunk_id {_IN}", json.dumps(list(ids)))
        found = {chunk.chunk_id: chunk for chunk in rows}
        return [found[id_] for id_ in ids if id_ in found]

    def chunks_of(self, paper_ids: Iterable[str]) -> list[Chunk]:
        """The chunks of these papers, by paper and place."""
        return self._chunks(f"WHERE chunks.paper_id {_IN}", json.dumps(list(paper_ids)))

    def _chunks(self, where: str, *values: str) -> list[Chunk]:
        rows = self._rows(
            "SELECT chunk_id, paper_id, chunks.title, start, end, abstract FROM chunks"
            f" JOIN papers USING (paper_id) {where} ORDER BY paper_id, start",
            *values,
        )
        return [
            Chunk(chunk_id, paper_id, title, abstract[start:end], start, end)
            for chunk_id, paper_id, title, start, end, abstract in rows
        ]

    def chunk_ids(self) -> set[str]:
        """The ids of all chunks."""
        return {chunk_id for (chunk_id,) in self._rows("SELECT chunk_id FROM chunks")}

    def count_chunks(self) -> int:
        """How many chunks there are."""
        return int(self._rows("SELECT count(*) FROM chunks")[0][0])

    def chunk_ids_after(self, chunk_id: str, limit: int) -> list[str]:
        """The next ids in order; all of them, a part at a time, from ""."""
        sql = "SELECT chunk_id FROM chunks WHERE chunk_id > ? ORDER BY chunk_id LIMIT ?"
        return [id_ for (id_,) in self._rows(sql, chunk_id, limit)]

    def paper_ids_after(self, paper_id: str, limit: int) -> list[str]:
        """The next ids in order; all of them, a part at a time, from ""."""
        sql = "SELECT paper_id FROM papers WHERE paper_id > ? ORDER BY paper_id LIMIT ?"
        return [id_ for (id_,) in self._rows(sql, paper_id, limit)]

    def vectors(self, encoder: EncoderIdentity, texts: Iterable[str]) -> dict[str, Vectors]:
        """What this encoder made of those of `texts` that it has read."""
        keys = {_key(text): text for text in texts}
        rows = self._rows(
            f"SELECT sha256, vector FROM vectors WHERE encoder = ? AND sha256 {_IN}",
            str(encoder),
            json.dumps(list(keys)),
        )
        return {keys[key]: self._vector(blob, encoder) for key, blob in rows}

    def known_texts(self, encoder: EncoderIdentity, texts: Iterable[str]) -> set[str]:
        """Those of `texts` that this encoder has read."""
        keys = {_key(text): text for text in texts}
        rows = self._rows(
            f"SELECT sha256 FROM vectors WHERE encoder = ? AND sha256 {_IN}",
            str(encoder),
            json.dumps(list(keys)),
        )
        return {keys[key] for (key,) in rows}

    def _vector(self, blob: bytes, encoder: EncoderIdentity) -> Vectors:
        if len(blob) != 4 * encoder.dimension:
            raise damaged(self.path, "a vector of another length")
        return np.frombuffer(blob, "<f4").astype(np.float32)

    def add_vectors(self, encoder: EncoderIdentity, texts: Sequence[str], vectors: Vectors) -> None:
        """Keep what an encoder made of `texts`."""
        blobs = (vector.tobytes() for vector in np.asarray(vectors, "<f4"))
        self._database.change_many(
            "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
            [(str(encoder), _key(text), blob) for text, blob in zip(texts, blobs, strict=True)],
        )

    # Facts about the whole, and the runs that made it

    def meta(self, key: str) -> str | None:
        """What was kept under `key`."""
        found = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0][0]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""
        self._database.change("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def forget_meta(self, key: str) -> None:
        """Keep nothing under `key`."""
        self._database.change("DELETE FROM meta WHERE key = ?", (key,))

    def add_run(self, report: Mapping[str, Any]) -> None:
        """Keep the record of a run of the indexer."""
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        sql = "INSERT INTO runs (finished, report) VALUES (?, ?)"
        self._database.change(sql, (finished, json.dumps(report)))

    def runs(self) -> list[Run]:
        """The runs of the indexer, newest first."""
        rows = self._rows("SELECT finished, report FROM runs ORDER BY number DESC")
        return [Run(finished, json.loads(report)) for finished, report in rows]

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return self._database.rows(sql, values)

    def _of(self, columns: str, table: str, paper_ids: Iterable[str] | None) -> list[Any]:
        sql = f"SELECT {columns} FROM {table}"
        if paper_ids is None:
            return self._rows(sql)
        return self._rows(f"{sql} WHERE paper_id {_IN}", json.dumps(list(paper_ids)))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
