"""The catalog's chunks and papers -> a sealed pair of indexes, open to be searched."""

from assistant.generation.building import Generations, Progress
from assistant.generation.index import FORMAT, Index, Server, open_index, refuse_mismatch

__all__ = [
    "FORMAT",
    "Generations",
    "Index",
    "Progress",
    "Server",
    "open_index",
    "refuse_mismatch",
]
