"""The name of a corpus, as the page's choice gives it -> the assistant over it, and what is its."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from assistant.config import DEFAULT
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.build import Assistant

T = TypeVar("T")


def over(assistant: "Assistant", name: str | None) -> "Assistant":
    """The assistant over the corpus of that name; the usual one where there is none."""
    return assistant.corpus(name) if name else assistant


def usual(assistant: "Assistant") -> str:
    """The name of the corpus that is shown first."""
    return assistant.settings.corpus.name or DEFAULT


def catalog_of(assistant: "Assistant", name: str | None) -> Any:
    """The catalog of a corpus; one that is there no more holds nothing."""
    try:
        return over(assistant, name).catalog
    except AssistantError:
        return _Gone()


class Each(Generic[T]):
    """One of a thing for each corpus, made when it is first asked for."""

    def __init__(self, assistant: "Assistant", make: "Callable[[Assistant], T]") -> None:
        self._assistant, self._make = assistant, make
        self._made: dict[str | None, tuple[Assistant, T]] = {}
        self._lock = Lock()

    def of(self, name: str | None) -> T:
        """The one of that corpus; a corpus made again under its name has a new one."""
        assistant = over(self._assistant, name)
        with self._lock:
            known = self._made.get(name)
            if known is None or known[0] is not assistant:
                known = self._made[name] = (assistant, self._make(assistant))
            return known[1]


class _Gone:
    """The catalog of a corpus that was removed."""

    def papers(self, _ids: object) -> list[Any]:
        """None any more."""
        return []
