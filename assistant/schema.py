"""The nouns of the pipeline, and the two ports behind which models stand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

VerdictLabel = Literal[
    "supported", "partial", "contradicted", "not_in_evidence", "uncited", "not_a_claim"
]
RefusalKind = Literal["not_in_corpus", "not_stated", "false_premise"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One listing of a paper: where it stood, and what it said there."""

    page: str
    position: int
    """1 for the first listing of the page."""
    line: int
    """1-based line of the title in the file."""
    title: str
    abstract: str
    date: str | None = None
    """ISO 8601 at the precision the source gives: 2021, 2021-03 or 2021-03-12."""
    year_inferred: bool = False
    author_count: int | None = None
    authors: tuple[str, ...] = ()
    url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    """Whatever else the source tells (doi, arxiv_id, venue, comments, ...)."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper and every place where it was seen; the newest sighting's words win."""

    paper_id: str
    title: str
    abstract: str
    date: str | None = None
    year_inferred: bool = False
    author_count: int | None = None
    authors: tuple[str, ...] = ()
    url: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    sightings: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole sentences of one abstract: `text == abstract[start:end]`, in code points."""

    chunk_id: str
    paper_id: str
    title: str
    text: str
    start: int
    end: int

    @property
    def embedded_text(self) -> str:
        """What the encoder reads: the title gives a chunk its subject."""
        return f"{self.title}\n{self.text}"


def paper_of(chunk_id: str) -> str:
    """The id of the paper that a chunk is of."""
    return chunk_id.rpartition("-")[0]


class ScoredChunk(NamedTuple):
    """A chunk found by one engine; a higher score is nearer."""

    chunk_id: str
    paper_id: str
    score: float


class ScoredId(NamedTuple):
    """A paper found by its words; a higher score is nearer."""

    paper_id: str
    score: float


class Reason(NamedTuple):
    """Where one engine placed a paper: rank from 1, and the engine's own score."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class ScoredPaper:
    """A paper that answers a question, with the reasons for its rank."""

    paper: Paper
    rank: int
    score: float
    dense: Reason | None = None
    lexical: Reason | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which papers may be found; a paper's date must overlap [since, until]."""

    since: str | None = None
    until: str | None = None
    year: int | None = None
    page: str | None = None
    without: tuple[str, ...] = ()
    """Ids of papers that the reader put aside."""
    as_of: str | None = None
    """As if it were that day: a paper that may be later, or has no date, is not there at all."""

    def __bool__(self) -> bool:
        given = (self.since, self.until, self.year, self.page, self.as_of)
        return bool(self.without) or any(value is not None for value in given)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The span of an abstract that decided a verdict: `quote == abstract[start:end]`."""

    paper_id: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one sentence."""

    label: VerdictLabel
    score: float
    """Probability that the evidence supports the sentence."""
    evidence: Evidence | None = None
    reason: str = ""
    """What differs, in words; empty for a supported sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, the citations it carries, and its verdict."""

    text: str
    citations: tuple[int, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Citation:
    """What `[number]` in an answer stands for."""

    number: int
    paper_id: str
    title: str
    quote: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no answer is given, and the papers that come nearest."""

    kind: RefusalKind
    reason: str
    nearest: tuple[ScoredPaper, ...] = ()
    evidence: Evidence | None = None
    """Of a false premise: the sentence that says otherwise."""


class Usage(NamedTuple):
    """Tokens read and written, and requests made."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0


class Turn(NamedTuple):
    """One earlier exchange of a conversation."""

    user: str
    assistant: str


class Receipt(NamedTuple):
    """What made an answer: hashes of corpus, prompts and encoder, and our version."""

    corpus: str
    prompts: str
    encoder: str
    version: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer or refusal, with everything needed to check it."""

    question: str
    standalone_question: str
    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    papers: tuple[ScoredPaper, ...]
    refusal: Refusal | None
    model: str
    usage: Usage
    timings_ms: Mapping[str, float]
    receipt: Receipt
    struck: tuple[Sentence, ...] = ()
    """What a model wrote and no source bears out, taken out of the text."""
    trouble: str = ""
    """What kept it from being as good as it could be; empty where nothing did."""
    cached: bool = False
    """Whether it was given before, and nothing was spent on it now."""

    @property
    def refused(self) -> bool:
        """Whether this is a refusal."""
        return self.refusal is not None


class Message(NamedTuple):
    """One message to a model."""

    role: Literal["system", "user", "assistant"]
    content: str


class Piece(NamedTuple):
    """A piece of a model's reply; the last one carries the usage."""

    text: str
    usage: Usage | None = None


class EncoderIdentity(NamedTuple):
    """What must match for two vectors to be comparable."""

    name: str
    dimension: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}/{self.dimension}/{self.sha256[:12]}"


class Reading(NamedTuple):
    """A text piece by piece: n word pieces, as the encoder understands each in its context."""

    pieces: NDArray[np.int32]
    """Vocabulary ids, shape (n,)."""
    starts: NDArray[np.int32]
    """Where each piece begins in the text, in code points, shape (n,)."""
    states: NDArray[np.int8]
    """Unit vectors times 127, shape (n, 64)."""


class Reader(Protocol):
    """Texts to their pieces in context, for comparing two texts piece by piece."""

    @property
    def identity(self) -> EncoderIdentity:
        """What must match for two readings to be comparable."""

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading a text, in the order given, without the special pieces."""

    def weights(self, pieces: NDArray[np.int32]) -> NDArray[np.float32]:
        """How much each piece tells: its inverse document frequency, shape (n,)."""


@runtime_checkable
class Splitter(Protocol):
    """A reader that tells where pieces begin without reading them."""

    def starts(self, text: str) -> NDArray[np.int32]:
        """Where each piece of `text` begins, in code points: the `starts` of its reading."""


class Encoder(Protocol):
    """Texts to unit vectors."""

    @property
    def identity(self) -> EncoderIdentity:
        """What must match for two vectors to be comparable."""

    @property
    def max_pieces(self) -> int:
        """Longest text read whole, in word pieces."""

    def count(self, text: str) -> int:
        """Word pieces of `text`, without the two special ones."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32, shape (len(texts), dimension), in the order given."""


@runtime_checkable
class BatchCounter(Protocol):
    """An encoder that counts many texts quicker than one by one."""

    def counts(self, texts: Sequence[str]) -> list[int]:
        """What `count` gives of each text, in the order given."""


@runtime_checkable
class ReadingEncoder(Encoder, Reader, Protocol):
    """An encoder that reads as well, at the price of one."""

    def encode_and_read(self, texts: Sequence[str]) -> tuple[Vectors, list[Reading]]:
        """What `encode` and `read` give."""


class LLM(Protocol):
    """Messages to a reply, in pieces."""

    @property
    def model(self) -> str:
        """The model's name, as the provider knows it."""

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The reply as it comes; raises ProviderError, never ends early in silence."""
