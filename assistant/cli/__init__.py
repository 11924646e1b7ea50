"""The command line: parse, load, call, print; here the outermost function and the list of verbs."""

import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from assistant.cli import (
    ask,
    backup,
    bench,
    chat,
    config,
    corpora,
    doctor,
    history,
    index,
    mcp,
    portable,
    remove,
    search,
    serve,
    show,
    timeline,
    verify,
)
from assistant.cli import eval as evaluation
from assistant.cli.options import ConfigFile, CorpusName, Quiet, Verbose
from assistant.cli.session import Shared
from assistant.errors import AssistantError

EXIT_CODES = """\b
Exit codes:
  0 answered   1 failure    2 usage      3 declined   4 configuration
  5 provider   6 store      75 locked    130 and 143 interrupted"""


def _tell_version(asked: bool) -> None:
    if asked:
        from assistant.config import version

        sys.stdout.write(f"assistant {version()}\n")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Show the version and leave.", is_eager=True, callback=_tell_version
    ),
]

EXAMPLE = "How does S-LoRA serve thousands of adapters?"
# Plain help: rich alone would take three times as long as everything else.
app = typer.Typer(
    name="assistant",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f'{EXIT_CODES}\n\n\b\nStart with:\n  assistant ask "{EXAMPLE}"',
)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command; every error ends here, as one line on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    _prepare()
    try:
        return int(app(arguments, prog_name="assistant", standalone_mode=False) or 0)
    except AssistantError as error:
        return _fail(str(error), error.exit_code)
    except TyperException as error:
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        return _fail(f"{message} (see `{_help_of(error)}`)", error.exit_code)
    except Abort:
        return _fail("stopped", 1)
    except Exception as error:
        return _unexpected(error, arguments)


@app.callback()
def root(
    context: typer.Context,
    version: Version = False,
    file: ConfigFile = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    corpus: CorpusName = None,
) -> None:
    """Answers questions over paper abstracts; every sentence is cited and verified."""
    context.obj = Shared(file, verbose, quiet, corpus)


for group in (
    index, ask, chat, search, timeline, show, verify, serve, remove, history, portable, backup,
    corpora, doctor, config, mcp, evaluation, bench,
):  # fmt: skip
    group.register(app)


def _prepare() -> None:
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        # Records are UTF-8 whatever the locale; a terminal shows what it can.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace", **({} if stream.isatty() else {"encoding": "utf-8"}))


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


def _help_of(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'assistant'} --help"


def _fail(message: str, code: int) -> int:
    from assistant.clean import for_terminal
    from assistant.redact import redacted

    sys.stderr.write(f"error: {' '.join(for_terminal(redacted(message)).split())}\n")
    return code


def _unexpected(error: Exception, arguments: list[str]) -> int:
    if {"-v", "--verbose"} & set(arguments):
        from assistant.clean import for_terminal
        from assistant.redact import redacted

        sys.stderr.write(for_terminal(redacted("".join(traceback.format_exception(error)))))
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _fail(f"unexpected {what} (-v shows where)", 1)
