"""python -m evals run | gate | fit."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant.encoder import MODELS
from assistant.errors import AssistantError
from evals.dataset import SETS, BadData, load

# The gate is to be quick; how long an answer takes is not what it holds.
_WORKERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done or gate open, 1 gate shut or a failure, 2 usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (AssistantError, BadData) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals", description="Measure the assistant.")
    verbs = parser.add_subparsers(required=True, metavar="run | gate | fit")
    verb = verbs.add_parser("run", help="ask every question, print each figure with its interval")
    verb.add_argument("--set", action="append", choices=SETS, help="these sets alone")
    verb.add_argument(
        "--cross-validate",
        action="store_true",
        help="fit on four fifths of the papers, ask the rest",
    )
    verb.add_argument("--out", type=Path, help="folder for report.json and timings.json")
    _common(verb, _run)
    verb = verbs.add_parser("gate", help="exit with 1 where a figure misses its bound in gate.toml")
    verb.add_argument("--bounds", type=Path, help="another gate.toml")
    _common(verb, _gate)
    verb = verbs.add_parser("fit", help="fit quoting.json and refusal.json, print what they reach")
    verb.add_argument("--write", action="store_true", help=f"write them to {MODELS}")
    _common(verb, _fit)
    return parser


def _common(verb: argparse.ArgumentParser, command: object) -> None:
    verb.add_argument("--data-folder", type=Path, help="keep the index here, for the next time")
    verb.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    verb.set_defaults(command=command)


def _run(options: argparse.Namespace) -> int:
    from evals import report
    from evals.run import run, write

    rows, about = run(
        load(options.set or SETS),
        data_folder=options.data_folder,
        cross_validate=options.cross_validate,
    )
    print(report.table(rows, options.seed))
    if options.out:
        write(rows, about, options.out, options.seed)
    return 0


def _gate(options: argparse.Namespace) -> int:
    from evals import report
    from evals.gate import BOUNDS, Bounds, missed
    from evals.run import run

    bounds = Bounds.load(options.bounds or BOUNDS)
    rows, _ = run(load(), data_folder=options.data_folder, workers=_WORKERS)
    print(report.table(rows, options.seed))
    lines = missed(rows, bounds, options.seed)
    print("\n".join(["", *(f"missed  {line}" for line in lines)] if lines else ["\ngate open"]))
    return 1 if lines else 0


def _fit(options: argparse.Namespace) -> int:
    from evals.fit import fit_and_tell

    print(fit_and_tell(load(), options.data_folder, options.seed, write=options.write))
    return 0


if __name__ == "__main__":
    sys.exit(main())
