"""`assistant new` and `first`: what is new on a topic, and who mentioned a thing first."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.cli import options
from assistant.cli.session import Session, question_of, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.mentions import Mention
    from assistant.schema import ScoredPaper

Since = Annotated[
    str, typer.Option("--since", metavar="DATE", help="From then on: 2021, 2021-03, …")
]
_TOP = 10
_KNOWN = {
    "day": "",
    "month": "only the month is known",
    "year": "only the year is known",
    "year inferred": "the year is inferred",
    "nothing": "no date",
}


def register(app: typer.Typer) -> None:
    """Adds the verbs."""
    verb(app, "new", 'assistant new "LoRA serving" --since 2024-03')(new)
    verb(app, "first", 'assistant first "mixture of experts"', "assistant first GPTQ --json")(first)


def new(
    session: Session,
    since: Since,
    topic: options.Words = None,
    as_of: options.AsOf = None,
    top_k: options.TopK = None,
    as_json: options.Json = False,
) -> int:
    """Lists the papers on a topic since a date, the newest first.

    A question says it too: assistant ask "What is new on LoRA serving since March 2024?"
    """
    from assistant.cli.answers import show_hits
    from assistant.records import search_record

    asked, chosen = question_of(topic), options.filters(since, None, None, None, as_of)
    with session.open() as assistant:
        papers = assistant.new(asked, since, filters=chosen, limit=top_k or _TOP)
    if as_json:
        session.print_json({**_dated(search_record(asked, papers), papers), "since": since})
    elif papers:
        show_hits(session.out, papers, whole=session.verbose)
    else:
        session.note(f"no paper since {since} is about that; undated papers are left out")
    return 0


def first(
    session: Session,
    term: options.Words = None,
    as_of: options.AsOf = None,
    top_k: options.TopK = None,
    as_json: options.Json = False,
) -> int:
    """Lists the papers that mention a term, the earliest first.

    A date that is not whole counts as the last day that it may mean, and is marked; so is a paper
    that may yet be the first. Papers without a date come last, in the order of their pages.
    """
    asked = question_of(term)
    options.filters(None, None, None, None, as_of)
    with session.open(indexed=False) as assistant:
        session.make_ready(assistant)
        found = assistant.first(asked, as_of=as_of, limit=top_k or _TOP)
    if as_json:
        session.print_json({"term": asked, "papers": [_record(one) for one in found]})
        return 0
    for one in found:
        _show(session, one)
    if not found:
        session.note("no paper mentions that")
    return 0


def _dated(record: dict[str, Any], papers: "Sequence[ScoredPaper]") -> dict[str, Any]:
    from assistant.mentions import known

    dates = ({"date": hit.paper.date, "known": known(hit.paper)} for hit in papers)
    pairs = zip(record["papers"], dates, strict=True)
    return {**record, "papers": [{**one, **date} for one, date in pairs]}


def _record(one: "Mention") -> dict[str, Any]:
    seen = one.paper.sightings[0] if one.paper.sightings else None
    return {
        "paper_id": one.paper.paper_id,
        "title": one.paper.title,
        "date": one.paper.date,
        "known": one.known,
        "may_be_first": one.may_be_first,
        "quote": one.quote,
        "seen": seen and {"page": seen.page, "position": seen.position, "line": seen.line},
    }


def _show(session: Session, one: "Mention") -> None:
    marks = [_KNOWN[one.known], "may be the first" if one.may_be_first else ""]
    session.out.put(
        one.paper.date or "----", "  ", (one.paper.title, "bold"), f"  {one.paper.paper_id}"
    )
    for mark in filter(None, marks):
        session.out.put((mark, "dim"), first="    ")
    session.out.put((f"“{one.quote}”", "italic"), first="    ")
