"""An answer -> the panel of its sources: every paper with what supports the answer marked in it."""

from collections.abc import Iterator

from assistant.clean import for_html
from assistant.schema import Answer, ScoredPaper
from assistant.ui.papers import Span, paper_html

EMPTY = (
    '<section class="sources" aria-label="Sources"><h2>Sources</h2>'
    "<p>The papers behind an answer stand here, with the words that support it marked.</p>"
    "</section>"
)


def sources_html(answer: Answer, turn: int) -> str:
    """Cited papers in the order cited, then what was read and not cited."""
    cited = {one.paper_id: one.number for one in answer.citations}
    hits = {hit.paper.paper_id: hit for hit in answer.papers}
    ordered = sorted(hits, key=lambda id_: (cited.get(id_, len(hits) + 1), hits[id_].rank))
    first_unused = next((id_ for id_ in ordered if id_ not in cited), None)
    pieces = []
    for paper_id in ordered:
        if paper_id == first_unused and cited:
            pieces.append('<h3 class="read-too">Read, but not cited</h3>')
        pieces.append(_source(answer, hits[paper_id], cited.get(paper_id), turn))
    heading = "Read, and not enough" if answer.refusal else "Sources"
    again = _AGAIN.format(turn=turn) if ordered else ""
    return (
        f'<section class="sources" aria-label="Sources" data-turn="{turn}"><h2>{heading}</h2>'
        f'<p class="sources-of" dir="auto">of “{for_html(answer.question)}”</p>'
        f"{''.join(pieces)}{again}</section>"
    )


_AGAIN = (
    '<div class="again"><button type="button" class="tool ask-again" data-turn="{turn}" disabled>'
    'Ask again without the unticked</button><span class="again-hint">Untick a source that you'
    " do not want used.</span></div>"
)


def _source(answer: Answer, hit: ScoredPaper, number: int | None, turn: int) -> str:
    paper = hit.paper
    name = f"[{number}]" if number else ""
    label = for_html(f"Use {paper.title}")
    tick = (
        f'<label class="use"><input type="checkbox" class="use-source" checked'
        f' data-paper="{for_html(paper.paper_id)}" aria-label="{label}"> use</label>'
    )
    back = (
        f'<button type="button" class="tool back" data-n="{number}" data-turn="{turn}">'
        "Back to the answer</button>"
        if number
        else ""
    )
    whole = paper_html(paper, spans=list(_spans(answer, paper.paper_id)))
    key = number or f"u{hit.rank}"
    return (
        f'<article class="source{"" if number else " unused"}" id="source-{turn}-{key}"'
        f' tabindex="-1" aria-label="{for_html(f"Source {name} {paper.title}")}">'
        f'<div class="source-head"><span class="source-number">{name}</span>{tick}</div>'
        f'{whole}<p class="why">{_why(hit)}</p>{back}</article>'
    )


def _spans(answer: Answer, paper_id: str) -> Iterator[Span]:
    """Where the abstract supports a sentence, or contradicts it."""
    for sentence in answer.sentences:
        evidence = sentence.verdict.evidence
        if evidence and evidence.paper_id == paper_id and evidence.start >= 0:
            yield evidence.start, evidence.end


def _why(hit: ScoredPaper) -> str:
    reasons = (("by meaning", hit.dense), ("by words", hit.lexical))
    ranks = [f"#{reason.rank} {name}" for name, reason in reasons if reason]
    return f"Why this paper: {', '.join([f'rank {hit.rank} of all', *ranks])}"
