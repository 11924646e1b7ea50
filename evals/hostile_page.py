"""Hostile texts -> the real page with each of them in every field, and whatever they did in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from assistant.export import exported
from assistant.prompts import Prompts
from assistant.records import answer_record
from assistant.schema import Answer, Message, Paper, Piece, Refusal, Usage
from evals.hostile import PLAIN_TAGS, answered

_A_TURN = 9_000
"""Characters of texts in one question; the page takes 10,000."""
_A_PAGE = 400
"""Texts that are shown at once."""
_ANSWER = ".turn *, .sources *, #parts *"
_EXPORT = "main *"
# Whatever stands where text should: an element of no page of ours, a handler, a style, a bad link.
_ODD = """([within, known]) => {
  const odd = new Set();
  for (const one of document.querySelectorAll(within)) {
    if (!known.includes(one.localName)) odd.add(`<${one.localName}>`);
    for (const { name, value } of one.attributes) {
      const link = ["href", "src", "action", "formaction", "xlink:href"].includes(name);
      if (name.startsWith("on") || name === "style" || (link && !/^(https?:|#)/.test(value)))
        odd.add(`<${one.localName} ${name}>`);
    }
  }
  return [...odd];
}"""
_WATCH = """window.breaches = [];
document.addEventListener("securitypolicyviolation", (one) => window.breaches.push(one.blockedURI));
"""
_KEEP = """(turns) => {
  localStorage.clear();
  localStorage.setItem("assistant:conversation:hostile", JSON.stringify(turns));
  sessionStorage.setItem("assistant:current", "hostile");
}"""
_ADD = """(parts) => {
  const box = document.body.appendChild(document.createElement("div"));
  box.id = "parts";
  box.innerHTML = parts;
}"""
# What loads or runs at once has done so two frames later.
_SETTLE = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Planted(NamedTuple):
    """A text, and a paper that carries it in every field."""

    text: str
    paper: Paper


class Seen(NamedTuple):
    """What was shown, and what came of it."""

    texts: int
    pages: int
    dialogs: int
    requests: int
    breaches: int
    odd: tuple[str, ...]
    """Elements, handlers and links that no page of ours has."""

    def __str__(self) -> str:
        return (
            f"{self.dialogs} dialogs, {self.requests} foreign requests, {self.breaches} breaches of"
            f" the policy, {len(self.odd)} foreign elements, handlers or links, of {self.texts:,}"
            f" texts in {self.pages:,} pages"
        )


class Parrot:
    """A model that says these texts, each with its citation."""

    model = "parrot"

    def __init__(self, texts: Sequence[str]) -> None:
        self._said = "\n".join(f"{text} [{at}]" for at, text in enumerate(texts, 1))

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The reply in one piece."""
        yield Piece(self._said, Usage(1, 1, 1))


class Show:
    """Shows texts on the page at `address`, whose catalog holds their papers."""

    def __init__(self, browser: Any, address: str, prompts: Prompts) -> None:
        self._address, self._prompts = address, prompts
        self._texts = self._pages = self._dialogs = self._requests = self._breaches = 0
        self._odd: dict[str, None] = {}
        context = browser.new_context()
        context.add_init_script(_WATCH)
        context.on("request", lambda request: self._asked(request.url))
        self._page = context.new_page()
        self._page.set_default_timeout(120_000)
        self._page.on("dialog", self._heard)
        self._page.goto(address)

    def __call__(self, planted: Sequence[Planted]) -> Iterator[Seen]:
        """What was seen so far, after each part of them."""
        for start in range(0, len(planted), _A_PAGE):
            part = planted[start : start + _A_PAGE]
            answers = [_answer(group, self._prompts) for group in _groups(part)]
            self._show(answers, part)
            for answer in answers:
                self._page.set_content(exported(answer, "html").text)
                self._look(_EXPORT)
            self._texts += len(part)
            counts = (self._pages, self._dialogs, self._requests, self._breaches)
            yield Seen(self._texts, *counts, tuple(self._odd))

    def _asked(self, url: str) -> None:
        self._requests += not url.startswith((self._address, "data:", "blob:", "about:"))

    def _heard(self, dialog: Any) -> None:
        self._dialogs += 1
        dialog.dismiss()

    def _show(self, answers: Sequence[Answer], part: Sequence[Planted]) -> None:
        """A conversation that the browser kept, and beside it the markup of every other room."""
        page, turns = self._page, [_turn(answer) for answer in answers]
        turns += [_turn(answer, trouble=answer.question) for answer in answers]
        # The panel shows the sources of the last answer.
        hits = tuple({hit.paper.paper_id: hit for one in answers for hit in one.papers}.values())
        turns.append(_turn(replace(answers[-1], papers=hits)))
        page.goto(self._address)
        page.evaluate(_KEEP, turns)
        page.reload()
        page.wait_for_function(
            "([turns, sources]) => document.querySelectorAll('#transcript .turn').length === turns"
            " && document.querySelectorAll('#sources .source').length === sources",
            arg=[len(turns), len(hits)],
        )
        page.evaluate(_ADD, "".join(_rooms(one, self._prompts) for one in part))
        self._look(_ANSWER)

    def _look(self, within: str) -> None:
        self._page.evaluate(_SETTLE)
        self._pages += 1
        self._breaches += len(self._page.evaluate("window.breaches"))
        found = self._page.evaluate(_ODD, [within, sorted(PLAIN_TAGS)])
        self._odd.update(dict.fromkeys(found))


def _groups(part: Sequence[Planted]) -> Iterator[list[Planted]]:
    """As many texts together as one question holds."""
    group: list[Planted] = []
    for one in part:
        if group and sum(len(known.text) for known in (*group, one)) > _A_TURN:
            yield group
            group = []
        group.append(one)
    yield group


def _answer(group: Sequence[Planted], prompts: Prompts) -> Answer:
    texts = [one.text for one in group]
    papers = [one.paper for one in group]
    return answered(papers[0], Parrot(texts), prompts, "\n".join(texts), beside=papers[1:])


def _turn(answer: Answer, trouble: str = "") -> Mapping[str, Any]:
    """A turn as the browser keeps it."""
    said = answer.question[:300]
    asked: dict[str, Any] = {"top_k": None, "without": [], "corpus": None}
    asked |= dict.fromkeys(("since", "until", "page", "model", "as_of"), said)
    record = None if trouble else answer_record(answer)
    return {
        "question": answer.question,
        "asked": asked,
        "record": record,
        "partial": trouble,
        "trouble": trouble,
        "rating": "",
    }


def _rooms(one: Planted, prompts: Prompts) -> str:
    """Everything else that shows a text: each kind of turn, the table, a draft, an upload."""
    from assistant.corpus import Note
    from assistant.opening import Opening
    from assistant.ui.browse import chosen_html
    from assistant.ui.conversation import Asked, ChatTurn
    from assistant.ui.draft import Checked, checked_html
    from assistant.ui.intake import Outcome, Refused, Taken
    from assistant.ui.opening import opening_html
    from assistant.ui.sources import sources_html
    from assistant.ui.transcript import live_html, transcript_html
    from assistant.ui.upload import outcome_html

    text, paper = one
    answer = _answer([one], prompts)
    asked = Asked(text, text, text, None, text, (text,), text, text)
    turn = ChatTurn(text, asked, answer_record(answer))
    declined = replace(answer, refusal=Refusal("not_stated", text, answer.papers))
    struck = replace(answer, struck=answer.sentences)
    note = Note(1, "skipped", text)
    outcome = Outcome((Taken(text, 1, 1, True, (note,)),), (Refused(text, text),), None, text)
    checked = Checked(answer.sentences, {paper.paper_id: text}, 0, text)
    opening = Opening(1, text, text, 0, ((text, 1),), (text,))
    return "".join(
        (
            transcript_html([turn] * 3, [answer, declined, struck]),
            transcript_html([ChatTurn(text, asked, partial=text, trouble=text)], [None]),
            live_html(ChatTurn(text, asked, partial=text), 0),
            sources_html(declined, 0),
            chosen_html(paper),
            checked_html(checked),
            outcome_html(outcome),
            opening_html(opening),
        )
    )
