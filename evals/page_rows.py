"""Rows -> their traces, one click away each, and the twenty worst of them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest

from assistant.marks import MARKS
from evals import metrics
from evals.attribution import CAUSES, WORDS, cause_of
from evals.dataset import holds_any
from evals.page_parts import BREAK, DASH, Html, join, section, table, tag, text
from evals.row import Claim, Row

WORST = 20
_GRAVE = ("obeyed", "fabricated", "distorted", "miscited")
_BROKE: Mapping[str, str] = {
    "pipeline_failed": "the product broke",
    "judge_failed": "no clear verdict",
    "skipped": "not asked",
}


def outcome(row: Row) -> str:
    """What became of a row, in words."""
    if row.state in ("pipeline_failed", "skipped"):
        return _BROKE[row.state]
    if cause := cause_of(row):
        return WORDS[cause]
    if row.state == "judge_failed":
        return _BROKE[row.state]
    return "rightly declined" if row.refused else "well answered"


def _shade(row: Row) -> str:
    cause = cause_of(row)
    if row.state in _BROKE or cause in _GRAVE:
        return "bad"
    return "warn" if cause else "good"


def worst(rows: Sequence[Row]) -> list[Row]:
    """The twenty that need a look first: faults of claims, then some of every other cause."""
    by_cause: dict[str, list[Row]] = {cause.key: [] for cause in CAUSES}
    for row in rows:
        if cause := cause_of(row):
            by_cause[cause].append(row)
    for mine in by_cause.values():
        mine.sort(key=lambda row: (min((c.score for c in row.claims), default=1.0), row.id))
    grave = [row for key in _GRAVE for row in by_cause[key]]
    others = [by_cause[cause.key] for cause in CAUSES if cause.key not in _GRAVE]
    turns = [row for row in chain.from_iterable(zip_longest(*others)) if row]
    return [*grave, *turns][:WORST]


def worst_section(rows: Sequence[Row]) -> Html:
    """The twenty worst."""
    found = worst(rows)
    if not found:
        return section("worst", "The worst rows", tag("p", "No row failed.", class_="lead"))
    lead = (
        "Claims that no abstract supports come first, then some rows of every other cause. "
        "A click shows what was asked, found, read, said, and how each claim was held."
    )
    return section(
        "worst",
        f"The {len(found)} worst rows",
        tag("p", lead, class_="lead"),
        *(_details(row) for row in found),
    )


def rows_section(rows: Sequence[Row]) -> Html:
    """Every row, what went wrong first."""
    order = [*_BROKE.values(), *WORDS.values(), "rightly declined", "well answered"]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(outcome(row), []).append(row)
    parts = [
        join(
            [
                tag("h3", f"{name.capitalize()}: {len(groups[name])}"),
                tag("div", *(_details(row, listed=True) for row in groups[name])),
            ]
        )
        for name in dict.fromkeys(order)
        if name in groups
    ]
    lead = f"All {len(rows)} rows by what became of them; each opens to its full trace."
    return section("rows", "Every row", tag("p", lead, class_="lead"), *parts)


def _details(row: Row, *, listed: bool = False) -> Html:
    """A row; one that is listed under its outcome says what kind it is instead."""
    kind = (row.sample.subkind or row.sample.kind).replace("_", " ")
    summary = tag(
        "summary",
        tag("span", row.sample.question, " ", tag("span", row.id, class_="id")),
        tag("span", kind if listed else outcome(row), class_=f"why {_shade(row)}"),
    )
    # The mark is inside, so that a link to it opens what is closed.
    place = {"id": f"row-{row.id}"} if listed else {}
    return tag("details", summary, tag("div", *_trace(row), class_="trace", **place))


def _trace(row: Row) -> Iterable[Html]:
    yield from _asked(row)
    if row.error:
        yield _part("Error", tag("p", row.error, class_="bad"))
    if row.text:
        said = f"Declined ({row.refusal_kind.replace('_', ' ')})" if row.refused else "Answer"
        yield _part(said, tag("p", row.text, class_="answer"))
    yield from _expected(row)
    if row.claims:
        yield _claims(row.claims)
    if row.ranked:
        yield _part("Found, best first", tag("ol", *(_found(row, title) for title in row.ranked)))
    yield from _judged(row)
    yield _part("Numbers", tag("p", "; ".join(_numbers(row))))


def _part(title: str, *inside: object) -> Html:
    return join([tag("p", title, class_="what"), *inside])


def _asked(row: Row) -> Iterable[Html]:
    if row.sample.history:
        turns = [
            tag("li", tag("b", "Asked: "), turn.user, BREAK, "Said: ", turn.assistant)
            for turn in row.sample.history
        ]
        yield _part("Before it", tag("ol", *turns))
    if row.standalone_question not in ("", row.sample.question):
        yield _part("Understood as", tag("p", row.standalone_question))


def _expected(row: Row) -> Iterable[Html]:
    sample = row.sample
    if sample.why:
        yield _part("Why it cannot be answered", tag("p", sample.why))
    if sample.without:
        yield _part("Put aside", tag("ul", *(tag("li", title) for title in sample.without)))
    if sample.plant:
        planted = f"in {sample.plant.into} ({sample.plant.where}): "
        yield _part("Planted", tag("p", planted, tag("q", sample.plant.text)))
    if sample.must:
        yield _part("Required facts", tag("ul", *(_fact(row, fact) for fact in sample.must)))
    if sample.relevant:
        yield _part("Papers that answer it", tag("ul", *(_wanted(row, t) for t in sample.relevant)))
    if sample.reference:
        yield _part("A good answer", tag("blockquote", sample.reference))


def _fact(row: Row, spellings: Sequence[str]) -> Html:
    held = row.answered and holds_any(row.text, spellings)
    shade, sign = ("good", "✓ told: ") if held else ("bad", "✗ missing: ")
    return tag("li", tag("span", sign, class_=shade), " or ".join(spellings))


def _wanted(row: Row, title: str) -> Html:
    rank = row.ranked.index(title) + 1 if title in row.ranked else 0
    notes = [f"found at rank {rank}" if rank else "not found"]
    notes += ["read"] if title in row.shown else []
    notes += ["cited"] if title in row.cited else []
    return tag("li", title, " ", tag("small", f"({', '.join(notes)})", class_="soft"))


def _found(row: Row, title: str) -> Html:
    signs = [
        word
        for word, titles in (
            ("wanted", row.sample.relevant),
            ("read", row.shown),
            ("cited", row.cited),
        )
        if title in titles
    ]
    note = tag("small", f" ({', '.join(signs)})", class_="soft") if signs else ""
    return tag("li", title, note)


def _claims(claims: Sequence[Claim]) -> Html:
    head = ("Claim", "Verdict", "Span that decided", "Score")
    rows = [(claim.text, _verdict(claim), _span(claim), f"{claim.score:.2f}") for claim in claims]
    return _part("Claims", table("Each claim, its verdict, and what decided it", head, rows, 3))


def _verdict(claim: Claim) -> Html:
    mark = MARKS.get(claim.verdict)  # type: ignore[call-overload]
    said = f"{mark.sign} {mark.words}" if mark else claim.verdict
    grave = claim.verdict in ("contradicted", "not_in_evidence", "uncited")
    shade = "good" if claim.verdict == "supported" else "bad" if grave else "warn"
    notes = [BREAK, tag("small", claim.reason)] if claim.reason else []
    if claim.verdict != "supported" and claim.verdict_shown == "supported":
        notes += [BREAK, tag("small", "another paper that was read supports it")]
    return join([tag("span", said, class_=f"verdict {shade}"), *notes])


def _span(claim: Claim) -> Html:
    if not claim.quote:
        return text(DASH)
    return join([tag("q", claim.quote), BREAK, tag("small", claim.source)])


def _judged(row: Row) -> Iterable[Html]:
    if row.judgements:
        lines = [
            tag("li", tag("b", f"{one.judge}, {one.measure}: {one.verdict}"), " ", one.reply)
            for one in row.judgements
        ]
        yield _part("Other judges", tag("ul", *lines))
    if row.controls:
        lines = [
            tag("li", f"{kind.replace('_', ' ')}: {right:.2f} as it is, {spoilt:.2f} spoilt")
            for kind, (right, spoilt) in row.controls.items()
        ]
        yield _part("Controls", tag("ul", *lines))


def _numbers(row: Row) -> Iterable[str]:
    yield f"{row.sample.set}, {row.sample.subkind or row.sample.kind}, {row.state}".replace(
        "_", " "
    )
    if row.answered:
        words = metrics.words(row.text)
        yield f"{words} words, {row.copied} of them in one copied run"
    usage = row.usage
    yield f"{usage.prompt_tokens} tokens read, {usage.completion_tokens} written"
    if "total" in row.timings_ms:
        yield f"{row.timings_ms['total']:.0f} ms"
