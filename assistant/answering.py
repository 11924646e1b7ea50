"""Sources -> a draft of the answer: quoted sentence by sentence, or written by a model."""

import re
from collections.abc import Generator, Iterator, Sequence

from assistant.citations import (
    CitedSentence,
    Draft,
    Renumbering,
    cited_sentences,
    without_marks,
)
from assistant.errors import ProviderError
from assistant.prompts import CANNOT_ANSWER, is_refusal
from assistant.quoting import Quote, Quoted, trimmed
from assistant.redact import Stream, confidential, known
from assistant.schema import LLM, Message, ScoredPaper, Usage

_LONGEST_NAME = 60
_REFERS_BACK = re.compile(
    r"(?:it|its|they|their|this|these|such|both|our|the (?:proposed|resulting|former|latter|same))"
    r"\b(?! (?:paper|work|study|article)\b)",
    re.I,
)


Steps = Generator[str, None, Draft]


def embedded(chosen: Sequence[Quoted]) -> Steps:
    """The quotes, each with its citation; a line for each paper where there are several."""
    kept = [(hit, quotes) for hit, quotes in chosen if quotes]
    text, said = "", []
    for number, (hit, quotes) in enumerate(kept, 1):
        if opening := _opening(hit.paper.title, quotes[0], is_one_of_several=len(kept) > 1):
            piece = opening if number == 1 else f"\n{opening}"
            text += piece
            yield piece
        for quote in quotes:
            # An abstract's own [12] would pass for one of our citations.
            sentence = without_marks(trimmed(quote.passage.text))
            piece = f"{' ' if text else ''}{sentence} [{number}]"
            text += piece
            said.append(CitedSentence(sentence, (number,)))
            yield piece
    return Draft(text, tuple(said), tuple(hit for hit, _ in kept))


def _opening(title: str, first: Quote, *, is_one_of_several: bool) -> str:
    """The paper's name, where it tells papers apart or what "it" and "our" stand for."""
    if is_one_of_several:
        return f"- {short_name(title)}:"
    return f"{short_name(title)}:" if _REFERS_BACK.match(trimmed(first.passage.text)) else ""


def generated(
    llm: LLM,
    messages: Sequence[Message],
    papers: Sequence[ScoredPaper],
    max_tokens: int,
    renumbering: Renumbering | None = None,
) -> Steps:
    """What the model writes, as it comes, its citations renumbered in order."""
    heard: list[str] = []
    usage = [Usage()]
    renumbering = renumbering or Renumbering(len(papers))
    yield from renumbering.stream(
        _unless_refused(_listened(llm, messages, max_tokens, heard, usage))
    )
    raw = "".join(heard).strip()
    if not raw:
        raise ProviderError(f"{llm.model} answered with nothing: ask again, or set another --model")
    if is_refusal(raw):
        return Draft("", (), (), tuple(papers), usage[0], refused=True, reply=raw)
    final = Renumbering(len(papers))
    text = final.text(raw)
    said = tuple(
        CitedSentence(sentence, final.cite(numbers)) for sentence, numbers in cited_sentences(raw)
    )
    cited = tuple(papers[number - 1] for number in final.order)
    rest = tuple(paper for paper in papers if paper not in cited)
    return Draft(text, said, cited, rest, usage[0], reply=raw)


def _listened(
    llm: LLM, messages: Sequence[Message], max_tokens: int, heard: list[str], usage: list[Usage]
) -> Iterator[str]:
    hidden = Stream(*confidential(messages[0].content), *known())
    for piece in llm.stream(messages, max_tokens=max_tokens):
        if piece.usage:
            usage[0] = piece.usage
        heard.append(hidden.feed(piece.text))
        yield heard[-1]
    heard.append(hidden.finish())
    yield heard[-1]


def _unless_refused(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces, held back while they may still be the sentence of refusal and nothing else."""
    held = ""
    for piece in pieces:
        held += piece
        if not CANNOT_ANSWER.startswith(held.strip()[: len(CANNOT_ANSWER)]):
            yield held
            held = ""
            break
    else:
        if not is_refusal(held):
            yield held
        return
    yield from pieces


def short_name(title: str) -> str:
    """What a paper is called in a list: the name before the colon, or the head of its title."""
    name = title.split(":")[0].strip()
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"
