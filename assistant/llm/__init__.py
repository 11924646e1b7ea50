"""Messages to pieces of text: a language model behind an OpenAI-compatible server."""

from assistant.llm.client import OpenAILLM, complete
from assistant.llm.report import ServerReport, check_server

__all__ = ["OpenAILLM", "ServerReport", "check_server", "complete"]
