"""A question that leans on a conversation -> one that stands alone, by rules or by a model."""

import re
from collections.abc import Sequence

from assistant import question as questions
from assistant.citations import without_marks
from assistant.llm import complete
from assistant.prompts import Prompts
from assistant.retriever import Retriever
from assistant.schema import LLM, Filters, Turn, Usage

_MAX_TOKENS = 200
_LAST = re.compile(r"\b(?:latter|second|last|other)\b", re.I)
_FIRST = re.compile(r"\b(?:former|first)\b", re.I)
_LONGEST_TURN = 2_000
_STEM = 6
"""So many letters of a word tell that it is the same word, inflected."""


def by_model(
    llm: LLM, prompts: Prompts, question: str, history: Sequence[Turn]
) -> tuple[str, Usage]:
    """The question as the model puts it; the question itself where the model says nothing."""
    text, usage = complete(llm, prompts.condense(history, question), max_tokens=_MAX_TOKENS)
    lines = [line.strip().strip('"“”') for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else question), usage


def by_rules(retriever: Retriever, question: str, history: Sequence[Turn], filters: Filters) -> str:
    """The question with the title of the paper that the conversation is about."""
    leans = questions.refers_back(question)
    if not (leans or questions.is_short(question)) or retriever.named_by_title(question):
        return question
    title = _topic(retriever, question, history, filters)
    if not title or not (leans or _is_of(retriever, question, title)):
        return question
    return f"{question.rstrip()} (about “{title}”)"


def _is_of(retriever: Retriever, question: str, title: str) -> bool:
    """Whether the paper speaks of what a short question asks, and nothing in it is foreign."""
    words = questions.content_words(question)
    found = retriever.retrieve(title, 1)
    paper = f"{found[0].paper.title} {found[0].paper.abstract}".lower() if found else ""
    spoken_of = not words or any(word[:_STEM] in paper for word in words)
    return spoken_of and all(retriever.knows(word) for word in words)


def _topic(
    retriever: Retriever, question: str, history: Sequence[Turn], filters: Filters
) -> str | None:
    for turn in reversed(history):
        said = without_marks(turn.assistant)[:_LONGEST_TURN]
        asked = turn.user[:_LONGEST_TURN]
        if title := _by_name(retriever, question, asked, said):
            return title
        if len(questions.content_words(asked)) > 1:
            found = retriever.retrieve(f"{asked} {said}", 1, filters)
            return found[0].paper.title if found else None
    return None


def _by_name(retriever: Retriever, question: str, asked: str, said: str) -> str | None:
    """The named paper: the one of the last question, or the one of the answer that is meant."""
    in_answer = list(dict.fromkeys(retriever.named_by_title(said).values()))
    if len(in_answer) > 1 and _LAST.search(question):
        return in_answer[1] if re.search(r"\bsecond\b", question, re.I) else in_answer[-1]
    if len(in_answer) > 1 and _FIRST.search(question):
        return in_answer[0]
    in_question = list(retriever.named_by_title(asked).values())
    found = in_question or in_answer
    return found[0] if found else None
