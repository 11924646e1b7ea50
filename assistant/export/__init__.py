"""An answer -> a file to keep: Markdown, BibTeX, or a page whose quotes anyone can check."""

import re
from typing import NamedTuple

from assistant.errors import UsageError
from assistant.export.bibtex import bibtex
from assistant.export.markdown import markdown
from assistant.export.page import html_page
from assistant.schema import Answer

_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 60
_FORMATS = {
    "md": ("text/markdown", markdown),
    "bib": ("application/x-bibtex", bibtex),
    "html": ("text/html", html_page),
}
FORMATS = tuple(_FORMATS)


class File(NamedTuple):
    """A file that is not yet anywhere."""

    name: str
    media_type: str
    text: str


def exported(answer: Answer, format: str) -> File:
    """The answer as a file; `format` is md, bib or html."""
    if format not in _FORMATS:
        raise UsageError(f"no format {format!r}: choose one of {', '.join(FORMATS)}")
    media_type, write = _FORMATS[format]
    slug = _SLUG.sub("-", answer.question.casefold()).strip("-")[:_LONGEST_NAME].strip("-")
    return File(f"{slug or 'answer'}.{format}", media_type, write(answer))
