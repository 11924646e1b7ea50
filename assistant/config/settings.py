"""What can be set, and what each value may be; the values themselves stand in config.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

EMBEDDED = "embedded"
UPLOADS = "uploads"
"""The folder, in the data folder, of what was dropped onto the page."""


def _address(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("should be empty or start with http:// or https://")
    if "@" in url:
        raise ValueError("should hold no user name or password; keys stand in OPENAI_API_KEY")
    return url


Url = Annotated[str, AfterValidator(_address)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Corpus(Section):
    """Where the papers are."""

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


class RefusalSettings(Section):
    """When to decline."""

    floor: Share
    stated_floor: Share


class VerifySettings(Section):
    """When a sentence counts as supported."""

    threshold: Share


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


class Keys(Section):
    """Secrets; they come from the environment alone."""

    openai: SecretStr | None = None
    azure: SecretStr | None = None
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
    server: ServerSettings
    keys: Keys = Keys()
    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

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
