"""A file of rows through a command: order kept, and no row stops the next."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant.errors import AssistantError, CorpusError, UsageError

if TYPE_CHECKING:
    from assistant.cli.session import Session

Row = Mapping[str, Any]


class Done(NamedTuple):
    """What became of one row: its record, how to show it to a person, and whether it passed."""

    record: Mapping[str, Any]
    show: Callable[[], None]
    declined: bool = False


def work_through(session: "Session", file: str, as_json: bool, work: Callable[[Row], Done]) -> int:
    """The exit code: 1 where a row failed, else 3 where one was declined, else 0."""
    failed = declined = False
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            done = _tried(line, number, work)
            failed |= isinstance(done, dict)
            declined |= isinstance(done, Done) and done.declined
            _print(session, done, as_json, number)
    return 1 if failed else 3 if declined else 0


def _tried(line: bytes, number: int, work: Callable[[Row], Done]) -> Done | dict[str, Any]:
    row: Any = None
    try:
        row = _parsed(line, number)
        return work(row)
    # Whatever one row meets, a bug of ours included, the others still deserve their answers.
    except Exception as error:
        message = str(error) if isinstance(error, AssistantError) else f"unexpected {error!r}"
        return {"id": row.get("id") if row else None, "error": message}


def _parsed(line: bytes, number: int) -> Row:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"line {number} is no JSON: {error}") from None
    if not isinstance(row, dict):
        raise CorpusError(f"line {number} is no JSON object: write {{…}}")
    return row


def _print(session: "Session", done: Done | dict[str, Any], as_json: bool, number: int) -> None:
    if as_json:
        session.print_json(done.record if isinstance(done, Done) else done)
    elif isinstance(done, Done):
        if number > 1:
            session.out.gap()
        done.show()
    else:
        session.err.put(f"error: line {number}: {done['error']}")


@contextmanager
def _opened(file: str) -> Iterator[Iterable[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        handle = Path(file).open("rb")  # noqa: SIM115  # an error inside the block is not ours
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file}: {reason}: give a file with one JSON object a line") from None
    with handle:
        yield handle
