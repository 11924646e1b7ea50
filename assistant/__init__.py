"""Question answering over paper abstracts; every sentence is cited and verified.

>>> from assistant import Assistant  # doctest: +SKIP
>>> Assistant.open().ask("How is TinyViT distilled?").answer().text  # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

# Our matrices are small: threads that wait for one another do three times the work. It has to
# stand before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from assistant.build import Assistant

__all__ = ["Assistant"]


def __getattr__(name: str) -> Any:
    # The parts take a second to import, and `assistant --help` needs none of them.
    if name == "Assistant":
        from assistant.build import Assistant

        return Assistant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
