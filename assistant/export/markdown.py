"""An answer -> Markdown in which nothing of a paper is markup."""

import re
from collections.abc import Iterator

from assistant.clean import for_markdown
from assistant.export.receipt import made_by
from assistant.identifiers import identifiers
from assistant.marks import MARKS, UNMARKED
from assistant.schema import Answer, Paper, Sentence

_CITATION = re.compile(r"&#91;(\d+(?:, ?\d+)*)&#93;")


def markdown(answer: Answer) -> str:
    """Question, answer, doubts and sources."""
    lines = [f"# {for_markdown(answer.question)}", "", *_answer_lines(answer), ""]
    doubts = [one for one in answer.sentences if one.verdict.label not in UNMARKED]
    if doubts:
        lines += ["## Not fully supported", "", *(_doubt_line(one) for one in doubts), ""]
    papers = {hit.paper.paper_id: hit.paper for hit in answer.papers}
    if answer.citations:
        lines += ["## Sources", ""]
    for one in answer.citations:
        paper = papers.get(one.paper_id)
        lines += [f"{one.number}. **{for_markdown(one.title)}**{_date(paper)}{_names(paper)}"]
        lines += [f"   > {for_markdown(one.quote)}", ""]
    return "\n".join([*lines, f"*{for_markdown(made_by(answer))}*", ""])


def _answer_lines(answer: Answer) -> Iterator[str]:
    for line in answer.text.splitlines():
        item = line.startswith("- ")
        # The brackets of a citation are ours; everything else is text.
        text = for_markdown(line[2:] if item else line)
        text = _CITATION.sub(r"\\[\1\\]", text)
        yield f"{'- ' if item else ''}{text}"


def _doubt_line(one: Sentence) -> str:
    sign, words = MARKS[one.verdict.label]
    reason = f" ({for_markdown(one.verdict.reason)})" if one.verdict.reason else ""
    return f"- {sign} {words}{reason}: {for_markdown(one.text)}"


def _date(paper: Paper | None) -> str:
    return f", {paper.date}" if paper and paper.date else ""


def _names(paper: Paper | None) -> str:
    """The identifiers that a reader can look up."""
    known = identifiers(paper) if paper else {}
    named = (("arXiv", known.get("arxiv_id")), ("doi", known.get("doi")))
    return "".join(f", {for_markdown(f'{word}:{name}')}" for word, name in named if name)
