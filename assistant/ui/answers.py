"""An answer -> HTML: each sentence with its citations as marks, and with its doubt in words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from assistant.citations import MARK, numbers_in
from assistant.clean import for_html
from assistant.config import EMBEDDED
from assistant.marks import MARKS, STRUCK, UNMARKED, tally
from assistant.schema import Answer, Citation, Paper, Sentence
from assistant.ui.papers import date_words

_ITEM = re.compile(r"[-*•+]\s+")


class _Cited(NamedTuple):
    """What a mark needs to know of what it stands for."""

    citation: Citation
    paper: Paper | None


def answer_html(answer: Answer, turn: int) -> str:
    """The answer, without its sources; `turn` makes its ids its own."""
    if answer.refusal:
        return _refusal_html(answer) + _struck_html(answer)
    said = "".join(_blocks(_lines(_Writer(answer, turn), answer.text, answer.sentences)))
    return said + _struck_html(answer)


def growing_html(text: str, judged: Sequence[Sentence]) -> str:
    """A text that is still coming; each sentence judged so far carries the sign of its verdict."""
    return "".join(_blocks(_lines(_Growing(), text, judged)))


def summary(answer: Answer) -> str:
    """One line on what made the answer and what it took."""
    seconds = answer.timings_ms.get("total", 0.0) / 1000
    maker = "quoted, no model" if answer.model == EMBEDDED else answer.model
    checked = [] if answer.refusal else [tally(answer.sentences)]
    return " · ".join([*checked, maker, f"{seconds:.1f} s"])


def plain_text(answer: Answer) -> str:
    """The answer and its sources, as a person would paste them."""
    sources = [f"[{one.number}] {one.title}" for one in answer.citations]
    return "\n".join([answer.text, *([""] if sources else []), *sources])


class _Writes(Protocol):
    """Writes what a line is made of."""

    def sentence(self, one: Sentence, numbers: list[int]) -> str:
        """A sentence with what it cites."""

    def marks(self, numbers: list[int], one: Sentence | None) -> str:
        """Citations."""


class _Growing:
    """Writes the sentences of an answer whose sources are not yet there to be looked at."""

    def sentence(self, one: Sentence, numbers: list[int]) -> str:
        label = one.verdict.label
        doubt = _sign(one) if label in UNMARKED else _doubt(one)
        said = f'<span class="said">{for_html(one.text)}</span>{self.marks(numbers, one)}'
        return f'<span class="sentence {label}">{said}{doubt}</span>'

    def marks(self, numbers: list[int], one: Sentence | None) -> str:
        return "".join(f" [{number}]" for number in numbers)


class _Writer:
    """Writes the sentences of one answer, in order."""

    def __init__(self, answer: Answer, turn: int) -> None:
        self._turn = turn
        papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
        self._cited: Mapping[int, _Cited] = {
            one.number: _Cited(one, papers.get(one.paper_id)) for one in answer.citations
        }
        self._marks = 0

    def sentence(self, one: Sentence, numbers: list[int]) -> str:
        """The sentence and its marks; one that is not supported says so."""
        label = one.verdict.label
        text = f'<span class="said">{for_html(one.text)}</span>'
        doubt = "" if label in UNMARKED else _doubt(one)
        return f'<span class="sentence {label}">{text}{self.marks(numbers, one)}{doubt}</span>'

    def marks(self, numbers: list[int], one: Sentence | None) -> str:
        """The citations as buttons; what stands for no source stays text."""
        return "".join(self._mark(number, one) for number in numbers)

    def _mark(self, number: int, one: Sentence | None) -> str:
        if number not in self._cited:
            return f"[{number}]"
        self._marks += 1
        citation, paper = self._cited[number]
        tip = f"tip-{self._turn}-{self._marks}"
        date = f'<span class="tip-date">{for_html(date_words(paper))}</span>' if paper else ""
        quote = for_html(_quoted(citation, one))
        return (
            f'<span class="cited"><button type="button" class="cite" data-turn="{self._turn}"'
            f' data-n="{number}" aria-describedby="{tip}"'
            f' aria-label="Source {number}">{number}</button>'
            f'<span class="tip" role="tooltip" id="{tip}" dir="auto">'
            f"<strong>{for_html(citation.title)}</strong>{date}"
            f"<q>{quote}</q></span></span>"
        )


def _sign(one: Sentence) -> str:
    sign, words = MARKS[one.verdict.label]
    return f'<span class="sign" title="{words}">{sign}</span>'


def _doubt(one: Sentence) -> str:
    """What is wrong with a sentence, in words."""
    sign, words = MARKS[one.verdict.label]
    verdict = one.verdict
    said = ""
    if verdict.evidence and verdict.label in ("contradicted", "partial"):
        said = f" The abstract says <q>{for_html(verdict.evidence.quote)}</q>"
    reason = f": {for_html(verdict.reason)}." if verdict.reason else "."
    return (
        f'<span class="doubt" role="note"><span aria-hidden="true">{sign}</span> '
        f"<strong>{words.capitalize()}</strong>{reason}{said}</span>"
    )


def _quoted(citation: Citation, one: Sentence | None) -> str:
    """The words behind this very sentence, or those behind the citation."""
    evidence = one.verdict.evidence if one else None
    if evidence and evidence.paper_id == citation.paper_id:
        return evidence.quote
    return citation.quote


class _Line(NamedTuple):
    """A line of the answer: whether it is an item of a list, and its HTML."""

    is_item: bool
    html: str


def _lines(writer: _Writes, text: str, sentences: Sequence[Sentence]) -> Iterator[_Line]:
    """The lines of the text, each sentence and mark in its place written as HTML."""
    waiting = list(sentences)
    for line in text.splitlines():
        item = _ITEM.match(line)
        bare = _Bare.of(line[item.end() if item else 0 :])
        html = "".join(_written(writer, bare, waiting))
        if html.strip():
            yield _Line(bool(item), html)


class _Bare(NamedTuple):
    """A line without its marks, and where each of them stood."""

    text: str
    marks: tuple[tuple[int, tuple[int, ...]], ...]

    @classmethod
    def of(cls, line: str) -> "_Bare":
        """The line taken apart."""
        line = " ".join(line.split())
        text, at, marks = "", 0, []
        for match in MARK.finditer(line):
            text += line[at : match.start()].rstrip()
            marks.append((len(text), tuple(numbers_in(match[1]))))
            at = match.end()
        return cls(text + line[at:], tuple(marks))

    def numbers(self, start: int, end: int) -> list[int]:
        """What is cited after `start`, up to and at `end`."""
        return [n for at, numbers in self.marks if start < at <= end for n in numbers]


def _written(writer: _Writes, bare: _Bare, waiting: list[Sentence]) -> Iterator[str]:
    """The sentences of a line, and what stands between them."""
    at = 0
    while waiting and (start := bare.text.find(waiting[0].text, at)) >= 0:
        yield from _between(writer, bare, at, start)
        one = waiting.pop(0)
        at = start + len(one.text)
        yield writer.sentence(one, bare.numbers(start, at))
    yield from _between(writer, bare, at, len(bare.text))


def _between(writer: _Writes, bare: _Bare, start: int, end: int) -> Iterator[str]:
    """Text in which no known sentence stands: its marks still lead to their sources."""
    for at, numbers in bare.marks:
        if start < at <= end:
            yield for_html(bare.text[start:at])
            yield writer.marks(list(numbers), None)
            start = at
    yield for_html(bare.text[start:end])


def _blocks(lines: Iterator[_Line]) -> Iterator[str]:
    """Paragraphs and lists."""
    in_list = False
    for is_item, html in lines:
        if is_item != in_list:
            yield "<ul>" if is_item else "</ul>"
            in_list = is_item
        yield f'<li dir="auto">{html}</li>' if is_item else f'<p dir="auto">{html}</p>'
    if in_list:
        yield "</ul>"


_KINDS = {
    "not_in_corpus": "Not in the corpus",
    "not_stated": "The abstract does not say",
    "false_premise": "The question takes for granted what the abstract does not say",
}


def _struck_html(answer: Answer) -> str:
    """What was taken out, behind a line that unfolds."""
    if not answer.struck:
        return ""
    count = len(answer.struck)
    head = f"{count} sentence{'s' * (count > 1)} {STRUCK}"
    items = "".join(f'<li dir="auto"><s>{for_html(one.text)}</s></li>' for one in answer.struck)
    return f'<details class="struck"><summary>{head}</summary><ul>{items}</ul></details>'


def _refusal_html(answer: Answer) -> str:
    refusal = answer.refusal
    assert refusal
    looked = for_html(answer.standalone_question)
    nearest = "".join(
        f'<li><button type="button" class="example" data-question="What does'
        f' “{for_html(hit.paper.title)}” propose?">'
        f'{for_html(hit.paper.title)}</button> <span class="tip-date">'
        f"{for_html(date_words(hit.paper))}</span></li>"
        for hit in refusal.nearest
    )
    told = refusal.evidence
    quote = f'<p dir="auto">It says: <q>{for_html(told.quote)}</q></p>' if told else ""
    papers = f"<p>The nearest papers, each a question you can ask:</p><ul>{nearest}</ul>"
    return (
        f'<div class="refusal"><p class="refusal-kind"><span aria-hidden="true">∅</span> '
        f"<strong>{_KINDS[refusal.kind]}</strong></p>"
        f'<p dir="auto">{for_html(refusal.reason)}</p>{quote}'
        f'<p class="looked-for">Looked for: <q dir="auto">{looked}</q></p>'
        f"{papers if nearest else ''}</div>"
    )
