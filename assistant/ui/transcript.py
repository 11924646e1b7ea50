"""The turns of a conversation -> HTML."""

from collections.abc import Sequence
from itertools import zip_longest

from assistant.clean import for_html
from assistant.config import EMBEDDED
from assistant.schema import Answer, Sentence
from assistant.ui.answers import answer_html, growing_html, plain_text, summary
from assistant.ui.conversation import Asked, ChatTurn


def transcript_html(turns: Sequence[ChatTurn], answers: Sequence[Answer | None]) -> str:
    """Every finished turn, oldest first."""
    return "".join(
        _turn_html(number, turn, answer)
        for number, (turn, answer) in enumerate(zip_longest(turns, answers))
    )


def live_html(turn: ChatTurn, number: int, judged: Sequence[Sentence] = ()) -> str:
    """The turn that is being answered; a screen reader waits until it is whole."""
    said = (
        f'<div class="streaming">{growing_html(turn.partial, judged)}</div>'
        if turn.partial
        else '<p class="waiting">Looking through the abstracts<span class="since"></span></p>'
    )
    return (
        f'<article class="turn live" aria-busy="true">{_question(turn, number, tools="")}'
        f'<div class="answer">{said}</div></article>'
    )


def _turn_html(number: int, turn: ChatTurn, answer: Answer | None) -> str:
    edit = (
        f'<button type="button" class="tool" data-act="edit" data-turn="{number}"'
        f' aria-label="Edit question {number + 1}">Edit</button>'
    )
    return (
        f'<article class="turn" id="turn-{number}" aria-label="Question {number + 1}">'
        f"{_question(turn, number, edit)}"
        f"{_answered(number, turn, answer) if answer else _unanswered(number, turn)}</article>"
    )


def _question(turn: ChatTurn, number: int, tools: str) -> str:
    limits = _limits(turn.asked)
    note = f'<p class="limits">{for_html(limits)}</p>' if limits else ""
    return (
        f'<div class="asked"><h2 class="question" dir="auto">{_lines(turn.question)}</h2>'
        f"{note}{tools}</div>"
    )


def _answered(number: int, turn: ChatTurn, answer: Answer) -> str:
    understood = (
        f'<p class="understood">Understood as: <q dir="auto">'
        f"{for_html(answer.standalone_question)}</q></p>"
        if answer.standalone_question != answer.question
        else ""
    )
    copy = f' data-copy="{for_html(plain_text(answer))}"'
    tools = [
        _tool("copy", number, "Copy", copy),
        _tool("retry", number, "Ask again"),
        _tool("show", number, "Sources"),
        *_ratings(number, turn.rating),
        _exports(number),
    ]
    kind = " declined" if answer.refusal else ""
    return (
        f'<div class="answer{kind}">{understood}{answer_html(answer, number)}'
        f'{_trouble_html(answer)}<p class="summary">{for_html(summary(answer))}</p></div>'
        f'<div class="tools">{"".join(tools)}</div>'
    )


def _trouble_html(answer: Answer) -> str:
    if not answer.trouble:
        return ""
    return (
        '<p class="trouble" role="status"><span aria-hidden="true">⚠</span> '
        f"{for_html(answer.trouble)}</p>"
    )


def _unanswered(number: int, turn: ChatTurn) -> str:
    partial = f'<p dir="auto">{_lines(turn.partial)}</p>' if turn.partial else ""
    stopped = "Stopped here: this answer is partial, and not verified."
    embedded = (
        _tool("retry", number, "Answer with quotes instead", f' data-model="{EMBEDDED}"')
        if turn.trouble and turn.asked.model != EMBEDDED
        else ""
    )
    return (
        f'<div class="answer broken">{partial}'
        f'<p class="trouble"><span aria-hidden="true">⚠</span> '
        f"{for_html(turn.trouble or stopped)}</p></div>"
        f'<div class="tools">{_tool("retry", number, "Ask again")}{embedded}</div>'
    )


def _tool(act: str, number: int, words: str, more: str = "") -> str:
    return (
        f'<button type="button" class="tool" data-act="{act}" data-turn="{number}"{more}>'
        f"{words}</button>"
    )


def _ratings(number: int, rating: str) -> list[str]:
    words = {"helpful": "Helpful", "wrong": "Wrong"}
    return [
        _tool(
            "rate",
            number,
            f"{'✓ ' if rating == name else ''}{word}",
            f' data-rating="{name}" aria-pressed="{str(rating == name).lower()}"',
        )
        for name, word in words.items()
    ]


def _exports(number: int) -> str:
    formats = (("md", "Markdown"), ("bib", "BibTeX"), ("html", "Web page"))
    buttons = "".join(
        _tool("export", number, words, f' data-format="{name}"') for name, words in formats
    )
    return (
        f'<details class="export"><summary class="tool">Export</summary>'
        f'<div class="choices">{buttons}</div></details>'
    )


def _limits(asked: Asked) -> str:
    """The filters in words."""
    parts = [
        f"since {asked.since}" if asked.since else "",
        f"until {asked.until}" if asked.until else "",
        f"as of {asked.as_of}" if asked.as_of else "",
        f"on {asked.page}" if asked.page else "",
        f"without {len(asked.without)} source{'s' * (len(asked.without) != 1)}"
        if asked.without
        else "",
    ]
    return ", ".join(part for part in parts if part)


def _lines(text: str) -> str:
    return for_html(text).replace("\n", "<br>")
