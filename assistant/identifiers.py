"""What a source tells of a paper -> what the paper is known by: identifiers, title and text."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from assistant.schema import Paper, Sighting

_ID_LENGTH = 12
# C, C++ and C# are three languages, and U-Net and U-Net++ two networks.
_TELLING_SIGNS = "+#"
# "Withdrawn." and the like stand below many titles.
_SHORTEST_TELLING_TEXT = 200

_NO_LETTER = re.compile(r"[\x00-/:-`{-\x7f]+")
_NO_LETTER_BUT_SIGNS = re.compile(r"[\x00-\"$-*,-/:-`{-\x7f]+")
_OTHER_SCRIPT = re.compile(r"[^\x00-\x7f]")

_ARXIV = r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]*(?:\.[a-z]{2})?/\d{7})(?:v\d{1,3})?"
_ARXIV_ID = re.compile(
    rf"(?:arxiv:\s*|https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/|oai:arxiv\.org:"
    rf"|https?://(?:dx\.)?doi\.org/10\.48550/arxiv\.|(?:doi:)?10\.48550/arxiv\.)?({_ARXIV})(?:\.pdf)?",
    re.IGNORECASE,
)
_ARXIV_VERSION = re.compile(r"v(\d{1,3})$", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.|www\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
# What a text or an address holds, and not what it is.
_ARXIV_INSIDE = re.compile(
    rf"(?:arxiv\.org/(?:abs|pdf|html)/|/papers?/|arxiv:\s*)({_ARXIV})(?![\w.]*\d)", re.IGNORECASE
)


def arxiv_id(text: str) -> str:
    """The arXiv id that a text is, with its version if it has one, else nothing.

    >>> arxiv_id("https://arxiv.org/pdf/2311.18830v2.pdf"), arxiv_id("10.1000/2311.18830")
    ('2311.18830v2', '')
    """
    match = _ARXIV_ID.fullmatch(text.strip().split(" [")[0])
    return match[1].lower() if match else ""


def arxiv_inside(address: str) -> str:
    """The arXiv id that an address leads to."""
    match = _ARXIV_INSIDE.search(address)
    return match[1].lower() if match else ""


def arxiv_version(text: str) -> int:
    """The version that an arXiv id names; 0 where it names none."""
    match = _ARXIV_VERSION.search(text)
    return int(match[1]) if match else 0


def doi(text: str) -> str:
    """The DOI that a text is, without the address before it, else nothing."""
    match = _DOI.fullmatch(unquote(text.strip()))
    return match[1].rstrip(".,;").lower() if match else ""


def _last_part(pattern: str) -> Callable[[str], str]:
    form = re.compile(rf"(?:https?://\S+/|[a-z ]+:)?({pattern})", re.IGNORECASE)

    def read(text: str) -> str:
        match = form.fullmatch(text.strip())
        return match[1] if match else ""

    return read


class Scheme(NamedTuple):
    """One way of naming papers: our word for it, how it is read, and where such a name leads."""

    field: str
    read: Callable[[str], str]
    address: str = ""


# The most telling first.
SCHEMES = (
    Scheme("arxiv_id", arxiv_id, "https://arxiv.org/abs/{}"),
    Scheme("doi", doi, "https://doi.org/{}"),
    Scheme("pmid", _last_part(r"\d{1,9}"), "https://pubmed.ncbi.nlm.nih.gov/{}/"),
    Scheme("pmcid", _last_part(r"(?:PMC)?\d{1,9}")),
    Scheme("acl_id", _last_part(r"[\w.-]{4,40}"), "https://aclanthology.org/{}/"),
    Scheme("dblp", str.strip, "https://dblp.org/rec/{}"),
    Scheme("s2_id", _last_part(r"[0-9a-f]{40}"), "https://www.semanticscholar.org/paper/{}"),
    Scheme("corpus_id", _last_part(r"\d{1,12}")),
    Scheme("openalex", _last_part(r"W\d{1,12}"), "https://openalex.org/{}"),
    Scheme("mag", _last_part(r"\d{1,12}")),
)


def identifiers(of: Paper | Sighting) -> dict[str, str]:
    """Every identifier that is told, in one spelling, the most telling first."""
    found = {one.field: one.read(of.extra.get(one.field, "")) for one in SCHEMES}
    if arxiv := arxiv_id(found["doi"]):
        found["arxiv_id"] = found["arxiv_id"] or arxiv
    return {field: value for field, value in found.items() if value}


def links(of: Paper | Sighting) -> list[str]:
    """Every address at which the paper is found, its own first, each once."""
    known = identifiers(of)
    own = of.url or ""
    # Its own address may lead to arXiv or by its DOI already.
    told = {"arxiv_id": arxiv_id(own), "doi": doi(own)}
    made = (
        one.address.format(quote(known[one.field], safe="/:.()-_"))
        for one in SCHEMES
        if one.address and one.field in known and known[one.field] != told.get(one.field)
    )
    return list(dict.fromkeys([*filter(None, [own]), *made]))


def names(of: Sighting) -> frozenset[str]:
    """What no other paper is called: its identifiers, those of arXiv without their version."""
    return frozenset(f"{field}:{value}" for field, value in _named(identifiers(of)))


def _named(known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for field, value in known.items():
        if field == "arxiv_id":
            yield field, _ARXIV_VERSION.sub("", value)
        # arXiv gives each paper a DOI too, which says nothing more.
        elif not (field == "doi" and arxiv_id(value)):
            yield field, value.casefold()


def paper_id(title: str) -> str:
    """Give one id to titles that differ in case, spacing, punctuation or width alone."""
    return _hash(_letters(title, _TELLING_SIGNS) or "".join(_folded(title).split()))


def text_id(text: str) -> str:
    """Give one id to abstracts that differ in case, spacing, punctuation or width alone.

    It is empty where a text is too short to tell papers apart.
    """
    if len(text) < _SHORTEST_TELLING_TEXT:
        return ""
    letters = _letters(text, "")
    return _hash(letters) if len(letters) * 5 >= _SHORTEST_TELLING_TEXT * 3 else ""


def other_id(title: str, name: str) -> str:
    """The id of another paper of the same title, told from it by a name."""
    return _hash(f"{_letters(title, _TELLING_SIGNS)}\n{name}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_ID_LENGTH]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _letters(text: str, signs: str) -> str:
    """Letters, marks and digits of any script, and these signs."""
    rest = (_NO_LETTER_BUT_SIGNS if signs else _NO_LETTER).sub("", _folded(text))
    return rest if rest.isascii() else _OTHER_SCRIPT.sub(_letter, rest)


def _letter(match: re.Match[str]) -> str:
    return match[0] if unicodedata.category(match[0])[0] in "LMN" else ""
