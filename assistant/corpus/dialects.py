"""Records as arXiv, Semantic Scholar and OpenAlex write them -> records with plain fields."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]

# An inverted index names the place of each word; nobody writes so long an abstract.
_MOST_WORDS = 20_000


class Dialect(NamedTuple):
    """How one source writes records: the fields that tell it, and how they become plain."""

    tells: frozenset[str]
    plain: Callable[[Record], dict[str, Any]]


def _arxiv(record: Record) -> dict[str, Any]:
    """The snapshot of arXiv's metadata: one version's abstract, and the dates of all of them."""
    versions = [one for one in _list(record.get("versions")) if isinstance(one, Mapping)]
    latest = str(versions[-1].get("version") or "") if versions else ""
    created = versions[0].get("created") if versions else None
    names = [_snapshot_name(one) for one in _list(record.get("authors_parsed"))]
    return {
        **_without(record, "versions", "authors_parsed", "update_date", "id"),
        "title": _one_line(record.get("title")),
        "abstract": _one_line(record.get("abstract")),
        "arxiv_id": f"{record.get('id') or ''}{latest}",
        "date": created or record.get("update_date"),
        "updated_on": record.get("update_date"),
        "authors": list(filter(None, names)) or record.get("authors"),
        "url": f"https://arxiv.org/abs/{record.get('id')}",
    }


def _snapshot_name(parts: Any) -> str:
    """Family name, given names, and what follows them."""
    family, given, rest, *_ = (*map(_text, _list(parts)), "", "", "")
    return " ".join(filter(None, (given, family, rest)))


def _semantic_scholar(record: Record) -> dict[str, Any]:
    ids = record.get("externalIds", record.get("externalids"))
    pdf = record.get("openAccessPdf", record.get("openaccesspdf"))
    journal = record.get("journal")
    return {
        **_without(record, "externalIds", "externalids", "openAccessPdf", "openaccesspdf"),
        **(ids if isinstance(ids, Mapping) else {}),
        "paperId": None,
        "s2_id": record.get("paperId"),
        "pdf": pdf.get("url") if isinstance(pdf, Mapping) else None,
        "journal": journal.get("name") if isinstance(journal, Mapping) else journal,
        "tldr": _named(record.get("tldr"), "text"),
    }


def _openalex(record: Record) -> dict[str, Any]:
    place = record.get("primary_location")
    authors = [_named(one, "author") for one in _list(record.get("authorships"))]
    ids = record.get("ids")
    return {
        **{key: value for key, value in record.items() if _is_plain(value)},
        **(ids if isinstance(ids, Mapping) else {}),
        "id": None,
        "openalex": record.get("id"),
        "title": record.get("title") or record.get("display_name"),
        "display_name": None,
        "abstract": uninverted(record.get("abstract_inverted_index")) or record.get("abstract"),
        "authors": [name for one in authors if (name := _text(_named(one, "display_name")))],
        "venue": _named(_named(place, "source"), "display_name"),
        "url": _named(place, "landing_page_url") or record.get("doi") or record.get("id"),
        "topic": _named(record.get("primary_topic"), "display_name"),
    }


# The first whose fields are all there.
DIALECTS = (
    Dialect(frozenset({"abstract_inverted_index"}), _openalex),
    Dialect(frozenset({"authorships", "display_name"}), _openalex),
    Dialect(frozenset({"paperId"}), _semantic_scholar),
    Dialect(frozenset({"externalIds"}), _semantic_scholar),
    Dialect(frozenset({"externalids"}), _semantic_scholar),
    Dialect(frozenset({"authors_parsed", "id"}), _arxiv),
    Dialect(frozenset({"versions", "update_date", "id"}), _arxiv),
)
_TITLES = frozenset({"title", "papertitle", "paper_title", "name", "headline", "display_name"})


def plain_record(record: Record) -> Record:
    """The record in plain fields; one of no dialect as it is."""
    for dialect in DIALECTS:
        if dialect.tells <= record.keys():
            return dialect.plain(record)
    return record


def is_paper(value: Any) -> bool:
    """Whether a value is one record, and not a list of them or what wraps one."""
    if not isinstance(value, Mapping):
        return False
    return not _TITLES.isdisjoint(str(key).casefold() for key in value)


def uninverted(index: Any) -> str:
    """The text of an inverted index: each word stands where it says.

    >>> uninverted({"to": [0, 2], "be": [1]})
    'to be to'
    """
    if not isinstance(index, Mapping):
        return ""
    words: dict[int, str] = {}
    for word, places in index.items():
        for place in _list(places):
            if isinstance(place, int) and len(words) < _MOST_WORDS:
                words[place] = str(word)
    return " ".join(words[place] for place in sorted(words))


def _named(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _one_line(value: Any) -> Any:
    """A text that was broken into lines of one width."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) or value is None


def _without(record: Record, *names: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in names}
