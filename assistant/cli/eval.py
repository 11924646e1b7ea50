"""`assistant eval`: the evals, which have options of their own."""

import os
from typing import Any

import typer

from assistant.cli.options import ConfigFile, CorpusName, Quiet
from assistant.cli.session import Shared
from assistant.errors import ConfigError

_EPILOG = """\b
Examples:
  assistant eval run --set dev --out runs/first
  assistant eval make questions.jsonl
  assistant eval gate"""

FORWARDED: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
"""How a verb is wired whose options the evals read themselves."""


def register(app: typer.Typer) -> None:
    """Adds the verb; what follows it is read by the evals themselves."""
    app.command("eval", epilog=_EPILOG, **FORWARDED)(measure)


def measure(
    context: typer.Context,
    config: ConfigFile = None,
    quiet: Quiet = False,
    corpus: CorpusName = None,
) -> int:
    """Measures answers, refusals and the judge, on the shipped questions or on your own.

    Its verbs and their options: assistant eval --help
    """
    try:
        from evals.__main__ import main
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the evals need {error.name}: install them with pip install 'assistant[evals]'"
        ) from None
    shared = context.find_root().obj or Shared()
    if name := corpus or shared.corpus:
        # The evals, and the processes that they start, read the settings themselves.
        os.environ["ASSISTANT_CORPUS"] = name
    return main(
        context.args,
        program="assistant eval",
        config=config or shared.config,
        quiet=quiet or shared.quiet,
    )
