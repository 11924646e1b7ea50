"""`assistant bench`: how fast it is, which the evals measure."""

import typer

from assistant.cli import eval as evaluation
from assistant.cli.options import ConfigFile, CorpusName, Quiet

_EPILOG = """\b
Examples:
  assistant bench --quick
  assistant bench --only asking --out runs/bench"""


def register(app: typer.Typer) -> None:
    """Adds the verb; what follows it is read by the evals themselves."""
    app.command("bench", epilog=_EPILOG, **evaluation.FORWARDED)(bench)


def bench(
    context: typer.Context,
    config: ConfigFile = None,
    quiet: Quiet = False,
    corpus: CorpusName = None,
) -> int:
    """Measures speed and memory, beside what cannot be avoided and what others do.

    Its options: assistant bench --help
    """
    context.args = ["bench", *context.args]
    return evaluation.measure(context, config, quiet, corpus)
