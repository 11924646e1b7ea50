"""What readers thought of answers: one JSON line each, where the evals read it."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from filelock import FileLock

from assistant.errors import StoreError, UsageError
from assistant.records import Record, dumps

Rating = Literal["helpful", "wrong"]
FILE = "feedback.jsonl"
_LONGEST_NOTE = 2_000
_PATIENCE_S = 10.0


class Feedback(NamedTuple):
    """One reader's word on one answer."""

    time: str
    """When, ISO 8601, UTC."""
    rating: Rating
    note: str
    answer: Mapping[str, Any]
    """The answer's record."""


def keep(folder: Path, answer: Record, rating: str, note: str = "") -> None:
    """Add a word on an answer to the file in `folder`; whole or not at all."""
    if rating not in get_args(Rating):
        raise UsageError(f"no rating {rating!r}: give {' or '.join(get_args(Rating))}")
    if len(note) > _LONGEST_NOTE:
        raise UsageError(f"the note has {len(note):,} characters: shorten it to {_LONGEST_NOTE:,}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = dumps({"time": now, "rating": rating, "note": note.strip(), "answer": answer})
    path = folder / FILE
    try:
        with FileLock(f"{path}.lock", timeout=_PATIENCE_S), path.open("ab") as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}: make room or give another data.folder"
        ) from None


def kept(folder: Path) -> Iterator[Feedback]:
    """All that was kept, oldest first; a line that an accident cut short is passed over."""
    path = folder / FILE
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
            yield Feedback(row["time"], row["rating"], row["note"], row["answer"])
        except (ValueError, KeyError, TypeError):
            continue
