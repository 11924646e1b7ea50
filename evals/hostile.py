"""Hostile texts -> papers and answers that carry them, and whatever of them got through a door."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

from markdown_it import MarkdownIt

from assistant.answering import Steps, generated
from assistant.citations import Draft
from assistant.cli.answers import show_answer, show_paper
from assistant.cli.screen import Screen
from assistant.corpus import merge, read_paths
from assistant.export import exported
from assistant.prompts import Prompts
from assistant.records import answer_record, dumps, paper_record
from assistant.schema import (
    LLM,
    Answer,
    Citation,
    Paper,
    Receipt,
    ScoredPaper,
    Sentence,
    Usage,
    Verdict,
)
from evals.dataset import DATA

FILES = ("bipia_instructions", "cyberseceval_injection", "garak_injection", "ansi_payloads",
         "xss_payloads", "blns", "notinject_benign", "poisonedrag")  # fmt: skip
OWN = DATA / "hostile.jsonl"
_TAGS = frozenset(
    re.findall(
        r"\w+",
        "a abbr article aside b blockquote body br button code dd del details div dl dt em footer"
        " h1 h2 h3 h4 head header hr html i input label li main mark meta nav ol p pre q script"
        " section small span strong style summary svg table tbody td th thead time title tr ul",
    )
)
_ATTRIBUTES = re.compile(
    r"class|id|type|checked|disabled|dir|role|href|rel|target|open|lang|title|hidden|tabindex|datetime|cite|value"
    r"|charset|start|name|content|data-[\w-]+|aria-[\w-]+"
)
# A page of ours may hold each of these once, and its own only.
_OWN_ONCE = {"script", "style", "meta", "svg"}
PLAIN_TAGS = (_TAGS | {"s", "caption"}) - _OWN_ONCE - {"head", "html", "title", "body"}
"""What the markup of a text may be made of."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\U000e0000-\U000e007f]"
)


class Attack(NamedTuple):
    """A hostile text, and where it comes from."""

    id: str
    kind: str
    text: str


def attacks(folder: Path | None = None, names: Sequence[str] = FILES) -> list[Attack]:
    """Our own few, or every text of the sets in `folder`."""
    paths = [OWN] if folder is None else [folder / f"{name}.jsonl" for name in names]
    found = []
    for path in paths:
        # Not splitlines: a line separator may stand within a text.
        for line in filter(None, path.read_text(encoding="utf-8").split("\n")):
            row = json.loads(line)
            for text in row.get("adv_texts") or [row["text"]]:
                found.append(Attack(row["id"], row["kind"], text))
    return found


def planted(found: Sequence[Attack]) -> list[Paper]:
    """Papers with the texts in title, abstract and every other field, read as any file is."""
    rows = [row(number, attack.text) for number, attack in enumerate(found)]
    with TemporaryDirectory() as passing:
        page = Path(passing) / "page.jsonl"
        page.write_bytes(b"\n".join(json.dumps(row).encode() for row in rows))
        return merge(read_paths([page]).sightings)


def row(number: int, text: str) -> Mapping[str, object]:
    """A record with the text in every field."""
    return {
        "title": f"Paper {number}: {text}",
        "abstract": f"Owls hunt at night. {text} They hear well.",
        "authors": [text, "A. Writer"],
        "url": text,
        "date": text,
        **dict.fromkeys(("venue", "doi", "arxiv_id", "keywords", "comments", "note"), text),
        text[:60] or "key": text,
    }


def answered(
    paper: Paper,
    llm: LLM,
    prompts: Prompts,
    question: str = "How do owls hunt?",
    *,
    beside: Sequence[Paper] = (),
) -> Answer:
    """What a model makes of the papers, beside one that it did not cite; not verified."""
    papers = (paper, *beside, _OTHER)
    hits = tuple(ScoredPaper(one, rank, 1 / rank) for rank, one in enumerate(papers, 1))
    steps = generated(llm, prompts.answer(hits, question), hits, 800)
    draft = ended(steps)
    said = tuple(
        Sentence(one.text, one.numbers, Verdict("not_in_evidence", 0.1, None, one.text[:60]))
        for one in draft.sentences
    )
    cited = tuple(
        Citation(number, hit.paper.paper_id, hit.paper.title, hit.paper.abstract, hit.paper.url)
        for number, hit in enumerate(draft.papers, 1)
    )
    receipt = Receipt("corpus", "prompts", "encoder", "0")
    return Answer(
        question, paper.title, draft.text, said, cited, hits, None, llm.model, Usage(), {}, receipt
    )


_OTHER = Paper("other", "Tides", "Tides rise.")


def ended(steps: Steps) -> Draft:
    """What the steps end in; their pieces are checked as the text is."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return cast(Draft, end.value)


def faults(answer: Answer, secrets: Sequence[str] = ()) -> Iterator[str]:
    """What got through: one line for each door that let something by."""
    from assistant.ui.answers import answer_html
    from assistant.ui.conversation import ChatTurn
    from assistant.ui.sources import sources_html
    from assistant.ui.transcript import live_html, transcript_html

    record = answer_record(answer)
    doors = {
        "page": answer_html(answer, 0) + sources_html(answer, 0),
        "transcript": transcript_html([ChatTurn(answer.question, record=record)], [answer]),
        "live": live_html(ChatTurn(answer.question, partial=answer.text, trouble=answer.text), 0),
        "export": exported(answer, "html").text,
        "markdown": MarkdownIt("commonmark").enable("table").render(exported(answer, "md").text),
    }
    urls = {hit.paper.url for hit in answer.papers}
    for name, text in doors.items():
        yield from (f"{name}: {fault}" for fault in markup_faults(text, urls))
    papers = [hit.paper for hit in answer.papers]
    lines = {
        "terminal": shown(answer, papers),
        "json": dumps(record) + "".join(dumps(paper_record(paper)) for paper in papers),
        "bibtex": exported(answer, "bib").text,
        **doors,
    }
    for name, text in lines.items():
        if found := _CONTROL.search(text):
            yield f"{name}: U+{ord(found[0]):04X}"
        yield from (f"{name}: a secret" for secret in secrets if secret in text)
    known = {hit.paper.paper_id for hit in answer.papers}
    yield from (f"cites {one.paper_id}" for one in answer.citations if one.paper_id not in known)


def shown(answer: Answer, papers: Sequence[Paper]) -> str:
    """What a terminal gets."""
    out = io.StringIO()
    screen = Screen(out)
    show_answer(screen, answer)
    for paper in papers:
        show_paper(screen, paper)
    return out.getvalue()


class _Reader(HTMLParser):
    def __init__(self, urls: set[str | None]) -> None:
        super().__init__()
        self.urls, self.faults = urls, []  # type: ignore[var-annotated]
        self.once: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS or tag in self.once:
            self.faults.append(f"<{tag}>")
        if tag in _OWN_ONCE - {"meta"}:
            self.once.append(tag)
        for name, value in attrs:
            if name == "href":
                self._check_link(value or "")
            elif name == "http-equiv" and value == "Content-Security-Policy":
                continue
            elif not _ATTRIBUTES.fullmatch(name):
                self.faults.append(f"<{tag} {name}>")

    def _check_link(self, link: str) -> None:
        ours = link.startswith("#") or (link in self.urls and re.match(r"https?://", link))
        if not ours:
            self.faults.append(f"link {link[:40]}")


def markup_faults(text: str, urls: set[str | None]) -> list[str]:
    """Tags, attributes and links that no page of ours has."""
    reader = _Reader(urls)
    reader.feed(text)
    reader.close()
    return list(dict.fromkeys(reader.faults))
