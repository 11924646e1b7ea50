"""Chunks by nearness: a Chroma collection that holds our vectors, here or on a server."""

from assistant.store.collection import Store

__all__ = ["Store"]
