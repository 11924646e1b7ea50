"""The catalog's tables: those of the first version, and the steps from each version to the next."""

from assistant.origins import ORIGINS

_FIRST = """
CREATE TABLE pages (
    page TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    format TEXT NOT NULL
);
CREATE TABLE sightings (
    page TEXT NOT NULL REFERENCES pages ON DELETE CASCADE,
    position INTEGER NOT NULL,
    paper_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    title TEXT NOT NULL,
    abstract TEXT NOT NULL,
    date TEXT,
    year_inferred INTEGER NOT NULL,
    author_count INTEGER,
    authors TEXT NOT NULL,
    url TEXT,
    extra TEXT NOT NULL,
    PRIMARY KEY (page, position)
);
CREATE INDEX sightings_of_paper ON sightings (paper_id);
CREATE TABLE papers (
    paper_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    abstract TEXT NOT NULL,
    date TEXT,
    first_day TEXT,
    last_day TEXT,
    year_inferred INTEGER NOT NULL,
    author_count INTEGER,
    authors TEXT NOT NULL,
    url TEXT,
    extra TEXT NOT NULL,
    -- the encoder whose pieces its chunks were counted in; NULL: not chunked since its text changed
    chunked_for TEXT
);
CREATE INDEX papers_by_day ON papers (first_day, last_day);
CREATE TABLE chunks (
    chunk_id TEXT PRIMARY KEY,
    paper_id TEXT NOT NULL REFERENCES papers ON DELETE CASCADE,
    title TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL
);
CREATE INDEX chunks_of_paper ON chunks (paper_id);
CREATE TABLE vectors (
    encoder TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (encoder, sha256)
) WITHOUT ROWID;
-- the word pieces of a text as the reader understood them; see schema.Reading
CREATE TABLE readings (
    reader TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    pieces BLOB NOT NULL,
    starts BLOB NOT NULL,
    states BLOB NOT NULL,
    PRIMARY KEY (reader, sha256)
) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    finished TEXT NOT NULL,
    report TEXT NOT NULL
);
"""
# Rows of a kilobyte and more belong in a table of their own: in the tree of an index, SQLite gives
# each of them a page and more. The old tables would cost 3 KB a vector and 2 KB a reading.
_ROOMY = """
ALTER TABLE vectors RENAME TO vectors_1;
CREATE TABLE vectors (encoder TEXT NOT NULL, sha256 TEXT NOT NULL, vector BLOB NOT NULL);
INSERT INTO vectors SELECT encoder, sha256, vector FROM vectors_1;
DROP TABLE vectors_1;
CREATE UNIQUE INDEX vectors_by_text ON vectors (sha256, encoder);
ALTER TABLE readings RENAME TO readings_1;
CREATE TABLE readings (
    reader TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    pieces BLOB NOT NULL,
    starts BLOB NOT NULL,
    states BLOB NOT NULL
);
INSERT INTO readings SELECT reader, sha256, pieces, starts, states FROM readings_1;
DROP TABLE readings_1;
CREATE UNIQUE INDEX readings_by_text ON readings (sha256, reader);
"""
# Triggers, so that no way of changing a paper is forgotten. What an outer statement says of
# conflicts overrules INSERT OR ... in a trigger, but no ON CONFLICT clause.
_JOURNAL = """
-- the papers whose words changed, and the chunks that came or went, since the index was made
CREATE TABLE stale_papers (paper_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE stale_chunks (chunk_id TEXT PRIMARY KEY) WITHOUT ROWID;
-- a hash over the papers whose ids begin alike; NULL: not known since one of them changed
CREATE TABLE digests (bucket TEXT PRIMARY KEY, sha256 TEXT) WITHOUT ROWID;
INSERT INTO digests SELECT DISTINCT substr(paper_id, 1, 3), NULL FROM papers;
"""


def _statements(script: str) -> tuple[str, ...]:
    return tuple(filter(str.strip, script.split(";\n")))


def _trigger(name: str, event: str, paper: str, when: str = "") -> str:
    return (
        f"CREATE TRIGGER {name} AFTER {event} ON papers {when} BEGIN"
        f" INSERT INTO stale_papers VALUES ({paper}.paper_id) ON CONFLICT DO NOTHING;"
        f" INSERT INTO digests VALUES (substr({paper}.paper_id, 1, 3), NULL)"
        " ON CONFLICT DO UPDATE SET sha256 = NULL;"
        " END"
    )


_DIFFERS = "WHEN (old.title, old.abstract) IS NOT (new.title, new.abstract)"
# A server's other machines want to know these too.
_FACTS = "date, year_inferred, author_count, authors, url, extra"
_NOTED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _FACTS.split(", "))
_TRIGGERS = (
    _trigger("paper_came", "INSERT", "new"),
    _trigger("paper_changed", "UPDATE", "new", _DIFFERS),
    _trigger("paper_went", "DELETE", "old"),
    f"CREATE TRIGGER paper_noted AFTER UPDATE ON papers WHEN {_NOTED} BEGIN"
    " INSERT INTO stale_papers VALUES (new.paper_id) ON CONFLICT DO NOTHING; END",
    "CREATE TRIGGER chunk_came AFTER INSERT ON chunks BEGIN"
    " INSERT INTO stale_chunks VALUES (new.chunk_id) ON CONFLICT DO NOTHING; END",
    "CREATE TRIGGER chunk_went AFTER DELETE ON chunks BEGIN"
    " INSERT INTO stale_chunks VALUES (old.chunk_id) ON CONFLICT DO NOTHING; END",
)

STEPS = (
    _statements(_FIRST),
    (*_statements(_ROOMY), *_statements(_JOURNAL), *_TRIGGERS),
    ORIGINS,
)
"""Step n makes of a catalog of version n one of version n + 1; of nothing, the first one."""
