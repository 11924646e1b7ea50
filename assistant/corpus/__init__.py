"""Files -> papers, with a report of what was found, merged and passed over."""

from assistant.corpus.merging import merge, notes_on, paper_id
from assistant.corpus.page import Note, PageReport, ParsedCorpus
from assistant.corpus.reading import (
    PageReader,
    nothing_found,
    page_readers,
    read_paths,
    read_reports,
)
from assistant.corpus.sources import STANDARD_INPUT, is_given
from assistant.corpus.text import MAX_BYTES

__all__ = [
    "MAX_BYTES", "STANDARD_INPUT", "Note", "PageReader", "PageReport", "ParsedCorpus", "is_given",
    "merge", "notes_on", "nothing_found", "page_readers", "paper_id", "read_paths", "read_reports",
]  # fmt: skip
