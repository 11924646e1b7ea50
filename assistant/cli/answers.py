"""How answers, verdicts and papers look to a person."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from assistant.cli.screen import Flow, Screen
from assistant.identifiers import identifiers, links
from assistant.marks import MARKS, STRUCK, UNMARKED
from assistant.schema import Answer, Paper, ScoredPaper, Sentence, Verdict, VerdictLabel

if TYPE_CHECKING:
    from assistant.schema import Citation, Sighting

_STYLES: Mapping[VerdictLabel, str] = {
    "supported": "green",
    "partial": "yellow",
    "contradicted": "bold red",
    "not_in_evidence": "yellow",
    "uncited": "yellow",
    "not_a_claim": "dim",
}
_SNIPPET = 240


def show_answer(screen: Screen, answer: Answer, *, streamed: bool = False) -> None:
    """Prints the answer, a mark for every sentence not supported, and the sources."""
    if not streamed:
        screen.put(answer.text)
    if answer.refusal:
        _show_refusal(screen, answer)
        _show_struck(screen, answer)
        return
    marked = [one for one in answer.sentences if one.verdict.label not in UNMARKED]
    if marked:
        screen.gap()
    for sentence in marked:
        _show_mark(screen, sentence)
    _show_struck(screen, answer)
    show_sources(screen, answer)


def show_doubt(flow: Flow, sentence: Sentence) -> None:
    """Prints what is wrong with a sentence of an answer that is still coming."""
    verdict = sentence.verdict
    if verdict.label in UNMARKED:
        return
    (sign, words), style = MARKS[verdict.label], _STYLES[verdict.label]
    reason = f": {verdict.reason}" if verdict.reason else ""
    flow.aside((words, style), f" “{sentence.text}”", (reason, "dim"), first=f"  {sign} ")


def show_sources(screen: Screen, answer: Answer) -> None:
    """Prints every cited paper with the span that supports the answer."""
    if not answer.citations:
        return
    papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
    screen.gap()
    screen.put(("Sources", "bold"))
    for citation in answer.citations:
        _show_citation(screen, citation, papers.get(citation.paper_id))


def show_hits(screen: Screen, hits: Iterable[ScoredPaper], *, whole: bool = False) -> None:
    """Prints ranked papers, each with the start of its abstract, or all of it."""
    for number, hit in enumerate(hits):
        if number:
            screen.gap()
        paper, first = hit.paper, f"{hit.rank:>2}. "
        screen.put((paper.title, "bold"), first=first)
        screen.put((" · ".join(_facts(paper) + _reasons(hit)), "dim"), first="    ")
        screen.put(paper.abstract if whole else _start(paper.abstract), first="    ")


def show_verdicts(screen: Screen, sentences: Iterable[Sentence], titles: Mapping[str, str]) -> None:
    """Prints each sentence under its verdict, and the span that decided it."""
    for sentence in sentences:
        (sign, words), style = MARKS[sentence.verdict.label], _STYLES[sentence.verdict.label]
        screen.put((f"{words}: ", style), sentence.text, first=f"{sign} ")
        _show_evidence(screen, sentence.verdict, titles)


def show_paper(screen: Screen, paper: Paper) -> None:
    """Prints one paper with everything known of it."""
    screen.put((paper.title, "bold"))
    screen.put((" · ".join(_facts(paper)), "dim"))
    for line in filter(None, (", ".join(paper.authors), *links(paper))):
        screen.put(line)
    for name, value in {**paper.extra, **identifiers(paper)}.items():
        screen.put((f"{name}: ", "dim"), value)
    screen.gap()
    screen.put(paper.abstract)
    screen.gap()
    screen.put(("Seen", "bold"))
    for sighting in paper.sightings:
        screen.put(_seen(sighting), first="  ", rest="    ")


def _show_refusal(screen: Screen, answer: Answer) -> None:
    assert answer.refusal
    if answer.refusal.reason and answer.refusal.reason not in answer.text:
        screen.put((answer.refusal.reason, "dim"))
    if answer.refusal.evidence:
        screen.put((f"“{answer.refusal.evidence.quote}”", "italic"), first="  ")
    if answer.refusal.nearest:
        screen.gap()
        screen.put(("Nearest papers", "bold"))
        for hit in answer.refusal.nearest:
            screen.put(hit.paper.title, (f"  {hit.paper.paper_id}", "dim"), first="  · ")


def _show_mark(screen: Screen, sentence: Sentence) -> None:
    verdict = sentence.verdict
    (sign, words), style = MARKS[verdict.label], _STYLES[verdict.label]
    screen.put((f"{words}: ", style), f"“{sentence.text}”", first=f"{sign} ")
    if verdict.label == "contradicted" and verdict.evidence:
        screen.put(f"the abstract says “{verdict.evidence.quote}”", first="  ")
    if verdict.reason:
        screen.put((verdict.reason, "dim"), first="  ")


def _show_struck(screen: Screen, answer: Answer) -> None:
    if answer.struck:
        screen.gap()
    for sentence in answer.struck:
        screen.put((f"{STRUCK}: ", "dim"), f"“{sentence.text}”", first="✗ ")


def _show_evidence(screen: Screen, verdict: Verdict, titles: Mapping[str, str]) -> None:
    if verdict.evidence:
        paper_id = verdict.evidence.paper_id
        says = "the abstract says " if verdict.label == "contradicted" else ""
        screen.put(f"{says}“{verdict.evidence.quote}”", first="    ")
        screen.put((f"{titles.get(paper_id, '')} ({paper_id})".lstrip(), "dim"), first="    ")
    if verdict.reason and verdict.label not in UNMARKED:
        screen.put((verdict.reason, "dim"), first="    ")


def _show_citation(screen: Screen, citation: "Citation", paper: Paper | None) -> None:
    first = f"[{citation.number}] "
    rest = " " * len(first)
    screen.put((citation.title, "bold"), first=first)
    facts = _facts(paper) if paper else [citation.paper_id]
    screen.put((" · ".join([*facts, *filter(None, [citation.url])]), "dim"), first=rest)
    if citation.quote:
        screen.put((f"“{citation.quote}”", "italic"), first=rest)


def _facts(paper: Paper) -> list[str]:
    date = paper.date and (f"{paper.date} (year inferred)" if paper.year_inferred else paper.date)
    count = paper.author_count and f"{paper.author_count} author{'s' * (paper.author_count != 1)}"
    return [fact for fact in (date, count, paper.paper_id) if fact]


def _reasons(hit: ScoredPaper) -> list[str]:
    ranks = (("by meaning", hit.dense), ("by words", hit.lexical))
    return [f"#{reason.rank} {name}" for name, reason in ranks if reason]


def _start(abstract: str) -> str:
    if len(abstract) <= _SNIPPET:
        return abstract
    return f"{abstract[:_SNIPPET].rsplit(' ', 1)[0]} …"


def _seen(sighting: "Sighting") -> str:
    when = f", {sighting.date}" if sighting.date else ""
    return f"{sighting.page}, listing {sighting.position}, line {sighting.line}{when}"
