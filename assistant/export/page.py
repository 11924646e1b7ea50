"""An answer -> one page that needs nothing else: each quote, its abstract, and a check."""

from pathlib import Path
from string import Template

from assistant.clean import for_html
from assistant.export.receipt import made_by
from assistant.identifiers import identifiers
from assistant.marks import MARKS
from assistant.schema import Answer, Paper, Sentence


def html_page(answer: Answer) -> str:
    """One page that needs nothing else: each quote, the abstract it stands in, and a check."""
    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
    sources = "".join(
        _source(one.number, papers[one.paper_id])
        for one in answer.citations
        if one.paper_id in papers
    )
    return page.substitute(
        title=for_html(answer.question),
        answer="".join(_sentence_html(one) for one in answer.sentences)
        or f"<p>{for_html(answer.text)}</p>",
        sources=sources,
        made_by=for_html(made_by(answer)),
    )


def _sentence_html(one: Sentence) -> str:
    numbers = "".join(f'<a class="n" href="#source-{n}">[{n}]</a>' for n in one.citations)
    sign, words = MARKS[one.verdict.label]
    reason = f": {for_html(one.verdict.reason)}" if one.verdict.reason else ""
    return (
        f'<li class="{one.verdict.label}"><p>{for_html(one.text)} {numbers}</p>'
        f'<p class="verdict">{sign} {words}{reason}</p>{_evidence(one)}</li>'
    )


def _evidence(one: Sentence) -> str:
    found = one.verdict.evidence
    if found is None:
        return ""
    return (
        f'<blockquote class="quote" data-paper="{for_html(found.paper_id)}"'
        f' data-start="{found.start}" data-end="{found.end}">{for_html(found.quote)}</blockquote>'
    )


def _source(number: int, paper: Paper) -> str:
    seen_on = (f"{seen.page}, listing {seen.position}" for seen in paper.sightings)
    names = (f"{field}: {name}" for field, name in identifiers(paper).items())
    facts = [paper.date or "", *names, *seen_on]
    return (
        f'<article id="source-{number}"><h3>[{number}] {for_html(paper.title)}</h3>'
        f"<p>{for_html(' · '.join(filter(None, facts)))}</p>"
        f'<p class="abstract" data-paper="{for_html(paper.paper_id)}">'
        f"{for_html(paper.abstract)}</p>"
        "</article>"
    )
