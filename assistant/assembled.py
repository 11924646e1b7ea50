"""A retriever, a judge and a model -> the pipeline over them, as the settings have it."""

from assistant import answerability, config
from assistant.blended import Blended
from assistant.config import Settings
from assistant.encoder import MODELS
from assistant.prompts import Prompts
from assistant.rag import Limits, Models, Pipeline
from assistant.relevance import Relevance
from assistant.retriever import Retriever
from assistant.schema import LLM, Receipt
from assistant.verify import Judge

_HASH = 16


def assembled(
    settings: Settings,
    retriever: Retriever,
    judge: Judge,
    prompts: Prompts,
    llm: LLM | None,
    *,
    corpus: str,
    encoder: str,
) -> Pipeline:
    """The parts, put together; `corpus` and `encoder` stand for what was indexed, and by whom."""
    models = Models(
        Relevance.load(MODELS / "quoting.json"),
        Blended.load(MODELS / "refusal.json", answerability.FEATURES),
        judge,
    )
    receipt = Receipt(corpus[:_HASH], prompts.sha256[:_HASH], encoder, config.version())
    limits = Limits.of(settings)
    return Pipeline(retriever, retriever.readings, models, limits, prompts, receipt, llm)
