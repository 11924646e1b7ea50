"""Texts -> unit vectors: the shipped MiniLM, or a server that speaks OpenAI's protocol."""

from assistant.encoder.minilm import MODELS, MiniLM
from assistant.encoder.remote import OpenAIEncoder

__all__ = ["MODELS", "MiniLM", "OpenAIEncoder"]
