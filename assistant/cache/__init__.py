"""What was asked -> what was made of it before: answers and verdicts, kept on the disk."""

from assistant.cache.answers import Answers, Asked
from assistant.cache.shelf import Shelf
from assistant.cache.verdicts import KeptJudge

__all__ = ["Answers", "Asked", "KeptJudge", "Shelf"]
