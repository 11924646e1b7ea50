"""Rows and a manifest -> the sections of figures: headline, failures, slices, settings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evals import attribution, metrics, plots
from evals.invariance import Stable
from evals.measures import MEASURES, is_faithful
from evals.metrics import Estimate
from evals.page_parts import (
    BREAK,
    DASH,
    Html,
    figure_card,
    interval,
    join,
    number,
    pairs,
    percent,
    section,
    short,
    table,
    tag,
)
from evals.row import Row
from evals.store import Run, timings

Estimates = Mapping[str, Estimate]
LABELS = {measure.key: measure.label.strip() for measure in MEASURES}
_CARDS = (
    ("faithful_worst", "The same, with failures as faults", "A row that broke counts against it."),
    ("facts_held", "Required facts told", "Of questions on one paper: every fact that was asked."),
    ("r_at_1", "The right paper found first", ""),
    ("declined_unanswerable", "Declined what the corpus does not hold", "The more the better."),
    ("declined_answerable", "Declined what it does hold", "The fewer the better."),
    ("copied", "Longest copied run", "Of an answer's words. Quoting everything is faithful too."),
    ("words", "Words in an answer", ""),
    ("canary_shown", "Planted instructions obeyed", "Of questions with one in an abstract."),
)


def headline(rows: Sequence[Row], found: Estimates) -> Html:
    """The one figure, and those without which it says little."""
    cards = []
    if one := found.get("faithful"):
        says = "Every claim of the answer is supported by what it cites."
        card = figure_card("faithful", "Fully faithful answers", one, says)
        cards.append(Html(card.replace('class="card"', 'class="card first"', 1)))
    cards += [figure_card(key, name, found[key], says) for key, name, says in _CARDS
              if key in found]  # fmt: skip
    lead = (
        "Each figure with its 95 % interval: so far off may it be by the luck of the questions "
        "alone. Faithfulness never stands without what follows it: to quote everything, or to "
        "decline everything, would be faithful too."
    )
    return section(
        "headline",
        "The headline",
        tag("p", lead, class_="lead"),
        tag("div", *cards, class_="cards"),
        _refusals(rows),
        _accounts(rows),
    )


def _refusals(rows: Iterable[Row]) -> Html:
    told = [
        (row.sample.is_answerable, row.refused)
        for row in rows
        if row.state not in ("pipeline_failed", "skipped") and row.sample.kind != "injected"
    ]
    found = metrics.refusals(told)
    return table(
        "Questions by whether the corpus answers them, and whether they were answered",
        ("question", "answered", "declined"),
        [
            ("the corpus answers it", found.answered, found.declined),
            ("it does not", found.unanswerable_answered, found.unanswerable_declined),
        ],
    )


def _accounts(rows: Sequence[Row]) -> Html:
    from evals.rows import states

    counts = states(rows)
    said = " + ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())
    return tag("p", f"Every row is in one state: {said} = {len(rows)}.", class_="lead")


def failures(rows: Sequence[Row]) -> Html:
    """What the failures are put down to."""
    counts = attribution.counts(rows)
    sentence = attribution.sentence(rows)
    drawn = plots.attribution(counts, attribution.WORDS, f"Failures by cause. {sentence}")
    failed = max(1, sum(counts.values()))
    lines = [
        (join([tag("b", cause.words), BREAK, tag("small", cause.means)]), counts[cause.key],
         percent(counts[cause.key] / failed))
        for cause in attribution.CAUSES
    ]  # fmt: skip
    lead = (
        f"{sentence} Each row has one cause: the first of the list that fits, the gravest first. "
        "Rows that broke are not counted here."
    )
    told = table("Failures by cause", ("cause", "rows", "share"), lines)
    picture = tag("figure", drawn, tag("figcaption", "The table says the same."))
    return section(
        "failures",
        "Where answers fail",
        tag("p", lead, class_="lead"),
        tag("div", picture, told, class_="two"),
    )


def controls(found: Estimates) -> Html:
    """How often a spoilt claim scores worse."""
    kinds = [key for key in found if key.startswith("control_")]
    if not kinds:
        none = "No judge held these answers, so that there are no controls."
        return section("controls", "Controls", tag("p", none, class_="lead"))
    lines = [
        (LABELS[key].removeprefix("control "), percent(found[key].value),
         interval(key, found[key].low, found[key].high), found[key].n)
        for key in kinds
    ]  # fmt: skip
    lead = (
        "One fault is put into a claim of this run's own answers, or its evidence is exchanged. "
        "A judge that reads must score that lower; one that guesses does so half of the time."
    )
    head = ("fault", "scores lower", "95 % interval", "n")
    return section(
        "controls",
        "Controls on this run's answers",
        tag("p", lead, class_="lead"),
        table("How often the spoilt claim scores lower", head, lines),
    )


def stability(found: Mapping[str, Stable]) -> Html:
    """How often an answer stays when its question is reworded or its sources change places."""
    if not found:
        none = "Not measured for this run: `assistant eval invariance --out` the run's folder."
        return section("stability", "What stays the same", tag("p", none, class_="lead"))
    lines = [
        (way, *(join([percent(one.value), BREAK, tag("small", _between(one))]) for one in mine),
         mine.refusal.n)
        for way, mine in found.items()
    ]  # fmt: skip
    lead = (
        "The same questions in other words, and with the sources in another order. The papers and "
        "sentences are compared where both were answered."
    )
    head = ("asked", "same refusal", "same papers", "same first paper", "same sentences", "n")
    told = table("How often the answer stays", head, lines)
    return section("stability", "What stays the same", tag("p", lead, class_="lead"), told)


def _between(one: Estimate) -> str:
    return f"{percent(one.low)} – {percent(one.high)}"


def slices(groups: Mapping[str, Mapping[str, Sequence[Row]]]) -> Html:
    """The main figures over parts of the rows."""
    head = ("slice", "n", "fully faithful", "facts told", "right paper first", "declined")
    lines: list[Sequence[object]] = []
    for name, parts in groups.items():
        lines.append((tag("b", name), "", "", "", "", ""))
        lines += [(value, *_sliced(rows)) for value, rows in parts.items()]
    lead = (
        "Under thirty rows an interval is wide, and with so many slices some look good or bad by "
        "chance: a slice is where to look, not what to conclude."
    )
    return section(
        "slices",
        "Slices",
        tag("p", lead, class_="lead"),
        table("Shares in percent, small beside them the 95 % interval", head, lines),
    )


def _sliced(rows: Sequence[Row]) -> Iterable[object]:
    asked = [row for row in rows if row.state not in ("pipeline_failed", "skipped")]
    wanted = [row for row in asked if row.sample.relevant]
    yield len(rows)
    yield short(_share([is_faithful(row) for row in asked if row.state == "scored"]))
    yield short(_share([row.facts_held for row in wanted if row.sample.must]))
    yield short(_share([row.ranked[:1] and row.ranked[0] in row.sample.relevant for row in wanted]))
    yield short(_share([row.refused for row in asked]))


def _share(hits: Iterable[object]) -> Estimate | None:
    found = [bool(hit) for hit in hits]
    return metrics.proportion(found) if found else None


def measures(found: Estimates) -> Html:
    """Every figure of the run."""
    lines = [
        (LABELS[key], number(key, one.value), interval(key, one.low, one.high), one.n)
        for key, one in found.items()
        if not key.startswith("control_")
    ]
    head = ("measure", "value", "95 % interval", "n")
    return section("measures", "All measures", table("Every measure of this run", head, lines))


def made_with(run: Run) -> Html:
    """Settings and hashes, costs and times: what a repetition needs."""
    about = run.manifest.get("about", {})
    parts = [tag("h3", "Settings and hashes"), pairs(_flat(about))]
    if cost := run.manifest.get("cost"):
        parts += [tag("h3", "Cost"), _cost(cost)]
    steps = timings(run.rows)["steps"]
    if steps:
        lines = [(name.replace("_", " "), f"{one['p50']:.0f} ms", f"{one['p95']:.0f} ms")
                 for name, one in steps.items()]  # fmt: skip
        head = ("step", "half take at most", "95 % take at most")
        parts += [tag("h3", "Time"), table("Time by step", head, lines)]
    return section("made", "How it was made", *parts)


def _flat(value: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, object]]:
    for name, one in value.items():
        if isinstance(one, Mapping):
            yield from _flat(one, f"{path}{name} ")
        else:
            said = ", ".join(map(str, one)) if isinstance(one, list) else str(one)
            yield f"{path}{name}".replace("_", " "), said or DASH


def _cost(cost: Mapping[str, Mapping[str, Any]]) -> Html:
    lines = [
        (who, one["requests"], f"{one['prompt_tokens']:,}", f"{one['completion_tokens']:,}",
         "no price known" if one["usd"] is None else f"$ {one['usd']:.4f}")
        for who, one in cost.items()
    ]  # fmt: skip
    return table("Cost", ("who", "requests", "tokens read", "tokens written", "money"), lines)
