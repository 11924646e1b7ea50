"""`assistant verify`: someone's own text against the corpus, sentence by sentence."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli import options
from assistant.cli.session import Session, standard_input, verb
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.build import Assistant
    from assistant.schema import Sentence

Text = Annotated[
    str | None,
    typer.Argument(metavar="FILE", hidden=True),
]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(
        app,
        "verify",
        "assistant verify related-work.txt",
        'echo "S-LoRA keeps every adapter in GPU memory." | assistant verify - --strict',
        "assistant verify --file claims.jsonl --json",
    )(verify)


def verify(
    session: Session,
    text: Text = None,
    file: options.Rows = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
    as_of: options.AsOf = None,
    no_cache: options.NoCache = False,
) -> int:
    """Checks your own text, sentence by sentence, against the corpus.

    FILE holds the text; - reads it from standard input. Shown is what the corpus supports, by
    which paper, and what it does not.
    """
    from assistant.cli.answers import show_verdicts
    from assistant.cli.ask import alone
    from assistant.marks import tally
    from assistant.records import check_text, fully_supported, verify_record

    options.filters(None, None, None, None, as_of)
    if file:
        return _verify_rows(session, alone(file, text), as_json, strict, as_of, no_cache)
    words = check_text(_read(text))
    with session.open(options.cache(no_cache)) as assistant:
        sentences = assistant.verify(words, as_of=as_of)
        if as_json:
            session.print_json(verify_record(sentences, trouble=assistant.trouble))
        else:
            show_verdicts(session.out, sentences, _titles(assistant, sentences))
            session.note(f"\n{tally(sentences)}")
    return 3 if strict and not fully_supported(sentences) else 0


def _read(text: str | None) -> str:
    if text == "-" or (text is None and not sys.stdin.isatty()):
        return standard_input()
    if text is None:
        raise UsageError("nothing to verify: give a file, or - to read standard input")
    try:
        return Path(text).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{text} is no UTF-8 text: convert it first") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{text}: {reason}: give a file of text, or - with the text") from None


def _titles(assistant: "Assistant", sentences: "Iterable[Sentence]") -> dict[str, str]:
    cited = [one.verdict.evidence.paper_id for one in sentences if one.verdict.evidence]
    papers = assistant.catalog.papers(list(dict.fromkeys(cited)))
    return {paper.paper_id: paper.title for paper in papers}


def _verify_rows(
    session: Session, file: str, as_json: bool, strict: bool, as_of: str | None, no_cache: bool
) -> int:
    from assistant.cli.answers import show_verdicts
    from assistant.cli.ask import heading
    from assistant.cli.rows import Done, Row, work_through
    from assistant.records import claim_row, fully_supported, verify_record

    # A row that brings its own sources needs no index; the first that does not makes one.
    with session.open(options.cache(no_cache), indexed=False) as assistant:

        def work(raw: Row) -> Done:
            row = claim_row(raw)
            if row.sources is None:
                session.make_ready(assistant)
            sentences = assistant.verify(row.claim, sources=row.sources, as_of=as_of)
            titles = (
                _titles(assistant, sentences)
                if row.sources is None
                else {f"source-{n}": source.title for n, source in enumerate(row.sources, 1)}
            )

            def view() -> None:
                heading(session.out, row.id, row.claim)
                show_verdicts(session.out, sentences, titles)

            declined = strict and not fully_supported(sentences)
            trouble = assistant.trouble if row.sources is None else ""
            return Done(verify_record(sentences, row.id, trouble), view, declined)

        return work_through(session, file, as_json, work)
