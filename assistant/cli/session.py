"""What every command has: its shared options, its two screens, and the assistant it opens."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from assistant.cli.options import ConfigFile, CorpusName, Quiet, Verbose
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.build import Assistant
    from assistant.cli.screen import Screen
    from assistant.config import Settings

Command = Callable[..., int]


class Shared(NamedTuple):
    """The options that stand before or after the verb."""

    config: Path | None = None
    verbose: bool = False
    quiet: bool = False
    corpus: str | None = None


class Session:
    """One run of one command."""

    def __init__(self, shared: Shared) -> None:
        self.config, self.verbose, self.quiet, self.corpus = shared
        self._ready = False
        self._told = ""

    @functools.cached_property
    def out(self) -> "Screen":
        """Standard output: results alone."""
        from assistant.cli.screen import Screen

        return Screen(sys.stdout)

    @functools.cached_property
    def err(self) -> "Screen":
        """Standard error: all else."""
        from assistant.cli.screen import Screen

        return Screen(sys.stderr)

    def note(self, text: str) -> None:
        """Says something beside the result, unless asked to be quiet."""
        if not self.quiet:
            self.err.put((text, "dim"))

    def tell(self, trouble: str) -> None:
        """Says what keeps results from being as good as they could be; the same thing once."""
        if trouble and trouble != self._told:
            self._told = trouble
            self.err.put((trouble, "yellow"))

    def print_json(self, record: Mapping[str, Any]) -> None:
        """Prints one line of JSON, at once, so that a reader sees each row as it is done."""
        from assistant.records import dumps

        sys.stdout.write(dumps(record) + "\n")
        sys.stdout.flush()

    def settings(self, flags: Mapping[str, object] | None = None) -> "Settings":
        """The settings, with the flags of this command on top."""
        from assistant.config import corpus_name, load

        try:
            name = None if self.corpus is None else corpus_name(self.corpus)
        except ValueError as error:
            raise UsageError(f"--corpus {str(self.corpus)[:80]!r} is no name: it {error}") from None
        return load(self.config, flags={**(flags or {}), "corpus.name": name})

    @contextmanager
    def open(
        self,
        flags: Mapping[str, object] | None = None,
        *,
        indexed: bool = True,
        new: bool = False,
    ) -> Iterator["Assistant"]:
        """The assistant; with no index yet it first reads the configured corpus.

        Only a command that says `new` makes a corpus that is not there yet.
        """
        settings = self.settings(flags)
        if settings.corpus.name and not new:
            from assistant.upkeep.corpora import check

            check(settings)
        from assistant.build import Assistant

        with Assistant.open(settings=settings) as assistant:
            if indexed:
                self.make_ready(assistant)
            try:
                yield assistant
            finally:
                self.tell(assistant.trouble)

    def make_ready(self, assistant: "Assistant") -> None:
        """Indexes the configured corpus where nothing is indexed yet; asks once in a session."""
        from assistant.cli.progress import showing

        if not self._ready:
            with showing(self, "Indexing the corpus, this once") as progress:
                assistant.ensure_indexed(progress)
            self._ready = True


def verb(app: typer.Typer, name: str, *examples: str) -> Callable[[Command], Command]:
    """Adds a function to the app: a Session takes its first place, the shared options its last."""

    def register(function: Command) -> Command:
        own = list(inspect.signature(function).parameters.values())[1:]

        def run(context: typer.Context, **options: Any) -> int:
            given = Shared(*(options.pop(field) for field in Shared._fields))
            return function(Session(_either(given, context.find_root().obj)), **options)

        parameters = [_CONTEXT, *own, *_SHARED]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__doc__ = function.__doc__
        lines = "\n".join(f"  {example}" for example in examples)
        app.command(name, epilog=f"\b\nExample{'s' * (len(examples) > 1)}:\n{lines}")(run)
        return function

    return register


def question_of(words: list[str] | None) -> str:
    """The question on the command line, or the one on standard input."""
    from assistant.records import check_question

    text = " ".join(words or [])
    if text == "-" or (not words and not sys.stdin.isatty()):
        text = standard_input()
    return check_question(text)


def standard_input() -> str:
    """All of standard input, as text."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("standard input is no UTF-8 text: convert it first") from None


def _either(given: Shared, before: Shared | None) -> Shared:
    before = before or Shared()
    return Shared(
        given.config or before.config,
        given.verbose or before.verbose,
        given.quiet or before.quiet,
        before.corpus if given.corpus is None else given.corpus,
    )


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)
_SHARED = [
    _keyword("config", ConfigFile, None),
    _keyword("verbose", Verbose, False),
    _keyword("quiet", Quiet, False),
    _keyword("corpus", CorpusName, None),
]
