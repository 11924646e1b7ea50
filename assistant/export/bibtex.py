"""An answer -> BibTeX of what it cites."""

import re
from typing import Any

from assistant.identifiers import identifiers, links
from assistant.schema import Answer, Paper

_LATEX = re.compile(r"(?<!\\)([&%#_])")
_WORD = re.compile(r"[^\W\d_][\w-]*")
_NO_KEY = re.compile(r"[^a-z0-9]+")


def bibtex(answer: Answer) -> str:
    """The cited papers, or the nearest ones of a refusal, one entry each."""
    from bibtexparser.entrypoint import write_string
    from bibtexparser.library import Library

    papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
    cited = [papers[one.paper_id] for one in answer.citations if one.paper_id in papers]
    if answer.refusal:
        cited = [hit.paper for hit in answer.refusal.nearest]
    keys: set[str] = set()
    entries = [_entry(paper, _new_key(paper, keys)) for paper in cited]
    return str(write_string(Library(entries)))


def _entry(paper: Paper, key: str) -> Any:
    from bibtexparser.model import Entry, Field

    known = identifiers(paper)
    year, _, rest = (paper.date or "").partition("-")
    fields = {
        "title": f"{{{_latex(paper.title)}}}",
        "author": _latex(" and ".join(paper.authors)),
        "year": year,
        "month": rest[:2],
        "url": next(iter(links(paper)), ""),
        "doi": known.get("doi", ""),
        "eprint": known.get("arxiv_id", ""),
        "archiveprefix": "arXiv" if "arxiv_id" in known else "",
        "pmid": known.get("pmid", ""),
        "note": "Year inferred" if paper.year_inferred else "",
    }
    return Entry("misc", key, [Field(name, value) for name, value in fields.items() if value])


def _new_key(paper: Paper, taken: set[str]) -> str:
    """A key made of title and year that no other entry of the file has."""
    words = _WORD.findall(paper.title.partition(":")[0])
    name = _NO_KEY.sub("", "".join(words[:3]).casefold()) or paper.paper_id
    key = name + (paper.date or "")[:4]
    while key in taken:
        key += "x"
    taken.add(key)
    return key


def _latex(text: str) -> str:
    balanced = text if text.count("{") == text.count("}") else re.sub(r"[{}]", "", text)
    return _LATEX.sub(r"\\\1", balanced)
