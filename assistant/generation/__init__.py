"""The catalog's chunks and papers -> a sealed pair of indexes, open to be searched."""

from assistant.generation.building import Generations, Progress
from assistant.generation.index import (
    FORMAT,
    Index,
    Server,
    connected,
    open_index,
    refuse_mismatch,
)
from assistant.generation.remote import Remote

__all__ = [
    "FORMAT",
    "Generations",
    "Index",
    "Progress",
    "Remote",
    "Server",
    "connected",
    "open_index",
    "refuse_mismatch",
]
