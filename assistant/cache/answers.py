"""A question, and all that decides its answer -> the answer that was given before."""

import hashlib
from collections.abc import Callable, Generator
from dataclasses import asdict, replace
from functools import cache
from time import perf_counter
from typing import NamedTuple

from pydantic import SecretStr, TypeAdapter, ValidationError

from assistant import journal
from assistant.cache.keys import key_of, program
from assistant.cache.shelf import Shelf
from assistant.catalog import Catalog
from assistant.config import EMBEDDED, Settings, version
from assistant.prompts import Prompts
from assistant.schema import Answer, Filters, Sentence, Turn, Usage
from assistant.stream import AnswerStream

# What decides an answer; `answer.base_url` and the like are among them.
_SECTIONS = {"retrieval", "answer", "refusal", "verify", "encoder", "store"}


class Asked(NamedTuple):
    """A question as it was put."""

    question: str
    history: tuple[Turn, ...]
    filters: Filters
    top_k: int | None
    model: str | None


class Answers:
    """Answers over one catalog, by everything that decides them."""

    def __init__(
        self,
        shelf: Shelf | None,
        settings: Settings,
        catalog: Catalog,
        prompts: Prompts,
        *,
        given: bool = False,
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._given = given
        """Whether the usual model was handed in, and the settings do not say which it is."""
        self._catalog = catalog
        self._prompts = prompts

    def stream(
        self,
        asked: Asked,
        made: Callable[[], AnswerStream],
        *,
        fresh: bool,
        sound: Callable[[], bool],
    ) -> AnswerStream:
        """The answer that is kept, or the one that `made` begins, which is kept if it is `sound`.

        A `fresh` one is made in any case, and takes the place of what was kept.
        """
        started, key = perf_counter(), self.key(asked)
        if key is None or self._shelf is None:
            return made()
        if not fresh and (answer := _read(self._shelf.get(key))):
            return AnswerStream(_again(answer, started))
        return AnswerStream(self._keeping(asked, key, made(), sound))

    def key(self, asked: Asked) -> bytes | None:
        """Stands for the question and all that decides its answer; none where that is not known."""
        model = asked.model or self._settings.answering_model
        # A server's own first model may be another one tomorrow.
        if self._shelf is None or not model or (self._given and asked.model != EMBEDDED):
            return None
        if (corpus := self._corpus()) is None:
            return None
        return key_of(
            "answer",
            (program(), version(), self._prompts.sha256),
            corpus,
            (model, self._chosen()),
            (asked.question, asked.history, asdict(asked.filters), asked.top_k),
        )

    def _corpus(self) -> tuple[object, ...] | None:
        """Stands for what the index holds; none while there is none, or it lags behind."""
        catalog = self._catalog
        generation = catalog.meta("generation")
        if generation is None or journal.has_stale(catalog.database):
            return None
        contents = catalog.meta("contents") or catalog.fingerprint()
        place = catalog.database.path.stat().st_ino
        return generation, contents, catalog.meta("encoder"), catalog.meta("floor"), place

    def _chosen(self) -> object:
        """The settings, secrets as their hashes."""
        secrets = (self._settings.keys.openai, self._settings.keys.azure)
        keys = [_hashed(secret) for secret in secrets]
        return self._settings.model_dump(mode="json", include=_SECTIONS), keys

    def _keeping(
        self, asked: Asked, key: bytes, stream: AnswerStream, sound: Callable[[], bool]
    ) -> Generator[str | Sentence, None, Answer]:
        try:
            yield from stream.parts()
            answer = stream.answer()
        finally:
            stream.close()
        # What changed meanwhile may have had a say.
        if self._shelf and sound() and self.key(asked) == key:
            self._shelf.put(key, _values().dump_json(answer))
        return answer


@cache
def _values() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)


def _read(raw: bytes | None) -> Answer | None:
    try:
        return None if raw is None else _values().validate_json(raw)
    except ValidationError:
        return None


def _again(answer: Answer, started: float) -> Generator[str | Sentence, None, Answer]:
    """The whole text at once; what a model took was paid for before."""
    yield answer.text
    usage = answer.usage if answer.model == EMBEDDED else Usage()
    took = (perf_counter() - started) * 1000
    return replace(answer, usage=usage, timings_ms={"cache": took, "total": took}, cached=True)


def _hashed(secret: SecretStr | None) -> str:
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest() if secret else ""
