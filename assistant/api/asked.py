"""JSON of a request -> checked values: what may be asked of the address, and how much at once."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from assistant import period
from assistant.errors import UsageError
from assistant.records import QUESTION_LIMIT, TEXT_LIMIT, Source, check_question
from assistant.schema import Filters, Turn

Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=QUESTION_LIMIT)
]
Earlier = Annotated[str, StringConstraints(max_length=2 * QUESTION_LIMIT)]
Date = Annotated[str, StringConstraints(max_length=10)]
Name = Annotated[str, StringConstraints(max_length=200)]
TopK = Annotated[int, Field(ge=1, le=100)]
_MOST_TURNS = 50
_REMEMBERED = 20
_EXAMPLE = {"question": "How does S-LoRA serve thousands of adapters?"}


class Asked(BaseModel):
    """A body of our own routes; an unknown name in it is an error."""

    model_config = ConfigDict(extra="forbid")


class Exchange(Asked):
    """One earlier exchange of the conversation."""

    user: Earlier
    assistant: Earlier


class OfCorpus(Asked):
    """A body that may name a corpus, and a day."""

    corpus: Name | None = Field(None, description="One of GET /api/corpora; else the usual one.")
    as_of: Date | None = Field(None, description="As if it were that day: nothing later is used.")


class Limited(OfCorpus):
    """A question, and what limits the papers."""

    question: Question
    since: Date | None = Field(None, description="Only papers from then on: 2021, 2021-03, …")
    until: Date | None = Field(None, description="Only papers up to then.")
    year: int | None = Field(None, ge=1000, le=9999, description="Only papers of that year.")
    page: Name | None = Field(None, description="Only papers of that page of the corpus.")
    without: list[Name] = Field([], max_length=1000, description="Ids of papers to leave out.")
    top_k: TopK | None = Field(None, description="How many papers.")

    @property
    def filters(self) -> Filters:
        """The limits, or an error where no paper could pass them."""
        return period.filters(
            self.since, self.until, self.year, self.page, self.without, self.as_of
        )


class AskBody(Limited):
    """What `POST /api/ask` takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "since": "2023"}]})
    history: list[Exchange] = Field(
        [], max_length=_MOST_TURNS, description="What was said before, oldest first."
    )
    model: Name | None = Field(None, description='One of GET /v1/models; "embedded" quotes.')
    stream: bool = Field(False, description="Server-sent events in place of one record.")
    fresh: bool = Field(False, description="No answer that was given before.")

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The history."""
        return tuple(Turn(one.user, one.assistant) for one in self.history)


class SearchBody(Limited):
    """What `POST /api/search` takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_EXAMPLE, "top_k": 3}]})


class GivenSource(Asked):
    """A paper that comes with the text, and need not be in the corpus."""

    title: Annotated[str, StringConstraints(max_length=2000)]
    abstract: Annotated[str, StringConstraints(max_length=TEXT_LIMIT)]


class VerifyBody(OfCorpus):
    """What `POST /api/verify` takes."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "S-LoRA keeps every adapter in GPU memory."}]}
    )
    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_LIMIT)
    ]
    sources: list[GivenSource] | None = Field(
        None, max_length=100, description="Check against these alone, and not the corpus."
    )

    @property
    def then(self) -> str | None:
        """The day, or an error where it is none."""
        return period.filters(as_of=self.as_of).as_of

    @property
    def given(self) -> tuple[Source, ...] | None:
        """The sources."""
        if self.sources is None:
            return None
        return tuple(Source(one.title, one.abstract) for one in self.sources)


class Said(BaseModel):
    """One message of a chat completion."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The words, or an error where a part is something else."""
        if not isinstance(self.content, list):
            return self.content or ""
        for part in self.content:
            if part.get("type") != "text" or not isinstance(part.get("text"), str):
                kind = str(part.get("type"))[:40]
                raise UsageError(f"a content part of type {kind!r} cannot be read: send text")
        return "".join(part["text"] for part in self.content)


class StreamOptions(BaseModel):
    """What else a stream holds."""

    include_usage: bool = False


class CompletionBody(BaseModel):
    """What `POST /v1/chat/completions` takes; parameters not named here are left alone."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "assistant",
                    "messages": [{"role": "user", "content": _EXAMPLE["question"]}],
                }
            ]
        },
    )
    messages: list[Said] = Field(min_length=1)
    model: Name = "assistant"
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    corpus: Name | None = Field(None, description="One of GET /api/corpora; else the usual one.")
    fresh: bool = Field(False, description="No answer that was given before.")

    @property
    def question(self) -> str:
        """The last user message."""
        return check_question(self.messages[self._last()].text)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The last exchanges before the question; what is very long is cut."""
        found: list[Turn] = []
        for message in self.messages[: self._last()]:
            if message.role == "user":
                found.append(Turn(message.text[: 2 * QUESTION_LIMIT], ""))
            elif message.role == "assistant" and found:
                said = message.text[: 2 * QUESTION_LIMIT]
                found[-1] = Turn(found[-1].user, f"{found[-1].assistant}{said}")
        return tuple(found[-_REMEMBERED:])

    def _last(self) -> int:
        for number in range(len(self.messages) - 1, -1, -1):
            if self.messages[number].role == "user":
                if self.messages[number].text.strip():
                    return number
                raise UsageError("the last user message is empty: ask something in it")
        raise UsageError('no message asks anything: send one with "role": "user"')
