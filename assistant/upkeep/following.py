"""Files and folders -> a word each time that papers in them may have changed."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

_PASSING = ("~", ".swp", ".swx", ".tmp", ".part", ".crdownload")
"""How names end that editors and browsers use on the way to a file."""
_SETTLED_MS = 300
_AT_MOST_MS = 3_000
_LOOKS_UP_MS = 1_000
_TERMINATED = 143


def changes(paths: Sequence[Path]) -> Iterator[bool]:
    """True once changed files have been quiet for a moment; False every second without a change.

    Ctrl-C raises KeyboardInterrupt here, SIGTERM SystemExit.
    """
    from watchfiles import watch

    terminated = Event()
    watching = watch(
        *_watched(paths),
        watch_filter=_Wanted(paths),
        debounce=_AT_MOST_MS,
        step=_SETTLED_MS,
        rust_timeout=_LOOKS_UP_MS,
        yield_on_timeout=True,
        stop_event=terminated,
        ignore_permission_denied=True,
    )
    while True:
        # The library would take any signal for Ctrl-C.
        with _noting(terminated):
            found = next(watching, None)
        if found is None:
            raise SystemExit(_TERMINATED)
        yield bool(found)


def _watched(paths: Sequence[Path]) -> list[Path]:
    """Folders alone: editors put a new file where the old one was."""
    return list(dict.fromkeys(map(_folder_of, paths)))


def _folder_of(path: Path) -> Path:
    """The folder itself, or the nearest one that is there above a file or a pattern."""
    return next(place for place in (path, *path.absolute().parents) if place.is_dir())


class _Wanted:
    """Whether a change is of a file that may be read."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = {path.resolve() for path in paths if path.is_file()}
        self._folders = [_folder_of(path).resolve() for path in paths if not path.is_file()]

    def __call__(self, _change: object, path: str) -> bool:
        changed = Path(path)
        if changed.resolve() in self._files:
            return True
        inside = (one for one in self._folders if changed.is_relative_to(one))
        return any(_may_be_page(changed.relative_to(folder)) for folder in inside)


def _may_be_page(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and not name.name.endswith(_PASSING)


@contextmanager
def _noting(terminated: Event) -> Iterator[None]:
    def note(*_: Any) -> None:
        terminated.set()

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
