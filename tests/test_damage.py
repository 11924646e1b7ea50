from pathlib import Path

import pytest

from assistant.damage import as_store_error
from assistant.errors import StoreError, UsageError


class PanicException(BaseException):
    """Called as those of Rust libraries are."""


@pytest.mark.parametrize(
    "error", [ValueError("bad\nmany lines"), PanicException("bad"), RuntimeError("bad")]
)
def test_a_librarys_failure_is_one_line_with_place_and_cure(error: BaseException) -> None:
    with (
        pytest.raises(StoreError, match=r"^the index at /x failed \(bad\): mend it$"),
        as_store_error("index", Path("/x"), "mend it"),
    ):
        raise error


def test_a_failure_without_words_gives_its_name() -> None:
    with pytest.raises(StoreError, match="RuntimeError"), as_store_error("index", "/x"):
        raise RuntimeError


def test_the_systems_own_reason_is_given() -> None:
    with (
        pytest.raises(StoreError, match=r"cannot be used \(No space left on device\)"),
        as_store_error("index", "/x"),
    ):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, UsageError])
def test_what_is_no_failure_of_the_library_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), as_store_error("index", "/x"):
        raise error
