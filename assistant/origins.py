"""The tables of what papers are known by, and of the words that they once had."""

_KEEP = (
    "INSERT INTO versions SELECT old.paper_id, (SELECT count(*) + 1 FROM versions"
    " WHERE paper_id = old.paper_id), {place}, old.abstract, old.date,"
    " coalesce(json_extract(old.extra, '$.arxiv_id'), '')"
    # What an outer statement says of conflicts overrules INSERT OR IGNORE, but not a condition.
    " WHERE NOT EXISTS (SELECT 1 FROM versions WHERE paper_id = old.paper_id"
    " AND abstract = old.abstract); END"
)
ORIGINS = (
    # What a listing's title and abstract are, whatever their case and signs.
    "ALTER TABLE sightings ADD COLUMN title_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sightings ADD COLUMN text_id TEXT NOT NULL DEFAULT ''",
    "UPDATE sightings SET title_id = paper_id",
    "CREATE INDEX sightings_by_title ON sightings (title_id)",
    "CREATE INDEX sightings_by_text ON sightings (text_id) WHERE text_id <> ''",
    # The identifiers of a listing; see identifiers.names.
    "CREATE TABLE names (name TEXT NOT NULL, page TEXT NOT NULL, position INTEGER NOT NULL,"
    " PRIMARY KEY (name, page, position),"
    " FOREIGN KEY (page, position) REFERENCES sightings ON DELETE CASCADE) WITHOUT ROWID",
    "CREATE INDEX names_of_sighting ON names (page, position)",
    # Abstracts that are the paper's no more, or stood in a listing that is gone, as they went.
    "CREATE TABLE versions (paper_id TEXT NOT NULL REFERENCES papers ON DELETE CASCADE,"
    " number INTEGER NOT NULL, page TEXT NOT NULL, line INTEGER NOT NULL,"
    " abstract TEXT NOT NULL, date TEXT, arxiv_id TEXT NOT NULL,"
    " PRIMARY KEY (paper_id, number))",
    # Triggers, so that no way of changing a page or a paper is forgotten.
    "CREATE TRIGGER words_changed AFTER UPDATE ON papers"
    " WHEN old.abstract IS NOT new.abstract BEGIN " + _KEEP.format(place="'', 0"),
    "CREATE TRIGGER sighting_went AFTER DELETE ON sightings WHEN EXISTS (SELECT 1 FROM papers"
    " WHERE paper_id = old.paper_id AND abstract IS NOT old.abstract) BEGIN "
    + _KEEP.format(place="old.page, old.line"),
    # The files must be read again: the rows here do not tell their identifiers in one spelling.
    "UPDATE pages SET sha256 = ''",
)
"""The statements that bring a catalog without them up to date."""
