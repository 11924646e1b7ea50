"""What can be set, and what each value may be; the values themselves stand in config.toml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from assistant.clean import at_entry

EMBEDDED = "embedded"
DEFAULT = "default"
"""What the corpus without a name is called."""
CORPORA = "corpora"
"""The folder, in the data folder, of the corpora that have names."""
UPLOADS = "uploads"
"""The folder, in the data folder, of what was dropped onto the page."""


def _address(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("should be empty or start with http:// or https://")
    if "@" in url:
        raise ValueError("should hold no user name or password; keys stand in the environment")
    return url


_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9_-])?")


def corpus_name(text: str) -> str:
    """The name of a corpus as it is kept; empty for the default one.

    >>> corpus_name("ICLR-2024"), corpus_name("default")
    ('iclr-2024', '')
    """
    name = at_entry(text).text.strip().lower()
    if name in ("", DEFAULT):
        return ""
    if not _NAME.fullmatch(name):
        raise ValueError("should be of letters, digits and hyphens, 64 at most")
    return name


Url = Annotated[str, AfterValidator(_address)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Corpus(Section):
    """Where the papers are."""

    name: Annotated[str, AfterValidator(corpus_name)] = ""
    paths: tuple[Path, ...] = Field(min_length=1)


class Data(Section):
    """Where catalog and index are."""

    folder: Path


class EncoderSettings(Section):
    """What turns texts into vectors."""

    kind: Literal["minilm", "openai"]
    model: str
    base_url: Url


class Store(Section):
    """Where the vectors are searched."""

    url: Url


class Retrieval(Section):
    """How papers are found."""

    top_k: int = Field(ge=1, le=100)
    candidates: int = Field(ge=1, le=10_000)
    dense_weight: Share


class AnswerSettings(Section):
    """Who writes the answer, and how long it may be."""

    model: str
    default_model: str = Field(min_length=1)
    models: tuple[str, ...]
    base_url: Url
    api_version: str
    max_tokens: int = Field(ge=1)
    context_tokens: int = Field(ge=500)
    temperature: float = Field(ge=0, le=2)
    timeout_s: float = Field(gt=0)
    max_retries: int = Field(ge=0, le=10)
    max_words: int = Field(ge=10)
    samples: int = Field(ge=1, le=10)
    repairs: int = Field(ge=0, le=3)
    unsupported: Literal["mark", "strike"]
    tokens_per_day: int = Field(ge=0)

    @field_validator("samples")
    @classmethod
    def _samples_differ(cls, samples: int, given: ValidationInfo) -> int:
        if samples > 1 and given.data.get("temperature") == 0:
            raise ValueError("should be 1 where answer.temperature is 0: all replies are the same")
        return samples


class RefusalSettings(Section):
    """When to decline."""

    floor: Share
    stated_floor: Share


class VerifySettings(Section):
    """When a sentence counts as supported."""

    threshold: Share


class CacheSettings(Section):
    """What is kept of answers and verdicts."""

    size_mb: int = Field(ge=0, le=100_000)


class ServerSettings(Section):
    """Where the chat page and the address for programs are, and how much they take on."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    user: str = Field(min_length=1)
    open: bool
    names: tuple[str, ...]
    concurrent: int = Field(ge=1, le=256)
    waiting: int = Field(ge=0, le=10_000)
    upload_mb: int = Field(ge=1, le=1024)
    body_kb: int = Field(ge=16, le=102_400)
    per_minute: int = Field(ge=0)
    per_session: int = Field(ge=0)
    failed_logins: int = Field(ge=1, le=1000)


class Keys(Section):
    """Secrets; they come from the environment alone."""

    openai: SecretStr | None = None
    azure: SecretStr | None = None
    chroma: SecretStr | None = None
    """What the server of `store.url` asks for."""
    token: SecretStr | None = None
    """What a program must send to our own address."""
    password: SecretStr | None = None
    """What a person must type before the page."""


class Settings(Section):
    """Everything that can be set; made by `load`."""

    corpus: Corpus
    data: Data
    encoder: EncoderSettings
    store: Store
    retrieval: Retrieval
    answer: AnswerSettings
    refusal: RefusalSettings
    verify: VerifySettings
    cache: CacheSettings
    server: ServerSettings
    keys: Keys = Keys()
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def root(self) -> Path:
        """The data folder of the default corpus; the others stand in it."""
        return self.data.folder.parents[1] if self.corpus.name else self.data.folder

    def of_corpus(self, name: str) -> Self:
        """The same settings for the corpus of that name; its data lie in a folder of their own."""
        name = corpus_name(name)
        folder = self.root / CORPORA / name if name else self.root
        chosen = self.model_copy(
            update={
                "corpus": self.corpus.model_copy(update={"name": name}),
                "data": self.data.model_copy(update={"folder": folder}),
            }
        )
        chosen._sources = {**self._sources, "corpus.name": ""}
        return chosen

    @property
    def has_own_paths(self) -> bool:
        """Whether `corpus.paths` is meant for the corpus in use, and not for the default one."""
        name, paths = (self._sources.get(f"corpus.{key}", "") for key in ("name", "paths"))
        same_file = name.rpartition(":")[0] == paths.rpartition(":")[0] != ""
        return not self.corpus.name or same_file

    @property
    def api_key(self) -> SecretStr | None:
        """The key of the server that answers: Azure's where `answer.api_version` is set."""
        return self.keys.azure if self.answer.api_version else self.keys.openai

    @property
    def mode(self) -> Literal["embedded", "model"]:
        """Whether answers are quoted ("embedded") or written by a model."""
        answer = self.answer
        if answer.model == EMBEDDED or not (answer.model or answer.base_url or self.api_key):
            return "embedded"
        return "model"

    @property
    def answering_model(self) -> str:
        """The model to ask; empty for the first that a server of one's own lists."""
        if self.mode == EMBEDDED:
            return EMBEDDED
        return self.answer.model or ("" if self.answer.base_url else self.answer.default_model)
