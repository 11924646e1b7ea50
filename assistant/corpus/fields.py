"""Records, whatever their keys are called -> sightings."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from assistant.corpus.dates import Written, iso, month_number, read_date
from assistant.corpus.dialects import plain_record
from assistant.corpus.page import Found, Note, Reading, cleaned, collected, quoted
from assistant.identifiers import arxiv_id, arxiv_inside
from assistant.schema import Sighting

# Our word, then the names others give it, the most telling first; compared without case and signs.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "papertitle", "name", "headline", "displayname"),
    "abstract": ("abstract", "paperabstract", "abstracttext", "summary", "description", "text"),
    "date": (
        "date", "published", "publicationdate", "publishedat", "publisheddate", "datepublished",
        "pubdate", "publishedonline", "issued", "dateparts", "created", "submitted",
        "updated", "updatedate", "year", "publicationyear",
    ),
    "month": ("month", "publicationmonth"),
    "day": ("day", "publicationday"),
    "authors": ("authors", "author", "authornames", "creators", "creator"),
    "author_count": ("authorcount", "numauthors", "nauthors", "numberofauthors"),
    "url": ("url", "link", "paperurl", "htmlurl", "landingpage", "absurl", "href", "pdfurl"),
    "doi": ("doi",),
    "arxiv_id": ("arxivid", "arxiv", "eprint"),
    "pmid": ("pmid", "pubmed", "pubmedid"),
    "pmcid": ("pmcid", "pubmedcentral"),
    "acl_id": ("aclid", "acl"),
    "dblp": ("dblp",),
    "s2_id": ("s2id", "semanticscholarid"),
    "corpus_id": ("corpusid", "s2corpusid"),
    "openalex": ("openalex", "openalexid"),
    "mag": ("mag", "magid"),
    "venue": ("venue", "journal", "booktitle", "conference", "journalref"),
}  # fmt: skip
_EXTRA = (
    "doi", "arxiv_id", "pmid", "pmcid", "acl_id", "dblp", "s2_id", "corpus_id", "openalex", "mag",
    "venue",
)  # fmt: skip
# How a byte that is no text was decoded.
_NO_TEXT = re.compile("[\udc80-\udcff]")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_OTHERS = frozenset({"others", "et al.", "et al"})

Record = Mapping[str, Any]


@lru_cache(maxsize=4096)
def squashed(name: str) -> str:
    """Reduce a key to letters and digits: `paperAbstract` and `paper_abstract` are one name."""
    return "".join(filter(str.isalnum, name)).casefold()


_KNOWN = {field: tuple(map(squashed, names)) for field, names in ALIASES.items()}


def keys_for(field: str, names: Iterable[str]) -> list[str]:
    """Find the keys among `names` that stand for our `field`, the most telling first."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(squashed(name), name)
    return [by_name[known] for known in _KNOWN[field] if known in by_name]


def from_records(records: Iterable[tuple[int, Any]], page: str) -> Reading:
    """All of what `sightings_of` gives."""
    return collected(sightings_of(records, page))


def sightings_of(records: Iterable[tuple[int, Any] | Note], page: str) -> Iterator[Found]:
    """Numbered records to sightings; one without a title or an abstract is noted, not guessed."""
    position = 1
    for one in records:
        if isinstance(one, Note):
            yield one
            continue
        line, record = one
        notes: list[Note] = []
        sighting = _sighting(record, page, position, line, notes)
        yield from notes
        if sighting is not None:
            position += 1
            yield sighting


def _sighting(
    record: Any, page: str, position: int, line: int, notes: list[Note]
) -> Sighting | None:
    if not isinstance(record, Mapping):
        notes.append(Note(line, "unreadable", "not an object with a title and an abstract"))
        return None
    values = _flat(plain_record(record))
    used: set[str] = set()
    if any(_NO_TEXT.search(value) for value in values.values() if isinstance(value, str)):
        notes.append(Note(line, "unreadable", "bytes that are no UTF-8: save it as UTF-8"))
        return None
    title = cleaned(_take("title", values, used), line, notes)
    abstract = cleaned(_take("abstract", values, used), line, notes)
    if not title or not abstract:
        notes.append(Note(line, "skipped", _what_is_missing(title, abstract)))
        return None
    date = _date(values, used)
    authors, complete = _authors(values, used)
    url = _url(values, used)
    return Sighting(
        page=page,
        position=position,
        line=line,
        title=title,
        abstract=abstract,
        date=date,
        author_count=_author_count(values, used, len(authors) if authors and complete else None),
        authors=tuple(name for name in (cleaned(a, line, notes) for a in authors) if name),
        url=url,
        extra=_with_arxiv_id(_extra(values, used, line, notes), url),
    )


