"""Question answering over paper abstracts; every sentence is cited and verified.

>>> from assistant import Assistant  # doctest: +SKIP
>>> Assistant.open().ask("How is TinyViT distilled?").answer().text  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.build import Assistant

__all__ = ["Assistant"]


def __getattr__(name: str) -> Any:
    # The parts take a second to import, and `assistant --help` needs none of them.
    if name == "Assistant":
        from assistant.build import Assistant

        return Assistant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
