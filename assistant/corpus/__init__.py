"""Files -> papers, with a report of what was found, merged and passed over."""

from assistant.corpus.merging import merge, paper_id
from assistant.corpus.page import Note, PageReport, ParsedCorpus
from assistant.corpus.reading import FORMATS, MAX_BYTES, read_paths

__all__ = [
    "FORMATS", "MAX_BYTES", "Note", "PageReport", "ParsedCorpus", "merge", "paper_id", "read_paths",
]  # fmt: skip