def _with_arxiv_id(extra: dict[str, str], url: str | None) -> dict[str, str]:
    """An eprint of another archive is none of arXiv's; an address there tells the id as well."""
    given = extra.get("arxiv_id", "")
    if given and not arxiv_id(given):
        extra["eprint"] = extra.pop("arxiv_id")
    known = arxiv_id(given) or arxiv_id(extra.get("doi", "")) or arxiv_inside(url or "")
    return {**extra, "arxiv_id": known} if known else extra


def _what_is_missing(title: str, abstract: str) -> str:
    if title:
        return f"a title without an abstract: {quoted(title)}"
    return f"an abstract without a title: {quoted(abstract)}" if abstract else "an empty record"


def _flat(record: Record) -> dict[str, Any]:
    """Lay the fields of a nested object, such as `externalIds`, beside the record's own."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat |= {str(inner): scalar for inner, scalar in value.items() if inner not in record}
        else:
            flat[str(key)] = value
    return flat


def as_text(value: Any) -> str:
    """Give a scalar or a list of sentences as one text, and nothing for what is neither."""
    if isinstance(value, list):
        return " ".join(filter(None, map(as_text, value)))
    if value is None or isinstance(value, Mapping):
        return ""
    return str(value)


def _take(field: str, values: Record, used: set[str]) -> str:
    """Take the first name that has something to say; later names stay for `extra`."""
    for key in keys_for(field, values):
        text = as_text(values[key])
        if text.strip():
            used.add(key)
            return text
    return ""


def _date(values: Record, used: set[str]) -> str | None:
    for key in keys_for("date", values):
        written = _written(values[key])
        if written is not None:
            used.add(key)
            return iso(written if written.month else _with_month(written, values, used))
    return None


def _written(value: Any) -> Written | None:
    # Crossref writes [[2021, 3, 12]].
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list) and value:
        value = "-".join(map(str, value))
    return read_date(as_text(value))


def _with_month(written: Written, values: Record, used: set[str]) -> Written:
    month = month_number(_take("month", values, used))
    day = _take("day", values, used).strip() if month else ""
    return written._replace(month=month, day=int(day) if day.isdecimal() else None)


def _authors(values: Record, used: set[str]) -> tuple[list[str], bool]:
    """Give the names, and whether they are all there are."""
    for key in keys_for("authors", values):
        names = _names(values[key])
        if names:
            used.add(key)
            listed = [name for name in names if name.casefold() not in _OTHERS]
            return listed, len(listed) == len(names)
    return [], True


def _names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name.strip() for name in map(_name, value) if name.strip()]
    text = as_text(value)
    if ";" in text:
        parts = text.split(";")
    elif _AND.search(text) and not _is_comma_list(text):
        parts = [_first_name_first(part) for part in _AND.split(text)]
    elif _is_comma_list(text):
        parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", text)
    else:
        parts = [text]
    return [part.strip() for part in parts if part.strip()]


def _is_comma_list(text: str) -> bool:
    """Whether commas part people: before each stands a whole name, not only a family name."""
    people = re.split(r",\s*(?:and\s+)?", text)
    return len(people) > 1 and all(" " in person.strip() for person in people)


def _first_name_first(name: str) -> str:
    family, comma, given = name.partition(",")
    return f"{given.strip()} {family.strip()}" if comma and "," not in given else name


def _name(value: Any) -> str:
    if not isinstance(value, Mapping):
        return as_text(value)
    whole = next((value[key] for key in ("name", "fullname", "display_name") if value.get(key)), "")
    return as_text(whole) or " ".join(
        filter(None, (as_text(value.get(key)) for key in ("given", "first", "family", "last")))
    )


def _author_count(values: Record, used: set[str], listed: int | None) -> int | None:
    for key in keys_for("author_count", values):
        text = as_text(values[key]).strip()
        if text.isdecimal() and len(text) < 7:
            used.add(key)
            return int(text)
    return listed


def _url(values: Record, used: set[str]) -> str | None:
    """Take the first address that is one; `javascript:` and the like are left among the rest."""
    for key in keys_for("url", values):
        text = as_text(values[key]).strip()
        if _URL.fullmatch(text) and text.isprintable():
            used.add(key)
            return text
    return None


def _extra(values: Record, used: set[str], line: int, notes: list[Note]) -> dict[str, str]:
    ours = {key: field for field in _EXTRA for key in reversed(keys_for(field, values)[:1])}
    extra: dict[str, str] = {}
    for key, value in values.items():
        text = "" if key in used else cleaned(as_text(value), line, notes)
        name = cleaned(ours.get(key, key), line, notes)
        if text and name:
            extra[name] = text
    return extra
