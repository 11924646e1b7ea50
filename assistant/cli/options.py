"""The options that commands share, each named, worded and checked once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assistant.schema import Filters

Words = Annotated[
    list[str] | None,
    # Its help would show Python's type; the command's own help says it in words.
    typer.Argument(metavar="QUESTION", hidden=True),
]
Rows = Annotated[
    str | None,
    typer.Option(
        "--file", "-f", metavar="X.jsonl", help="Work through a file, one JSON object a line."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 unless every claim is supported.")]
Since = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only papers from then on: 2021, 2021-03, …")
]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Only papers up to then.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="As if it were that day: nothing later is used."),
]
Year = Annotated[
    int | None, typer.Option(metavar="YEAR", min=1000, max=9999, help="Only papers of that year.")
]
Page = Annotated[str | None, typer.Option(metavar="NAME", help="Only papers of that page.")]
TopK = Annotated[
    int | None, typer.Option("--top-k", "-k", metavar="N", min=1, max=100, help="How many papers.")
]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help='The model that answers; "embedded" for none.')
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="An OpenAI-compatible server, http://…/v1.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Give and keep no answer or verdict of before.")
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A config.toml of your own.")
]
CorpusName = Annotated[
    str | None, typer.Option("--corpus", metavar="NAME", help="One of several corpora.")
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more on standard error.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but results and errors.")]


def filters(
    since: str | None,
    until: str | None,
    year: int | None,
    page: str | None,
    as_of: str | None = None,
) -> "Filters":
    """The filters asked for, or an error where no paper could ever pass them."""
    from assistant import period

    return period.filters(since, until, year, page, as_of=as_of, mark="--")


def cache(no_cache: bool) -> dict[str, object]:
    """The setting that `--no-cache` stands for."""
    return {"cache.size_mb": 0} if no_cache else {}
