"""The judge's card and the comparison with the run before -> sections of the page."""

from collections.abc import Mapping, Sequence

from evals import attribution, card, compare, plots
from evals.card import Card
from evals.compare import Change, Comparison
from evals.metrics import Estimate
from evals.page_parts import BREAK, Html, interval, join, number, percent, section, table, tag
from evals.row import Row
from evals.store import Run

_LINKS = 30
_SHADES = {"better": "good", "worse": "bad", "too few to say": "warn"}


def alarms(run: Run, judge: Card | None, rows: Sequence[Row]) -> list[str]:
    """What must stand above the headline; nothing where all is well."""
    found = []
    if not run.manifest.get("is_valid", True):
        found.append(f"This run is not valid: {'; '.join(run.manifest.get('why_not', ()))}.")
    if blind := attribution.blindness(rows):
        said = ", ".join(
            f"{kind.replace('_', ' ')} {percent(one.value)}" for kind, one in blind.items()
        )
        found.append(
            f"The judge of this run is under its bar: it scores spoilt claims no lower ({said})."
            " What it says of claims, the headline too, is worth nothing."
        )
    if judge and (below := card.missed(judge)):
        found.append(f"The judge is under its bar: {'; '.join(below)}.")
    if judge and not card.holds_for(judge, run.manifest.get("about", {})):
        found.append("The card below is that of another judge: measure this run's judge again.")
    return found


def changed(found: Comparison | None, why_not: str = "") -> Html:
    """What is different from the run before."""
    if found is None:
        said = why_not or "No earlier run was given to hold this one against."
        return section("changes", "Since the run before", tag("p", said, class_="lead"))
    told = [change for change in found.changes if change.is_headline]
    lead = (
        f"All in all: {compare.overall(found)}. The same questions, paired, with papers drawn as a "
        f"whole; the {len(told)} verdicts are corrected for being many (Holm)."
    )
    drawn = plots.changes(
        [(one.label, one.difference.value, one.difference.low, one.difference.high)
         for one in told],
        f"Differences with their intervals; the table beside it says the same. "
        f"All in all: {compare.overall(found)}.",
    )  # fmt: skip
    head = ("measure", "verdict", "before", "now", "95 % interval of the difference")
    notes = [*found.notes, *(f"Made with another {line}" for line in found.settings)]
    return section(
        "changes",
        "Since the run before",
        tag("p", lead, class_="lead"),
        *(tag("p", note, class_="lead") for note in notes),
        _turned(found.turned),
        tag("figure", drawn),
        table("Differences, with their intervals", head, map(_line, told), 2),
    )  # fmt: skip


def _turned(ids: Sequence[str]) -> Html:
    """Links to the rows that turned from good to bad or back."""
    if not ids:
        return tag("p", "No question turned from good to bad or back.", class_="lead")
    links = join([tag("a", one, href=f"#row-{one}") for one in ids[:_LINKS]], ", ")
    rest = f" and {len(ids) - _LINKS} more" if len(ids) > _LINKS else ""
    said = f"{len(ids)} questions turned from good to bad or back: "
    return tag("p", said, links, rest, ".", class_="lead")


def _line(change: Change) -> Sequence[object]:
    one = change.difference
    ends = f"{100 * one.low:+.1f} to {100 * one.high:+.1f} points".replace("-", "−")
    mark = tag("span", change.verdict, class_=f"verdict {_SHADES.get(change.verdict, 'soft')}")
    verdict = mark
    if change.verdict in ("too few to say", "no difference shown"):
        least = f"{100 * one.smallest:.1f} points would show"
        verdict = join([mark, BREAK, tag("small", f"n = {one.n}; {least}")])
    values = [number(change.key, value) for value in (one.before, one.after)]
    return (change.label, verdict, *values, ends)


def judge_card(judge: Card | None) -> Html:
    """What the judge's verdicts are worth."""
    if judge is None:
        said = "No card was given: `assistant eval judge --out card.json` makes one."
        return section("judge", "The judge's card", tag("p", said, class_="lead"))
    picture = tag(
        "figure",
        plots.reliability(judge.bins, _reliability_in_words(judge)),
        tag("figcaption", "A dot for each tenth of the scores, as large as it has answers; "
            "on the broken line the judge would be right as often as it says."),
    )  # fmt: skip
    return section(
        "judge",
        "The judge's card",
        tag("p", _whose(judge), class_="lead"),
        tag("div", picture, _table("Pairs of a faithful and an unfaithful answer",
            {card.LABELS[key]: one for key, one in judge.figures.items()}), class_="two"),
        tag("div", _by_flaw(judge), _fools(judge), class_="two"),
        tag("div", _table("Sentences of abstracts, whole and spoilt: right at the threshold",
            judge.controls), _table("Other sets: AUROC", judge.sets), class_="two"),
        *_unseen(judge),
    )  # fmt: skip


def _whose(judge: Card) -> Html:
    size = "every claim" if judge.is_whole else "controls and public sets by a fixed sample"
    said = (
        f"Judge {judge.judge['name']} {judge.judge.get('fitted', '')}, threshold"
        f" {judge.judge.get('threshold')}; {size}."
    )
    if not judge.is_in_sample:
        return join([said])
    return join(
        [said, " ", tag("b", "In sample:"), " it was fitted on these pairs, so that these figures"
         " flatter it. What it reaches on papers that it had not seen stands at the end."]
    )  # fmt: skip


def _reliability_in_words(judge: Card) -> str:
    said = (f"{low:.2f}: {share:.2f} of {n}" for low, share, n in judge.bins)
    return f"The judge's probability, and the share that is faithful. {'; '.join(said)}."


def _table(caption: str, found: Mapping[str, Estimate]) -> Html:
    if not found:
        return Html("")
    lines = [
        (name.replace("_", " "), f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", one.n)
        for name, one in found.items()
    ]
    return table(caption, ("figure", "value", "95 % interval", "n"), lines)


def _by_flaw(judge: Card) -> Html:
    lines = [
        (flaw, percent(one.value), percent(judge.found_by_flaw[flaw].value),
         interval("", judge.found_by_flaw[flaw].low, judge.found_by_flaw[flaw].high), one.n)
        for flaw, one in judge.by_flaw.items()
    ]  # fmt: skip
    head = ("fault", "scores lower", "flagged", "95 % interval", "n")
    return table("By what is wrong with the answer", head, lines)


def _fools(judge: Card) -> Html:
    lines = [
        (name, f"{one['auroc']:.3f}", f"{one['balanced_accuracy']:.3f}")
        for name, one in judge.fools.items()
    ]
    caption = "Judges that read nothing, on the same pairs, each at its best threshold"
    return table(caption, ("judge", "AUROC", "balanced accuracy"), lines)


def _unseen(judge: Card) -> Sequence[Html]:
    told = {name: one for name, one in judge.unseen.items() if isinstance(one, int | float)}
    if not told:
        return ()
    lines = [(name.replace("_", " "), one) for name, one in told.items()]
    caption = "The last fit, cross-validated by paper: no paper of these was seen"
    return (table(caption, ("figure", "value"), lines),)
