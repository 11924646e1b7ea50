"""Settings -> working parts: the only module that knows them all."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any, NamedTuple, Self

from assistant import config, floor, least
from assistant.assembled import assembled
from assistant.cache import Answers, Asked, KeptJudge, Shelf
from assistant.catalog import Catalog
from assistant.config import EMBEDDED, Settings
from assistant.encoder import MiniLM, OpenAIEncoder
from assistant.errors import CatalogError, IndexMissing, Locked, StoreError, UsageError
from assistant.generation import Index, Remote, Server, connected
from assistant.generation import open_index as open_generation
from assistant.indexer import Indexer, IndexReport, Progress
from assistant.mentions import Mention, mentions
from assistant.news import News
from assistant.owntext import verify_against
from assistant.prompts import Prompts
from assistant.rag import Pipeline, SearchResult
from assistant.readings import Readings
from assistant.records import Source
from assistant.retriever import Retriever
from assistant.schema import LLM, Encoder, Filters, ScoredPaper, Sentence, Turn
from assistant.stream import AnswerStream
from assistant.upkeep.corpora import CATALOG, chosen, names
from assistant.upkeep.keeping import Kept
from assistant.verify import Judge

__all__ = ["CATALOG", "AnswerStream", "Assistant"]

_EMBEDDING_MODEL = "text-embedding-3-small"
_FOLLOW_S = 1.0
_NO_FILTERS = Filters()


class _Open(NamedTuple):
    """The index that is open, what lets go of it, and the pipeline over it."""

    opened: Index
    let_go: Callable[[], object]
    parts: Pipeline


class Assistant(Kept):
    """Answers questions over a corpus; open one with `Assistant.open()`."""

    def __init__(
        self, settings: Settings, encoder: Encoder | None = None, llm: LLM | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        self._encoder_given = encoder
        self._llm_given = llm
        self._lock = RLock()
        self._pipeline: _Open | None = None
        self._look_again = 0.0
        self._others: dict[str, LLM] = {}
        self._first: Assistant | None = None
        """The assistant whose models this one uses, over another corpus."""
        self._beside: dict[str, tuple[int, Assistant]] = {}

    @classmethod
    def open(cls, config_file: Path | None = None, *, settings: Settings | None = None) -> Self:
        """An assistant as configured; nothing is read before it is needed."""
        least.check()
        return cls(settings or config.load(config_file))

    def corpus(self, name: str | None) -> "Assistant":
        """The assistant over the corpus of that name, with the same models; for none, this one."""
        settings = self.settings if name is None else chosen(self.settings, name)
        if settings.corpus.name == self.settings.corpus.name:
            return self
        if self._first:
            return self._first.corpus(name)
        place = (settings.data.folder / CATALOG).stat()
        with self._lock:
            known = self._beside.get(settings.corpus.name)
            if known is None or known[0] != place.st_ino:
                # One that was removed and made again is another.
                beside = Assistant(settings, self._encoder_given, self._llm_given)
                beside._first = self
                known = self._beside[settings.corpus.name] = (place.st_ino, beside)
            return known[1]

    def corpora(self) -> list[str]:
        """The names of the corpora that there are, the default one first."""
        return names(self.settings)

    def close(self) -> None:
        """Let go of catalog, index and model."""
        with self._lock:
            while self._beside:
                self._beside.popitem()[1][1].close()
            if self._pipeline:
                self._pipeline.let_go()
                self._pipeline = None
            if shelf := self.__dict__.get("_shelf"):
                shelf.close()
            if "catalog" in self.__dict__:
                self.catalog.close()
                del self.__dict__["catalog"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filters: Filters = _NO_FILTERS,
        top_k: int | None = None,
        model: str | None = None,
        fresh: bool = False,
    ) -> AnswerStream:
        """The answer to `question`, as a stream that ends in one verified `Answer`.

        `model` is one of `models()`, or none for the first of them; a `fresh` answer is none that
        was given before.
        """

        def made() -> AnswerStream:
            parts = self._parts()
            if model is not None:
                parts = parts.answered_by(self._llm_of(model))
            return parts.ask(question, history=history, filters=filters, top_k=top_k)

        with self._lock:
            self._follow()
        asked = Asked(question, tuple(history), filters, top_k, model)
        return self._answers.stream(asked, made, fresh=fresh, sound=lambda: not self.trouble)

    def models(self) -> tuple[str, ...]:
        """Who can answer, whoever does so unasked first; "embedded" quotes."""
        # Who answers can be told without a key; a server of one's own names its model when asked.
        made = self._llm_given or self.__dict__.get("_llm")
        default = made.model if made else self.settings.answering_model
        return tuple(dict.fromkeys([default, *self.settings.answer.models, EMBEDDED]))

    def search(
        self, question: str, *, filters: Filters = _NO_FILTERS, top_k: int = 10
    ) -> SearchResult:
        """The papers nearest to `question`, best first."""
        return self._parts().search(question, filters=filters, top_k=top_k)

    def new(
        self, topic: str, since: str, *, filters: Filters = _NO_FILTERS, limit: int = 10
    ) -> list[ScoredPaper]:
        """The papers on `topic` since a date, the newest first; none where none is on it."""
        return self._parts().new(News(topic, since), limit, filters)

    def first(self, term: str, *, as_of: str | None = None, limit: int = 10) -> list[Mention]:
        """The papers that mention `term`, the earliest first."""
        return mentions(self.catalog, term, as_of)[:limit]

    def verify(
        self, text: str, *, sources: Sequence[Source] | None = None, as_of: str | None = None
    ) -> tuple[Sentence, ...]:
        """Every sentence of `text` with its verdict: from `sources` alone, or from the corpus."""
        if sources is None:
            return self._parts().verify(text, as_of=as_of)
        return verify_against(text, sources, self._minilm, self._judge)

    def ensure_indexed(self, progress: Progress | None = None) -> IndexReport | None:
        """Index the configured corpus where nothing is indexed yet."""
        if self._server and self.catalog.meta("generation") is None:
            # Another machine may have filled the server.
            with connected(self._server, self._encoder.identity) as store:
                self._indexer().follow(store)
        return super().ensure_indexed(progress)

    @cached_property
    def catalog(self) -> Catalog:
        """What is known of papers."""
        return Catalog.open(self.settings.data.folder / CATALOG)

    @cached_property
    def prompts(self) -> Prompts:
        """The words for the model."""
        return Prompts.load(config.resource("prompts"))

    def _indexer(self) -> Indexer:
        folder, readings = self.settings.data.folder, Readings(self.catalog, self._minilm)
        return Indexer(self.catalog, self._encoder, folder, self._server, readings)

    def _parts(self) -> Pipeline:
        """The pipeline over the generation in use; a new one as soon as the pointer moves."""
        with self._lock:
            self._follow()
            generation = self.catalog.meta("generation")
            if self._pipeline is None or self._pipeline.opened.generation != generation:
                index = self._opened(self._pipeline.opened if self._pipeline else None)
                retriever = self._retriever(index)
                # Who asked the one before may still be reading it.
                let_go = weakref.finalize(retriever, index.close)
                self._pipeline = _Open(index, let_go, self._built(retriever))
            return self._pipeline.parts

    def _follow(self) -> None:
        """Take over what another machine changed on the server; looked for once a second."""
        if self._server is None or monotonic() < self._look_again:
            return
        self._look_again = monotonic() + _FOLLOW_S
        open_ = self._pipeline.opened.store if self._pipeline else None
        store = open_.connected() if isinstance(open_, Remote) else None
        # Where the server is away, or somebody indexes here, what there is must do.
        with suppress(StoreError):
            if store:
                self._indexer().follow(store)
            elif open_ is None:
                with connected(self._server, self._encoder.identity) as store:
                    self._indexer().follow(store)

    @property
    def trouble(self) -> str:
        """What keeps answers from being as good as they could be; empty where nothing does."""
        return self._pipeline.opened.trouble if self._pipeline else ""

    def reach_server(self) -> None:
        """Raise where the Chroma server that is set cannot be used."""
        if self._server:
            connected(self._server, self._encoder.identity).close()

    def _indexed(self) -> None:
        # Questions to a server of embeddings would be paid for, unasked.
        is_ours = self.settings.encoder.kind == "minilm" and not self._encoder_given
        if is_ours and not self._server and floor.is_due(self.catalog):
            with suppress(StoreError):
                self._parts().fit_floor()

    def _opened(self, before: Index | None = None) -> Index:
        """The index; one that is damaged is made again out of the catalog first."""
        place = (self.catalog, self.settings.data.folder, self._encoder.identity, self._server)
        try:
            return open_generation(*place, before)
        except (CatalogError, IndexMissing, Locked):
            raise
        except StoreError:
            if self._server:
                raise
            with self._indexing:
                self._indexer().rebuild(_quiet)
        return open_generation(*place)

    def _retriever(self, index: Index) -> Retriever:
        readings, chosen = Readings(self.catalog, self._minilm), self.settings.retrieval
        return Retriever(
            self.catalog,
            index,
            self._encoder,
            readings,
            candidates=chosen.candidates,
            dense_weight=chosen.dense_weight,
        )

    def _built(self, retriever: Retriever) -> Pipeline:
        return assembled(
            self.settings,
            retriever,
            self._judge,
            self.prompts,
            self._llm,
            corpus=self.catalog.fingerprint(),
            encoder=str(self._encoder.identity),
        )

    @cached_property
    def _minilm(self) -> MiniLM:
        return self._first._minilm if self._first else MiniLM()

    @cached_property
    def _judge(self) -> Judge:
        if self._first:
            return self._first._judge
        place = (self._minilm, self.settings.verify.threshold)
        if self._shelf is None:
            return Judge(*place)
        return KeptJudge(*place, self._shelf, self.settings.encoder)

    @cached_property
    def _shelf(self) -> Shelf | None:
        return Shelf.of(self.settings)

    @property
    def _answers(self) -> Answers:
        given = bool(self._llm_given)
        return Answers(self._shelf, self.settings, self.catalog, self.prompts, given=given)

    @cached_property
    def _encoder(self) -> Encoder:
        if self._encoder_given:
            return self._encoder_given
        chosen = self.settings.encoder
        if chosen.kind == "minilm":
            return self._minilm
        key = self.settings.keys.openai
        return OpenAIEncoder(
            chosen.model or _EMBEDDING_MODEL, chosen.base_url or None, key or "none"
        )

    @cached_property
    def _llm(self) -> LLM | None:
        if self._first:
            return self._first._llm
        if self._llm_given or self.settings.mode == EMBEDDED:
            return self._llm_given
        return self._llm_called(self.settings.answering_model)

    def _llm_of(self, model: str) -> LLM | None:
        if model == EMBEDDED:
            return None
        if model == self.models()[0]:
            return self._llm
        if model not in self.settings.answer.models:
            known = ", ".join(filter(None, self.models()))
            raise UsageError(
                f"no model {model!r} here: choose one of {known}, or add it to answer.models"
            )
        with self._lock:
            return self._others.setdefault(model, self._llm_called(model))

    def _llm_called(self, model: str) -> LLM:
        from assistant.llm.configured import configured

        return configured(self.settings, model)

    @property
    def _server(self) -> Server | None:
        if not self.settings.store.url:
            return None
        name, key = self.settings.corpus.name, self.settings.keys.chroma
        server = Server(self.settings.store.url, api_key=key.get_secret_value() if key else "")
        return server._replace(collection=f"assistant-{name}") if name else server


def _quiet(*_: Any) -> None:
    """Tell nobody."""
