"""The table of all papers, the plots over it, and the paper that is opened."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from corpora import BEES, OWLS, TIDES, Corpus
from playwright.sync_api import Browser, expect
from ui_page import Visit, chromium, served  # noqa: F401

from assistant.catalog import Catalog
from assistant.contents import Row
from assistant.errors import UsageError
from assistant.period import period
from assistant.schema import Paper, Sighting
from assistant.sightings import Listing, Page, Version
from assistant.ui.browse import _Shelves, browse_tab, chosen_html, question_about
from assistant.ui.chart import Bar, bars, charts_html, summary
from assistant.ui.desk import Desk
from assistant.ui.table import AT_ONCE, Rows, View, shown, table_html, turned
from assistant.ui.versions import versions_html

HOSTILE = "<img src=x onerror=alert(1)> **bold** [x](javascript:alert(1)) {{value}} ${alert(1)}"


def row(title: str, date: str | None = None, authors: int | None = None, *pages: str) -> Row:
    days = period(date) if date else None
    return Row(title[:4], title, date, False, authors, pages, days, title.casefold())


OWL = row("Owls at night", "2021-03-12", 3, "a.txt")
BAT = row("Bats at dusk", "2022", None, "a.txt", "b.txt")
MOTH = row("Moths", None, 12, "b.txt")
ALL = (BAT, MOTH, OWL)


def titles(view: View) -> list[str]:
    return [one.title.split()[0] for one in shown(ALL, view).rows]


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (View(), ["Bats", "Moths", "Owls"]),
        (View(words="AT night"), ["Owls"]),
        (View(words="night at"), ["Owls"]),
        (View(page="b.txt"), ["Bats", "Moths"]),
        (View(since="2021-04"), ["Bats"]),
        (View(until="2021"), ["Owls"]),
        (View(since="2021-03-12", until="2021-03-12"), ["Owls"]),
        (View(words="nothing"), []),
    ],
)
def test_the_filters_let_through_what_they_say(view: View, found: list[str]) -> None:
    assert titles(view) == found


@pytest.mark.parametrize(
    ("column", "descending", "found"),
    [
        ("title", True, ["Owls", "Moths", "Bats"]),
        ("date", False, ["Owls", "Bats", "Moths"]),
        ("date", True, ["Bats", "Owls", "Moths"]),
        ("authors", False, ["Owls", "Moths", "Bats"]),
        ("authors", True, ["Moths", "Owls", "Bats"]),
        ("pages", True, ["Bats", "Moths", "Owls"]),
    ],
)
def test_every_column_sorts_and_what_is_unknown_comes_last(
    column: str, descending: bool, found: list[str]
) -> None:
    assert titles(View(column=column, descending=descending)) == found


def test_a_second_press_turns_the_order_round() -> None:
    by_date = turned(View(start=100), "date")
    assert by_date == View(column="date")
    assert turned(by_date, "date").descending
    assert turned(by_date, "no such column") == by_date


def test_a_date_that_is_none_says_how_to_write_one() -> None:
    with pytest.raises(UsageError, match="write 2021, 2021-03"):
        shown(ALL, View(since="last year"))


def test_of_many_papers_only_a_hundred_are_sent() -> None:
    many = [row(f"Paper {number:05}", "2021") for number in range(50_000)]
    part = shown(many, View(start=49_950))
    html = table_html(part, View(), len(many))
    assert (len(part.rows), part.start) == (AT_ONCE, 49_900)
    assert "50,000 papers; 49,901 to 50,000 are shown." in html
    assert html.count("<tr data-paper") == AT_ONCE
    assert 'data-move="49800"' in html
    assert 'data-move="50000"' not in html


def test_the_heads_say_how_the_table_is_sorted() -> None:
    html = table_html(shown(ALL, View(column="date", descending=True)), View("", column="date"), 3)
    assert html.count("aria-sort") == 4
    assert html.count('aria-sort="ascending"') == 1
    assert html.count('aria-sort="none"') == 3


def test_an_empty_table_says_what_to_do() -> None:
    assert "assistant index" in table_html(shown((), View()), View(), 0)
    assert "widen the dates" in table_html(shown(ALL, View("none")), View(), 3)


def test_titles_pages_and_names_are_plain_text() -> None:
    seen = Sighting(HOSTILE, 1, 7, HOSTILE, "")
    paper = Paper(
        "ab12", HOSTILE, HOSTILE, authors=(HOSTILE,), url="javascript:alert(1)",
        extra={HOSTILE: HOSTILE}, sightings=(seen,),
    )  # fmt: skip
    made = row(HOSTILE, None, None, HOSTILE)
    for html in (
        table_html(shown((made,), View()), View(), 1),
        charts_html((made,)),
        chosen_html(paper),
        versions_html([version("Owls.", HOSTILE), version(HOSTILE, HOSTILE)]),
    ):
        assert "<img" not in html
        assert "&lt;img src=x" in html
        assert 'href="javascript' not in html


def test_a_paper_is_shown_with_everything_known_of_it() -> None:
    seen = [Sighting("a.txt", 4, 31, "Owls", "Text."), Sighting("b.txt", 1, 1200, "Owls", "Text.")]
    paper = Paper(
        "ab12", "Owls", "Text.", "2021-07-25", True, 2, ("Ada", "Bo"), "https://example.org/o",
        {"venue": "Night"}, tuple(seen),
    )  # fmt: skip
    html = chosen_html(paper)
    for part in ("2021-07-25 (year inferred)", "Ada, Bo", 'href="https://example.org/o"', "Night"):
        assert part in html
    assert '<th scope="row" dir="auto">b.txt</th><td>1</td><td>1,200</td>' in html
    assert 'data-ask="ab12"' in html


def version(abstract: str, page: str = "a.txt", *, newest: bool = False) -> Version:
    return Version(abstract, "2021", "2101.00001v1", page, 7, newest)


def test_how_an_abstract_changed_is_shown_word_by_word() -> None:
    paper = Paper("ab12", "Owls", "Owls see at night.")
    then = [version("Owls see."), version("Owls hear at night.", "")]
    html = chosen_html(paper, [*then, version("Owls see at night.", newest=True)])
    assert "3 versions of the abstract" in html
    assert '<li value="1" dir="auto">2101.00001v1 · 2021 · a.txt, line 7</li>' in html
    assert "no longer in any file</li>" in html
    assert "a.txt, line 7 · the newest</li>" in html
    step = "<span>Owls</span> <del>[-hear-]</del> <ins>{+see+}</ins> <span>at night.</span>"
    assert f'<summary>From 2 to 3</summary><p dir="auto">{step}</p>' in html
    assert chosen_html(paper, then[:1]) == chosen_html(paper), "one version is no news"
    many = versions_html([version(f"Owls {n}.") for n in range(1_000)])
    assert (many.count("<li"), many.count("<details")) == (20, 19)
    assert '<li value="981"' in many


def test_a_paper_opened_in_the_table_tells_its_earlier_words(tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        for page, abstract in (("new.txt", "Owls see at night."), ("old.txt", "Owls see.")):
            seen = Sighting(page, 1, 7, "Owls", abstract, "2021")
            catalog.replace_page(Page(page, page, page, "text"), [Listing("ab12", seen)])
        catalog.set_papers([Paper("ab12", "Owls", "Owls see at night.", "2021")])
        opened = gr.EventData(None, {"paper": "ab12"})
        html = _Shelves(SimpleNamespace(catalog=catalog)).opened(opened)  # type: ignore[arg-type]
    assert "<ins>{+see at night.+}</ins>" in html


def test_the_question_about_a_paper_quotes_its_title() -> None:
    assert question_about("Owls") == "What does “Owls” do, and how?"
    assert question_about("“Owls” again") == 'What does “"Owls" again” do, and how?'


def test_months_without_papers_have_their_place() -> None:
    found = bars([OWL, row("x", "2021-03"), row("y", "2022-01-01"), BAT])
    assert len(found) == 24
    assert found[2] == Bar("2021-03", 2)
    assert found[12] == Bar("2022-01", 1)
    assert sum(one.papers for one in found) == 3


def test_over_many_years_a_bar_is_a_year() -> None:
    found = bars([row("x", "1999-05"), row("y", "2021"), row("z", "2021-01-01")])
    assert (found[0], found[-1], len(found)) == (Bar("1999", 1), Bar("2021", 2), 23)


def test_the_plot_is_told_in_words_and_figures() -> None:
    assert summary(ALL) == "2 of 3 papers are dated, 2021 to 2022; the most, 1, in 2021-03."
    assert summary([MOTH]) == "None of the 1 paper has a date."
    html = charts_html(ALL)
    assert '<th scope="row">2021-03</th><td>1</td>' in html
    assert '<div class="chart-plot" aria-hidden="true">' in html
    assert charts_html([]) == ""


def test_rows_are_made_again_only_for_another_corpus(corpus: Corpus) -> None:
    rows = Rows(SimpleNamespace(catalog=corpus.catalog))
    assert rows.now() is rows.now()
    assert rows.now()[0].title == BEES


@pytest.fixture(scope="module")
def url(corpus: Corpus) -> Iterator[str]:
    assistant = SimpleNamespace(catalog=corpus.catalog)

    def build(tabs: gr.Tabs, question: gr.Textbox) -> None:
        with gr.Tab("Browse", id="browse"):
            browse_tab(assistant, Desk(tabs, question))  # type: ignore[arg-type]

    with served(build) as address:
        yield address


def test_a_reader_sorts_filters_opens_a_paper_and_asks_about_it(
    chromium: Browser,  # noqa: F811
    url: str,
) -> None:
    with Visit(chromium, url) as visit:
        page = visit.page
        page.get_by_role("tab", name="Browse").click()
        first = page.locator(".browse-open").first
        expect(first).to_have_text(BEES)
        date = page.get_by_role("columnheader", name="Date")
        for order in ("ascending", "descending"):
            page.get_by_role("button", name="Date").click()
            expect(date).to_have_attribute("aria-sort", order)
        page.get_by_label("Words of the title").fill("tide")
        expect(page.locator(".browse-count")).to_have_text("1 of 6 papers.")
        expect(first).to_have_text(TIDES)
        page.get_by_label("Since").fill("soon")
        page.get_by_label("Since").press("Enter")
        expect(page.locator(".browse-error")).to_contain_text("write 2021")
        page.get_by_label("Since").fill("")
        page.get_by_label("Words of the title").fill("")
        page.get_by_role("row", name=OWLS).get_by_role("button").press("Enter")
        expect(page.locator(".browse-paper .paper-title")).to_be_focused()
        expect(page.locator(".browse-paper")).to_contain_text("first.jsonl")
        assert visit.faults("[role=tabpanel]:not([style*=none])") == []
        page.get_by_role("button", name="Back to the table").click()
        expect(page.get_by_role("row", name=OWLS).get_by_role("button")).to_be_focused()
        page.get_by_role("button", name="Ask about this paper").click()
        expect(page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_label("Question")).to_have_value(f"What does “{OWLS}” do, and how?")
        assert visit.foreign == []


def test_on_a_phone_nothing_is_wider_than_the_page(
    chromium: Browser,  # noqa: F811
    url: str,
) -> None:
    with Visit(chromium, url, width=390) as visit:
        visit.page.get_by_role("tab", name="Browse").click()
        visit.page.locator(".browse-open").first.click()
        expect(visit.page.locator(".browse-paper")).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_no_event_of_the_tab_is_an_endpoint(url: str) -> None:
    from gradio_client import Client

    client = Client(url, verbose=False)
    assert client.view_api(return_format="dict", print_info=False) == {
        "named_endpoints": {},
        "unnamed_endpoints": {},
    }
