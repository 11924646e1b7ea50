"""Settings -> the model that answers, within its tokens a day."""

from assistant.budget import Budgeted, Ledger
from assistant.config import Settings
from assistant.llm.client import OpenAILLM
from assistant.schema import LLM


def configured(settings: Settings, model: str) -> LLM:
    """The model of that name on the server that the settings name."""
    answer, key = settings.answer, settings.api_key
    llm = OpenAILLM(
        model,
        base_url=answer.base_url or None,
        api_key=key.get_secret_value() if key else None,
        api_version=answer.api_version or None,
        timeout_s=answer.timeout_s,
        max_retries=answer.max_retries,
        temperature=answer.temperature,
    )
    if not answer.tokens_per_day:
        return llm
    return Budgeted(llm, Ledger(settings.root, answer.tokens_per_day))
