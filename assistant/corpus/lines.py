"""One line of a saved page -> what sort of line it is, judged by its form alone."""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assistant.corpus.dates import Written, read_date

TextKind = Literal["prose", "sentence", "loose", "title"]
LineKind = Literal["blank", "site", "trailer", "date", "text"]


@dataclass(frozen=True, slots=True)
class Trailer:
    """What a page says of a paper below its abstract: how many authors, when, how many comments."""

    author_count: int | None = None
    written: Written | None = None
    comments: str | None = None

    def joined(self, later: "Trailer") -> "Trailer":
        """Both lines of one trailer; what is said first holds."""
        return Trailer(
            self.author_count if self.author_count is not None else later.author_count,
            self.written or later.written,
            self.comments or later.comments,
        )


class Line(NamedTuple):
    """A cleaned line and where it stood."""

    number: int
    text: str
    kind: LineKind
    trailer: Trailer | None = None


# The site's own words. An unknown heading does no harm either: no abstract follows it.
_SITE = re.compile(
    "|".join(
        (
            r"new", r"subscribe", r"(?:daily|weekly|monthly|trending|similar|related) papers?",
            r"papers?", r"by ?AK\b.{0,40}", r"get trending papers\b.{0,60}",
            r"(?:upvotes?|downvotes?|github|arxiv(?: page)?|comments?|likes?)[ :]*[\d.,]*k?\+?",
            r"submitted by\b.{0,60}", r"[-\u2013\u2014+▲△⬆↑♥❤]+", r"[\d.,]+ ?[km]?\+?",
            r"(?:view|read|load|show|see) (?:all|more|less|paper|pdf|arxiv page)\b.{0,20}",
            r"view pdf|pdf|html|abstract|abs|title|share|save|bookmark|cite",
            r"log ?in|sign (?:up|in)|search|menu|home|about|docs|pricing|models|datasets|spaces",
            r"previous|next|(?:page )?\d+ (?:of|/) \d+|\d+ (?:results|papers)",
            r"(?:\d+|an?) (?:minute|hour|day|week|month|year)s? ago|today|yesterday",
        )
    ),
    re.IGNORECASE,
)  # fmt: skip
# A byline on its own line below this word is not ours to read.
_NAMES_NEXT = re.compile(r"submitted by:?|posted by:?", re.IGNORECASE)
_SEPARATOR = re.compile(r"[·•∙|]")
_COUNT = re.compile(r"(\d{1,6}) authors?", re.IGNORECASE)
_PUBLISHED = re.compile(r"(?:published|submitted|posted|updated)(?: on)?:? +", re.IGNORECASE)
_WITH_COMMENTS = re.compile(r"(.*\S)\s+(\d{1,3}|\d[\d.,]*k)")


def line_of(number: int, text: str, after: Line | None) -> Line:
    """Tell what the cleaned text is, given the last line above it that was not blank."""
    if not text:
        return Line(number, text, "blank")
    trailer = read_trailer(text)
    if trailer is not None:
        return Line(number, text, "trailer", trailer)
    dated = _dated(text)
    if dated is not None:
        below = after is not None and after.kind == "trailer"
        return Line(number, text, "trailer" if below else "date", dated)
    named = after is not None and _NAMES_NEXT.fullmatch(after.text) and len(text) < 40
    kind: LineKind = "site" if named or _SITE.fullmatch(text) else "text"
    return Line(number, text, kind)


def read_trailer(text: str) -> Trailer | None:
    """Read a line of separators, author counts and dates, with one of the first two at least."""
    parts = [part.strip() for part in _SEPARATOR.split(text)]
    told = [part for part in parts if part]
    trailers = [_told(part) for part in told]
    if None in trailers or (len(parts) == 1 and not _stands_alone(text)):
        return None
    joined = Trailer()
    for trailer in trailers:
        joined = joined.joined(trailer or Trailer())
    return joined


def _stands_alone(text: str) -> bool:
    return bool(_COUNT.fullmatch(text) or _PUBLISHED.match(text))


def _told(part: str) -> Trailer | None:
    count = _COUNT.fullmatch(part)
    if count:
        return Trailer(author_count=int(count[1]))
    if part.isdecimal():
        return Trailer(comments=part)
    return _dated(_PUBLISHED.sub("", part, count=1))


def _dated(text: str) -> Trailer | None:
    """Read a day, with or without its year, and the number of comments that may follow it."""
    written, comments = read_date(text), None
    match = _WITH_COMMENTS.fullmatch(text)
    if written is None and match:
        written, comments = read_date(match[1]), match[2]
    if written is None or written.month is None or text.isdecimal():
        return None
    return Trailer(written=written, comments=comments)


_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)
_END = re.compile(r"[.\u3002\uff01\uff1f\u0964\u2026]\s?[\"')\]”\u2019»]*$")
_STOP = re.compile(r"(?:[.!?][\"')\]”\u2019]*(?=\s|$)|[\u3002\uff01\uff1f\u0964])")
_FIRST_WORD = re.compile(r"(?:^|[.!?]\s+)[^\W\d_][\w'\u2019-]*")
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")

# Of 20,000 real papers none has a title over 250 characters, or an abstract under 200.
_SURELY_PROSE = 400
_PERHAPS_PROSE = 200
_SURELY_SHORT = 100
_SHORTEST_SENTENCE = 25


def text_kind(text: str) -> TextKind:
    """Prose is an abstract, a sentence may be part of one, loose may be either, else a title."""
    long, sentence = len(text) >= _SURELY_SHORT, _is_sentence(text)
    many = len(text) >= _PERHAPS_PROSE and len(_STOP.findall(text)) > 1
    if len(text) >= _SURELY_PROSE or (long and sentence) or many:
        return "prose"
    if sentence:
        return "sentence"
    return "loose" if len(text) >= _PERHAPS_PROSE else "title"


def has_address(text: str) -> bool:
    """Whether a web address stands in the text: titles have none."""
    return bool(_ADDRESS.search(text))


def _is_sentence(text: str) -> bool:
    if has_address(text):
        return True
    words = [word for word in _WORD.findall(_FIRST_WORD.sub("", text)) if len(word) > 3]
    capitals = sum(word[0].isupper() for word in words)
    ended = len(text) >= _SHORTEST_SENTENCE and bool(_END.search(text))
    return ended and capitals * 2 <= len(words)
