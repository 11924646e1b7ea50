"""A run -> one HTML page that needs nothing else, to be read by somebody who was not there."""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from assistant.clean import for_html
from assistant.schema import Paper
from evals import page_card, page_rows, page_sections, report
from evals.card import FILE as CARD
from evals.card import Card
from evals.card import load as load_card
from evals.compare import Comparison, Incomparable, compare
from evals.invariance import FILE as STABLE
from evals.invariance import Stable, load_figures
from evals.page_parts import alarm, join, tag
from evals.row import Row
from evals.store import Run

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"
_CONTENTS = {
    "headline": "Headline",
    "changes": "Since the run before",
    "failures": "Where answers fail",
    "judge": "The judge",
    "controls": "Controls",
    "stability": "What stays the same",
    "slices": "Slices",
    "measures": "All measures",
    "worst": "The worst",
    "rows": "Every row",
    "made": "How it was made",
}
_LONG, _SHORT = 200, 140


def write(
    run: Run,
    folder: Path,
    *,
    previous: Run | None = None,
    papers: Iterable[Paper] = (),
    card: Card | None = None,
    stable: Mapping[str, Stable] | None = None,
) -> Path:
    """Write the page of `run` into `folder`; the same run gives the same bytes.

    `papers` add slices by what an abstract is like, `previous` what changed since.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    text = page(run, previous=previous, papers=papers, card=card, stable=stable)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def page(
    run: Run,
    *,
    previous: Run | None = None,
    papers: Iterable[Paper] = (),
    card: Card | None = None,
    stable: Mapping[str, Stable] | None = None,
) -> str:
    """The page as text."""
    about = run.manifest.get("about", {})
    found = report.estimates(run.rows, about.get("seed", 0))
    changes, why_not = _changes(previous, run)
    body = [
        page_sections.headline(run.rows, found),
        page_card.changed(changes, why_not),
        page_sections.failures(run.rows),
        page_card.judge_card(card),
        page_sections.controls(found),
        page_sections.stability(stable or {}),
        page_sections.slices(sliced(run.rows, papers)),
        page_sections.measures(found),
        page_rows.worst_section(run.rows),
        page_rows.rows_section(run.rows),
        page_sections.made_with(run),
    ]
    warnings = page_card.alarms(run, card, run.rows)
    template = Template((TEMPLATES / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=for_html(_title(about)),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        about=tag("p", _about(about, len(run.rows))) + (alarm(*warnings) if warnings else ""),
        contents=join(tag("a", name, href=f"#{key}") for key, name in _CONTENTS.items()),
        body=join(body, "\n"),
        footer=tag("p", "What these figures do not say stands in EVALS.md."),
    )


def _title(about: Mapping[str, Any]) -> str:
    who = about.get("answerer") or "a model"
    name = "the embedded answerer" if who == "embedded" else who
    return f"How well {name} answers"


def _about(about: Mapping[str, Any], n: int) -> str:
    receipt, judge = about.get("receipt", {}), about.get("judge", {})
    sets = ", ".join(about.get("dataset", {}).get("sets", {}))
    judges = ", ".join(judge.get("names", ())) or "none"
    return (
        f"{n} questions ({sets}); corpus {receipt.get('corpus', '?')}; judge: {judges};"
        f" version {receipt.get('version', '?')}; seed {about.get('seed', 0)}."
    )


def _changes(previous: Run | None, run: Run) -> tuple[Comparison | None, str]:
    if previous is None:
        return None, ""
    try:
        return compare(previous, run, seed=run.manifest.get("about", {}).get("seed", 0)), ""
    except Incomparable as error:
        return None, f"{str(error).capitalize()}."


def sliced(
    rows: Sequence[Row], papers: Iterable[Paper] = ()
) -> dict[str, dict[str, Sequence[Row]]]:
    """The rows by what the question and its paper are like; slices of one value are left out."""
    found: dict[str, dict[str, Sequence[Row]]] = {}
    for name, mine in report.slices(rows).items():
        kind, _, value = name.partition("=")
        found.setdefault(_NAMES.get(kind, kind), {})[value.replace("_", " ")] = mine
    by_title = {paper.title: paper for paper in papers}
    ways: dict[str, Callable[[Row], str]] = {"why it cannot be answered": _why}
    if by_title:
        ways |= {name: _of_paper(by_title, of) for name, of in _PAPER.items()}
    for name, of in ways.items():
        values = sorted({of(row) for row in rows} - {""})
        found[name] = {value: [row for row in rows if of(row) == value] for value in values}
    return {
        name: dict(sorted(parts.items(), key=lambda one: _order(one[0])))
        for name, parts in found.items()
        if len(parts) > 1
    }


def _order(value: str) -> tuple[bool, bool, int, str]:
    """Lengths from short to long, all else by name."""
    number = re.search(r"\d+", value)
    return (
        value.startswith("over "),
        not value.startswith("to "),
        int(number[0]) if number else 0,
        value,
    )


def _why(row: Row) -> str:
    return row.sample.subkind.replace("_", " ")


def _of_paper(by_title: Mapping[str, Paper], of: Callable[[Paper], str]) -> Callable[[Row], str]:
    def value(row: Row) -> str:
        titles = [title for title in row.sample.relevant if title in by_title]
        return of(by_title[titles[0]]) if titles else ""

    return value


def _words(paper: Paper) -> str:
    count = len(paper.abstract.split())
    if count <= _SHORT:
        return f"to {_SHORT} words"
    return f"{_SHORT} to {_LONG} words" if count <= _LONG else f"over {_LONG} words"


_NAMES = {
    "set": "set",
    "kind": "kind of question",
    "length": "length of the answer",
    "cited": "papers cited",
    "title_hidden": "the title is not given away",
}
_PAPER: Mapping[str, Callable[[Paper], str]] = {
    "length of the abstract": _words,
    "year of the paper": lambda paper: (paper.date or "")[:4] or "no date",
    "page of the paper": lambda paper: paper.sightings[0].page if paper.sightings else "",
}


def add(verb: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    verb.add_argument("run", type=Path, help="folder of a run")
    verb.add_argument("--previous", type=Path, help="folder of the run before")
    verb.add_argument("--card", type=Path, help="the judge's card, from `judge --out`")
    verb.add_argument("--out", type=Path, help="folder for the page; else that of the run")
    verb.add_argument("--open", action="store_true", help="show it in the browser")
    verb.set_defaults(command=_report)


def _report(given: argparse.Namespace) -> int:
    from evals.card_data import papers_of_corpus
    from evals.store import load_run

    path = write(
        load_run(given.run),
        given.out or given.run,
        previous=load_run(given.previous) if given.previous else None,
        papers=papers_of_corpus(given.config),
        card=load_card(given.card or given.run / CARD),
        stable=load_figures(given.run / STABLE),
    )
    print(path)
    if given.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0
