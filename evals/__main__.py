"""`python -m evals`, which is `assistant eval`: the verbs and what each one prints."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

from assistant.clean import for_terminal
from assistant.errors import AssistantError, UsageError
from evals.dataset import FITTED, KNOWN, SETS, load

if TYPE_CHECKING:
    from evals.run import Options

# The gate is to be quick; how long an answer takes is not what it holds.
_WORKERS = 2
_MOST_WORKERS = 64
Progress = Callable[[int, int], None]


def main(
    arguments: Sequence[str] | None = None,
    *,
    program: str = "python -m evals",
    config: Path | None = None,
    quiet: bool = False,
) -> int:
    """The exit code: 0 done or gate open, 1 gate shut or a failure, 2 usage, else the error's."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        options = _parser(program, given).parse_args(given)
        options.config, options.quiet = options.config or config, options.quiet or quiet
        return int(options.command(options))
    except AssistantError as error:
        return _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        return _fail(f"the evals need {error.name}: install 'assistant[evals]'", 4)
    except KeyboardInterrupt:
        return _fail("stopped; the same command goes on where it was", 130)


def _fail(text: str, code: int) -> int:
    print(f"error: {for_terminal(text)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other error."""
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def _parser(program: str, given: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog=program, description="Measure the assistant.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, add in VERBS.items():
        verb = verbs.add_parser(name, help=HELP[name], description=HELP[name] + ".")
        # The others' modules are not needed.
        if name == next(iter(given), None):
            add(verb)
            _common(verb)
    return parser


HELP = {
    "run": "ask every question, keep each row, print each figure with its interval",
    "gate": "exit with 1 where a figure misses its bound in gate.toml",
    "check": "tell every fault of the question files",
    "make": "make a set of questions out of the configured corpus, without a model",
    "compare": "hold two runs against each other, question by question",
    "report": "make the page of a run",
    "judge": "print the judge's card",
    "injection": "tell how often a model obeys planted instructions, defended and not",
    "invariance": "tell how often an answer stays when question or order of sources are changed",
    "size": "measure what indexing and finding cost against the number of papers",
    "durability": "kill, starve and damage data folders, and count what was lost",
    "bench": "measure speed and memory, beside the floors and what others do",
    "fit": "fit quoting.json and refusal.json, print what they reach",
}


def _add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--set", action="append", choices=KNOWN, help="these sets alone")
    verb.add_argument("--questions", action="append", type=Path, help="a file of your own, instead")
    verb.add_argument("--limit", type=_positive, help="the first so many questions")
    verb.add_argument("--out", type=Path, help="folder to keep the run in, and to go on from")
    verb.add_argument("--cache", type=Path, help="file of answers and verdicts for later runs")
    verb.add_argument("--workers", type=_workers, default=1, help="questions at once")
    verb.add_argument("--model", help="who answers; without it the embedded default does")
    verb.add_argument("--base-url", help="the server of that model")
    verb.add_argument("--judge", choices=("local", "model", "both"), default="local")
    verb.add_argument("--judge-model", help="who judges; else who answers")
    verb.add_argument("--judge-base-url", help="the server of that judge")
    verb.add_argument("--prices", type=Path, help='TOML: ["model"] with in and out, US$ a million')
    verb.add_argument("--usd-per-mtok-in", type=float, help="price of a million tokens read")
    verb.add_argument("--usd-per-mtok-out", type=float, help="price of a million tokens written")
    verb.add_argument("--max-usd", type=float, help="stop before more than this is spent")
    verb.add_argument("--preview", action="store_true", help="only say what it would take")
    verb.add_argument(
        "--cross-validate",
        action="store_true",
        help="fit on four fifths of the papers, ask the rest",
    )
    _measures(verb, _run)


def _add_gate(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--bounds", type=Path, help="another gate.toml")
    verb.add_argument("--out", type=Path, help="folder to keep the run and the card in")
    verb.add_argument(
        "--card", action=argparse.BooleanOptionalAction, default=True, help="the judge's card too"
    )
    _measures(verb, _gate)


def _add_check(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--questions", action="append", type=Path, help="a file of your own, instead")
    _measures(verb, _check)


def _add_make(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, help="where to write the questions, one JSON a line")
    verb.add_argument("--each", type=_positive, default=40, help="questions of each kind at most")
    _measures(verb, _make)


def _add_fit(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--write", action="store_true", help="write them into the package")
    _measures(verb, _fit)


def _added_by(module: str) -> Callable[[argparse.ArgumentParser], None]:
    def add(verb: argparse.ArgumentParser) -> None:
        import_module(module).add(verb)

    return add


VERBS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "run": _add_run,
    "gate": _add_gate,
    "check": _add_check,
    "make": _add_make,
    "compare": _added_by("evals.compare"),
    "report": _added_by("evals.page"),
    "judge": _added_by("evals.card"),
    "injection": _added_by("evals.injection"),
    "invariance": _added_by("evals.invariance"),
    "size": _added_by("evals.size"),
    "durability": _added_by("evals.durability"),
    "bench": _added_by("evals.bench.verb"),
    "fit": _add_fit,
}


def _measures(verb: argparse.ArgumentParser, command: object) -> None:
    verb.add_argument("--data-folder", type=Path, help="keep the index here, for the next time")
    verb.add_argument("--seed", type=int, default=0, help="of the bootstrap and of all choices")
    verb.set_defaults(command=command)


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--config", type=Path, metavar="FILE", help="a config.toml of your own")
    verb.add_argument("-q", "--quiet", action="store_true", help="nothing but results and errors")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return number


def _workers(text: str) -> int:
    return min(_positive(text), _MOST_WORKERS)


def _run(given: argparse.Namespace) -> int:
    from evals import report
    from evals.run import run, without_plants

    samples = load(given.questions or given.set or SETS)
    if given.cross_validate:
        samples = without_plants(samples)
    with _bar(given, "questions") as step:
        done = run(samples[: given.limit], _options(given), step, _tell)
    if done:
        print(report.table(done.rows, given.seed))
        for line in done.manifest["why_not"]:
            _tell(f"not a result yet: {line}")
    return 0


def _options(given: argparse.Namespace) -> "Options":
    from evals.cost import Price, Prices, load_prices
    from evals.run import Options

    read, written = given.usd_per_mtok_in, given.usd_per_mtok_out
    if (read is None) != (written is None):
        raise UsageError("one price is missing: give --usd-per-mtok-in and --usd-per-mtok-out")
    by_model = load_prices(given.prices) if given.prices else {}
    taken = (
        *("data_folder", "out", "cache", "model", "base_url", "judge", "judge_model"),
        *("judge_base_url", "cross_validate", "workers", "seed", "max_usd", "preview", "config"),
    )
    return Options(
        prices=Prices(by_model, None if read is None else Price(read, written)),
        **{name: getattr(given, name) for name in taken},
    )


def _gate(given: argparse.Namespace) -> int:
    from evals import report
    from evals.gate import BOUNDS, Bounds, missed
    from evals.run import Options, run

    bounds = Bounds.load(given.bounds or BOUNDS)
    with TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        folder = given.data_folder or Path(passing)
        options = Options(
            data_folder=folder,
            out=given.out,
            workers=_WORKERS,
            seed=given.seed,
            config=given.config,
        )
        with _bar(given, "questions") as step:
            done = run(load(), options, step)
        rows = done.rows if done else ()
        print(report.table(rows, given.seed))
        lines = missed(rows, bounds, given.seed)
        if bounds.stable:
            lines += _unstable(given, folder, bounds.stable)
    lines += _under_bar(given) if given.card else ()
    print("\n".join(["", *(f"missed  {line}" for line in lines)] if lines else ["\ngate open"]))
    return 1 if lines else 0


def _unstable(given: argparse.Namespace, folder: Path, floors: Mapping[str, float]) -> list[str]:
    """What becomes of a few questions that are reworded; a line for each floor it is under."""
    from evals import invariance

    with _bar(given, "rewordings") as step:
        found = invariance.of_a_few(folder, given.config, step)
    print(f"\n{invariance.table(found)}")
    return invariance.missed(found, floors)


def _under_bar(given: argparse.Namespace) -> list[str]:
    """The judge's card, printed; a line for each of its bars that it is under."""
    from evals import card
    from evals.card_data import corpus
    from evals.store import as_text

    with _bar(given, "claims") as step:
        made = card.card(corpus(given.config), seed=given.seed, progress=step)
    print(f"\n{card.lines(made)}")
    if given.out:
        (given.out / card.FILE).write_text(as_text(card.as_json(made)), encoding="utf-8")
    return [f"judge {line}" for line in card.missed(made)]


def _check(given: argparse.Namespace) -> int:
    from evals.checks import check
    from evals.parts import opened

    samples = load(given.questions or KNOWN)
    with opened(given.data_folder, file=given.config) as assistant:
        papers = assistant.catalog.papers()
    faults = check(samples, {paper.title: paper.abstract for paper in papers})
    print("\n".join(faults) or f"{len(samples)} questions over {len(papers)} papers: no fault")
    return 1 if faults else 0


def _make(given: argparse.Namespace) -> int:
    from evals.make import made, written
    from evals.parts import opened

    with opened(given.data_folder, file=given.config) as assistant:
        samples = made(assistant.catalog.papers(), each=given.each, seed=given.seed)
    print(written(samples, given.file))
    return 0


def _fit(given: argparse.Namespace) -> int:
    from evals.fit import fit_and_tell

    print(fit_and_tell(load(FITTED), given.data_folder, given.seed, write=given.write))
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _bar(given: argparse.Namespace, what: str) -> Iterator[Progress]:
    """How far it is, as a bar where a person looks, as nothing elsewhere."""
    if given.quiet or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)


if __name__ == "__main__":
    sys.exit(main())
