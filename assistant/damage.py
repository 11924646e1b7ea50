"""A failure of an index's library -> one StoreError that names the place and the cure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import AssistantError, StoreError
from assistant.redact import redacted

REBUILD = "run `assistant index --rebuild`"
WRITABLE = "make the folder writable, or set `data.folder`"


@contextmanager
def as_store_error(what: str, place: Path | str, cure: str = REBUILD) -> Iterator[None]:
    """Turn whatever goes wrong inside into `StoreError`."""
    try:
        yield
    except AssistantError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        cure = WRITABLE if _is_refused(error) else cure
        raise StoreError(f"the {what} at {place} cannot be used ({reason}): {cure}") from error
    except BaseException as error:
        # A panic of a Rust library derives from BaseException, and means a damaged file.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise StoreError(
            f"the {what} at {place} failed ({_first_line(error)}):"
            f" {WRITABLE if _is_refused(error) else cure}"
        ) from error


def _is_refused(error: BaseException) -> bool:
    """Whether it may not be written, which building it anew would not mend."""
    said = str(error).lower()
    return any(words in said for words in ("permission denied", "read-only", "readonly"))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # A server may repeat the key that it was sent.
    return redacted(lines[0])[:200]
