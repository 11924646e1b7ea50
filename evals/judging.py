"""What `--judge` says -> who holds the answers against the abstracts."""

from dataclasses import dataclass

from assistant.build import Assistant
from assistant.config import EMBEDDED
from assistant.errors import UsageError
from assistant.schema import LLM
from evals.cache import key_of
from evals.llm_judge import ClaimJudge, Judges
from evals.llm_judge_llama import LlamaJudges
from evals.local_judge import LocalJudge

CHOICES = ("local", "model", "both")


@dataclass(frozen=True, slots=True)
class Judging:
    """The judges of a run."""

    is_local: bool
    judges: tuple[Judges, ...] = ()
    llm: LLM | None = None

    @classmethod
    def of(
        cls,
        assistant: Assistant,
        choice: str = "local",
        model: str | None = None,
        base_url: str | None = None,
    ) -> "Judging":
        """The judges chosen; a model is the answerer's own unless another is named."""
        if choice == "local":
            return cls(True)
        judges: tuple[Judges, ...] = (ClaimJudge(), LlamaJudges())
        return cls(choice == "both", judges, judging_model(assistant, model, base_url))

    @property
    def id(self) -> str:
        """What must be equal for two verdicts of these judges to be comparable."""
        return key_of([judge.id for judge in self.judges], self.llm.model if self.llm else "")

    @property
    def names(self) -> list[str]:
        """The judges, as a report names them."""
        return [*(["local"] if self.is_local else []), *(judge.id for judge in self.judges)]

    def local(self, assistant: Assistant) -> LocalJudge | None:
        """Our own judge over the papers of `assistant`."""
        return LocalJudge.of(assistant) if self.is_local else None


def judging_model(assistant: Assistant, model: str | None, base_url: str | None) -> LLM:
    """The model that judges."""
    from assistant.llm import OpenAILLM

    settings = assistant.settings
    answering = settings.answering_model
    name = model or ("" if answering == EMBEDDED else answering)
    url = base_url or settings.answer.base_url
    if not name and not url:
        raise UsageError("--judge model needs --judge-model, or --judge-base-url of a server")
    key = settings.api_key
    llm = OpenAILLM(
        name,
        base_url=url or None,
        api_key=key.get_secret_value() if key else None,
        api_version=settings.answer.api_version or None,
        timeout_s=settings.answer.timeout_s,
        max_retries=settings.answer.max_retries,
        temperature=0.0,
    )
    if not llm.model:
        # The cache and the report go by the name.
        llm.model = next(iter(llm.list_models()), "")
    return llm
