"""A paper -> HTML: title, facts, where it was seen, and the abstract with what matters marked."""

from collections.abc import Iterable, Sequence

from assistant.clean import for_html
from assistant.schema import Paper

Span = tuple[int, int]
_MOST_PAGES = 5


def paper_html(paper: Paper, *, spans: Sequence[Span] = (), heading: int = 3) -> str:
    """The whole paper; `spans` are places of the abstract, in code points, to be marked."""
    title = f'<h{heading} class="paper-title" dir="auto">{for_html(paper.title)}</h{heading}>'
    return f"{title}{facts_html(paper)}{abstract_html(paper, spans)}"


def facts_html(paper: Paper) -> str:
    """Date, authors, pages and address, in one paragraph."""
    facts = [for_html(fact) for fact in (*_when_and_who(paper), _seen_on(paper)) if fact]
    if link := link_html(paper.url):
        facts.append(link)
    return f'<p class="paper-facts">{" · ".join(facts)}</p>' if facts else ""


def abstract_html(paper: Paper, spans: Iterable[Span] = ()) -> str:
    """The abstract, escaped, with marks round the spans."""
    if not paper.abstract:
        return '<p class="paper-gone">This paper is no longer in the corpus.</p>'
    pieces, at = [], 0
    for start, end in merged(spans, len(paper.abstract)):
        pieces.append(for_html(paper.abstract[at:start]))
        pieces.append(f"<mark>{for_html(paper.abstract[start:end])}</mark>")
        at = end
    pieces.append(for_html(paper.abstract[at:]))
    return f'<p class="paper-abstract" dir="auto">{"".join(pieces)}</p>'


def link_html(url: str | None) -> str:
    """A link that a person may follow; only to the web."""
    if not url or not url.startswith(("https://", "http://")):
        return ""
    return (
        f'<a href="{for_html(url)}" target="_blank" rel="noopener noreferrer nofollow">'
        f"{for_html(url.partition('://')[2])}</a>"
    )


def date_words(paper: Paper) -> str:
    """The date as far as it is known, and what of it is a guess."""
    if not paper.date:
        return "no date"
    return f"{paper.date} (year inferred)" if paper.year_inferred else paper.date


def merged(spans: Iterable[Span], length: int) -> list[Span]:
    """The spans in order, cut to the text, none over another."""
    found: list[Span] = []
    for start, end in sorted((max(0, start), min(end, length)) for start, end in spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _when_and_who(paper: Paper) -> Iterable[str]:
    yield date_words(paper)
    if paper.author_count:
        yield f"{paper.author_count} author{'s' * (paper.author_count != 1)}"


def _seen_on(paper: Paper) -> str:
    pages = list(dict.fromkeys(seen.page for seen in paper.sightings))
    more = f" and {len(pages) - _MOST_PAGES} more" if len(pages) > _MOST_PAGES else ""
    return f"seen on {', '.join(pages[:_MOST_PAGES])}{more}" if pages else ""
