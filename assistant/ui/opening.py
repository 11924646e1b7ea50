"""What a corpus holds -> the screen before the first question."""

from threading import Lock
from typing import TYPE_CHECKING

from assistant.clean import for_html
from assistant.errors import AssistantError
from assistant.opening import Opening, answerable, examples, opening, sample
from assistant.plural import counted

if TYPE_CHECKING:
    from assistant.build import Assistant

_MOST_PAGES = 5


class Openings:
    """The opening of a corpus, made once for each state of it."""

    def __init__(self, assistant: "Assistant") -> None:
        self._assistant = assistant
        self._lock = Lock()
        self._made: tuple[object, Opening] | None = None

    def now(self) -> Opening:
        """What the corpus holds at this moment, with questions that were seen to be answered."""
        catalog = self._assistant.catalog
        with self._lock:
            # What a run of the indexer does shows when it has ended, and not half done.
            state = (catalog.meta("generation"), len(catalog.runs()))
            if self._made is None or self._made[0] != state:
                self._made = (state, self._of(opening(catalog, count=0)))
            return self._made[1]

    def _of(self, found: Opening) -> Opening:
        try:
            wanted = examples(sample(self._assistant.catalog))
            questions = answerable(self._assistant, wanted)
        except AssistantError:
            # Without an index or an encoder the facts are still worth showing.
            questions = []
        return found._replace(questions=tuple(questions))


def opening_html(opening: Opening) -> str:
    """The facts in plain sentences, and the questions as buttons with `data-question`."""
    if not opening.papers:
        return empty_html()
    questions = "".join(_example(question) for question in opening.questions)
    asked = (
        '<h3 class="opening-heading">Questions that it can answer</h3>'
        f'<ul class="opening-examples">{questions}</ul>'
    )
    return (
        '<section class="opening" aria-label="What the corpus holds">'
        f'<p class="opening-facts">{for_html(facts(opening))}</p>'
        f"{_pages(opening)}{asked if questions else ''}</section>"
    )


def empty_html() -> str:
    """What to do where nothing is indexed yet."""
    return (
        '<section class="opening" aria-label="The corpus is empty">'
        '<p class="opening-facts">Nothing is indexed yet. Drop a page of abstracts here, or run'
        ' <code class="opening-command">assistant index</code>.</p></section>'
    )


def facts(opening: Opening) -> str:
    """What a corpus holds, in one or two sentences."""
    listings = sum(number for _, number in opening.pages)
    seen = f"seen in {counted(listings, 'listing')} on {counted(len(opening.pages), 'page')}"
    return f"This corpus holds {counted(opening.papers, 'paper')}, {seen}. {_dates(opening)}"


def _dates(opening: Opening) -> str:
    dated = opening.papers - opening.undated
    alone = opening.papers == 1
    if not dated:
        return "It has no date." if alone else "None of them has a date."
    whose = ("It" if alone else "They") if not opening.undated else f"{dated:,} of them"
    verb = "is" if dated == 1 else "are"
    if opening.first == opening.last:
        return f"{whose} {verb} dated {opening.first}."
    return f"{whose} {verb} dated, from {opening.first} to {opening.last}."


def _pages(opening: Opening) -> str:
    shown = "".join(
        f'<li><span class="opening-page" dir="auto">{for_html(name)}</span>:'
        f" {counted(number, 'listing')}</li>"
        for name, number in opening.pages[:_MOST_PAGES]
    )
    more = len(opening.pages) - _MOST_PAGES
    rest = f"<li>and {counted(more, 'more page')}</li>" if more > 0 else ""
    return (
        '<details class="opening-more"><summary>Pages</summary>'
        f'<ul class="opening-pages">{shown}{rest}</ul></details>'
    )


def _example(question: str) -> str:
    text = for_html(question)
    return (
        f'<li><button type="button" class="example" data-question="{text}" dir="auto">'
        f"{text}</button></li>"
    )
