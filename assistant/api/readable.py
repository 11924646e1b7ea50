"""Answers, papers and verdicts -> plain text for a program that reads to a person or a model."""

from collections.abc import Iterable, Iterator, Mapping

from assistant.clean import for_terminal
from assistant.marks import MARKS, UNMARKED, tally
from assistant.schema import Answer, Paper, Refusal, ScoredPaper, Sentence

_SNIPPET = 240


def answer_text(answer: Answer) -> str:
    """The answer, its numbered sources, and a mark for every sentence not supported."""
    if answer.refusal:
        return _shown([*_refusal(answer.text, answer.refusal), answer.trouble])
    papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
    marks = _marks(answer.sentences)
    return _shown([answer.text, *_sources(answer, papers), *marks, answer.trouble])


def hits_text(hits: Iterable[ScoredPaper], trouble: str = "") -> str:
    """Ranked papers, each with the start of its abstract."""
    blocks = [
        f"{hit.rank}. {hit.paper.title}\n   {_facts(hit.paper)}\n   {_start(hit.paper.abstract)}"
        for hit in hits
    ]
    return _shown([*(blocks or ["No paper passes these filters."]), trouble])


def verdicts_text(
    sentences: Iterable[Sentence], papers: Mapping[str, Paper], trouble: str = ""
) -> str:
    """Each sentence under its verdict, with the span that decided it."""
    checked = list(sentences)
    return _shown([*(_verdict(one, papers) for one in checked), tally(checked), trouble])


def paper_text(paper: Paper) -> str:
    """One paper with everything known of it."""
    facts = [_facts(paper), ", ".join(paper.authors), paper.url or ""]
    extra = [f"{name}: {value}" for name, value in paper.extra.items()]
    head = "\n".join([paper.title, *filter(None, facts), *extra])
    pages = dict.fromkeys(sighting.page for sighting in paper.sightings)
    return _shown([head, paper.abstract, f"Seen on: {', '.join(pages)}" if pages else ""])


def _shown(blocks: Iterable[str]) -> str:
    # What a model wrote is shown by terminals too, by way of the programs that ask us.
    return for_terminal("\n\n".join(filter(None, blocks)))


def _refusal(text: str, refusal: Refusal) -> Iterator[str]:
    yield f"No answer ({refusal.kind.replace('_', ' ')}). {text}"
    if refusal.reason not in text:
        yield refusal.reason
    if refusal.evidence:
        yield f"“{refusal.evidence.quote}”"
    if refusal.nearest:
        listed = [f"- {hit.paper.title} ({_facts(hit.paper)})" for hit in refusal.nearest]
        yield "\n".join(["Nearest papers, which do not answer it:", *listed])


def _sources(answer: Answer, papers: Mapping[str, Paper]) -> Iterator[str]:
    if answer.citations:
        yield "Sources"
    for citation in answer.citations:
        paper = papers.get(citation.paper_id)
        facts = _facts(paper) if paper else citation.paper_id
        lines = [f"[{citation.number}] {citation.title} ({facts})", citation.url or ""]
        if citation.quote:
            lines.append(f"“{citation.quote}”")
        yield "\n    ".join(filter(None, lines))


def _marks(sentences: Iterable[Sentence]) -> Iterator[str]:
    marked = [one for one in sentences if one.verdict.label not in UNMARKED]
    if marked:
        yield "Not supported by the sources"
    for sentence in marked:
        sign, words = MARKS[sentence.verdict.label]
        says = sentence.verdict.evidence
        conflict = says and sentence.verdict.label == "contradicted"
        lines = [f"{sign} {words}: “{sentence.text}”", sentence.verdict.reason]
        lines += [f"the abstract says “{says.quote}”"] if says and conflict else []
        yield "\n  ".join(filter(None, lines))


def _verdict(sentence: Sentence, papers: Mapping[str, Paper]) -> str:
    sign, words = MARKS[sentence.verdict.label]
    lines = [f"{sign} {words}: “{sentence.text}”"]
    if found := sentence.verdict.evidence:
        paper = papers.get(found.paper_id)
        lines += [f"“{found.quote}”", f"{paper.title} ({_facts(paper)})" if paper else ""]
    if sentence.verdict.label not in UNMARKED:
        lines.append(sentence.verdict.reason)
    return "\n    ".join(filter(None, lines))


def _facts(paper: Paper) -> str:
    date = paper.date and f"{paper.date}{', year inferred' if paper.year_inferred else ''}"
    return ", ".join(filter(None, [date, f"paper_id {paper.paper_id}"]))


def _start(abstract: str) -> str:
    if len(abstract) <= _SNIPPET:
        return abstract
    return f"{abstract[:_SNIPPET].rsplit(' ', 1)[0]} …"
