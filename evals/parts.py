"""Settings -> the parts that are measured, with the fitted models left open."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

from assistant import answerability, config
from assistant.blended import Blended
from assistant.build import Assistant
from assistant.catalog import Catalog
from assistant.config import Settings
from assistant.encoder import MODELS, MiniLM
from assistant.generation import Index, open_index
from assistant.prompts import Prompts
from assistant.rag import Limits, Models, Pipeline, SearchResult
from assistant.readings import Readings
from assistant.relevance import Relevance
from assistant.retriever import Retriever
from assistant.schema import Filters, Receipt, Turn
from assistant.stream import AnswerStream
from assistant.verify import Judge

NO_FILTERS = Filters()


class Answerer(Protocol):
    """What is measured: an Assistant, a Pipeline, or one of them with a fault planted."""

    def ask(
        self, question: str, *, history: Sequence[Turn] = (), filters: Filters = NO_FILTERS
    ) -> AnswerStream:
        """The answer to `question`."""

    def search(
        self, question: str, *, filters: Filters = NO_FILTERS, top_k: int = 10
    ) -> SearchResult:
        """The papers nearest to `question`."""


class Fitted(NamedTuple):
    """The two models that evals/fit.py makes."""

    quoting: Relevance
    refusal: Blended


def shipped(folder: Path = MODELS) -> Fitted:
    """The models that the package carries."""
    return Fitted(
        Relevance.load(folder / "quoting.json"),
        Blended.load(folder / "refusal.json", answerability.FEATURES),
    )


@contextmanager
def opened(
    folder: Path | None = None,
    model: str | None = None,
    base_url: str | None = None,
    file: Path | None = None,
) -> Iterator[Assistant]:
    """The assistant over the configured corpus, indexed in `folder` or in a passing one.

    With neither a model nor an address it is the embedded default, whatever is configured.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        flags = {
            "data.folder": str(folder or passing),
            "answer.model": (model or "") if model or base_url else config.EMBEDDED,
            "encoder.kind": "minilm",
            "store.url": "",
            # What is measured is made anew.
            "cache.size_mb": 0,
        }
        if model or base_url:
            flags["answer.base_url"] = base_url or ""
        with Assistant.open(settings=config.load(file, flags=flags)) as assistant:
            assistant.ensure_indexed()
            yield assistant


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a pipeline is made of but the fitted models."""

    settings: Settings
    catalog: Catalog
    index: Index
    readings: Readings
    retriever: Retriever
    prompts: Prompts

    def pipeline(self, fitted: Fitted, judge: Judge | None = None) -> Pipeline:
        """The embedded default as `fitted` makes it; another judge can be handed in."""
        limits = Limits.of(self.settings)
        reader = self.readings.reader
        judge = judge or Judge(reader, self.settings.verify.threshold)
        receipt = Receipt(
            self.catalog.fingerprint()[:16],
            self.prompts.sha256[:16],
            str(reader.identity),
            config.version(),
        )
        models = Models(fitted.quoting, fitted.refusal, judge)
        return Pipeline(self.retriever, self.readings, models, limits, self.prompts, receipt)


@contextmanager
def taken_apart(assistant: Assistant) -> Iterator[Parts]:
    """The parts of an indexed assistant, put together as assistant/build.py does."""
    settings, catalog, encoder = assistant.settings, assistant.catalog, MiniLM()
    readings = Readings(catalog, encoder)
    with open_index(catalog, settings.data.folder, encoder.identity) as index:
        retriever = Retriever(
            catalog,
            index,
            encoder,
            readings,
            candidates=settings.retrieval.candidates,
            dense_weight=settings.retrieval.dense_weight,
        )
        yield Parts(settings, catalog, index, readings, retriever, assistant.prompts)
