"""An answer -> what llama-index's evaluators say of it, over our own port.

Their own verdict is "the reply contains yes", so that a refusal to judge counts as a no and a
"yesterday" as a yes. Here the reply itself is read, and what is unclear is kept as unparsable.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assistant.clean import for_prompt
from assistant.prompts import new_fence
from assistant.schema import LLM
from evals.llm_judge import MAX_TOKENS, Papers
from evals.llm_judge_replies import UNPARSABLE, YES_NO, score_of, verdict_of
from evals.row import Judgement, Row

if TYPE_CHECKING:
    from llama_index.core.evaluation import EvaluationResult

_CORRECT_FROM = 4.0
_REPLY_KEPT = 2_000


class LlamaJudges:
    """Faithfulness, relevancy and, where there is a reference, correctness."""

    @property
    def id(self) -> str:
        """The library and its version: its prompts come with it."""
        from importlib.metadata import version

        return f"llama-index-core/{version('llama-index-core')}"

    def judge(self, row: Row, papers: Papers, llm: LLM) -> Iterator[Judgement]:
        """Up to three judgements of the answer as a whole."""
        from llama_index.core.evaluation import (
            CorrectnessEvaluator,
            FaithfulnessEvaluator,
            RelevancyEvaluator,
        )

        from assistant.interop import PortLLM

        model, fence = PortLLM(llm, max_tokens=MAX_TOKENS), new_fence()
        asked: dict[str, Any] = {
            "query": for_prompt(row.standalone_question or row.sample.question, fence),
            "response": for_prompt(row.text, fence),
        }
        contexts = [
            for_prompt(f"{title}. {papers[title].abstract}", fence)
            for title in row.shown
            if title in papers
        ]
        for measure, evaluator in (
            ("faithfulness", FaithfulnessEvaluator(llm=model)),
            ("relevancy", RelevancyEvaluator(llm=model)),
        ):
            result = evaluator.evaluate(**asked, contexts=contexts)
            yield _yes_or_no(llm.model, measure, result)
        if row.sample.reference:
            scorer = CorrectnessEvaluator(
                llm=model, parser_function=_whole, score_threshold=_CORRECT_FROM
            )
            result = scorer.evaluate(**asked, reference=row.sample.reference)
            yield _correctness(llm.model, result)


def _whole(reply: str) -> tuple[float | None, str]:
    """Our reading of a score in place of theirs, which fails on a reply of one line."""
    return score_of(reply), reply


def _yes_or_no(judge: str, measure: str, result: "EvaluationResult") -> Judgement:
    reply = result.feedback or ""
    verdict = verdict_of(reply, YES_NO)
    score = None if verdict == UNPARSABLE else float(verdict == "yes")
    return Judgement(judge, measure, verdict, score, None, reply[:_REPLY_KEPT])


def _correctness(judge: str, result: "EvaluationResult") -> Judgement:
    reply, score = result.feedback or "", result.score
    verdict = UNPARSABLE if score is None else "yes" if score >= _CORRECT_FROM else "no"
    return Judgement(judge, "correctness", verdict, score, None, reply[:_REPLY_KEPT])
