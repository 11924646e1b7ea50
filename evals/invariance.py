"""Questions, reworded, and sources in another order -> how often the answer stays the same."""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

from assistant.build import Assistant
from assistant.config import EMBEDDED
from assistant.schema import Answer, Verdict
from assistant.verify import Judge
from evals.dataset import ASKED, FITTED, Sample, load
from evals.metrics import Estimate, mean, proportion
from evals.parts import Answerer, opened, shipped, taken_apart
from evals.rewording import rewordings
from evals.shuffled import Shuffled

FILE = "invariance.json"
ORDER = "sources in another order"
ALL = "reworded, all"
_FEW = 16
Progress = Callable[[int, int], None]


class Agreement(NamedTuple):
    """How far two answers to one question say the same."""

    refusal: bool
    """Both decline, or neither does."""
    papers: bool | None
    """They cite the same papers; None where either declines."""
    first: bool | None
    """The first paper that they cite is the same."""
    sentences: float | None
    """The sentences that both have, of those that either has."""


class Stable(NamedTuple):
    """The figures of one way of asking."""

    refusal: Estimate
    papers: Estimate
    first: Estimate
    sentences: Estimate


def agreement(one: Answer, other: Answer) -> Agreement:
    """How far they say the same."""
    same = bool(one.refusal) == bool(other.refusal)
    if one.refusal or other.refusal:
        return Agreement(same, None, None, None)
    papers = [[cited.paper_id for cited in answer.citations] for answer in (one, other)]
    said = [{sentence.text for sentence in answer.sentences} for answer in (one, other)]
    shared = len(said[0] & said[1]) / max(1, len(said[0] | said[1]))
    return Agreement(same, set(papers[0]) == set(papers[1]), papers[0][:1] == papers[1][:1], shared)


def chosen(samples: Iterable[Sample]) -> list[Sample]:
    """Those that can be asked by themselves, over the corpus as it is."""
    return [one for one in samples if not (one.history or one.plant or one.without)]


def reworded(
    answerer: Answerer, samples: Sequence[Sample], progress: Progress = lambda done, of: None
) -> dict[str, list[Agreement]]:
    """Each question asked in every way, held against the answer to it as it stands."""
    found: dict[str, list[Agreement]] = defaultdict(list)
    for done, sample in enumerate(samples, 1):
        plain = answerer.ask(sample.question).answer()
        for way, question in rewordings(sample.question).items():
            found[way].append(agreement(plain, answerer.ask(question).answer()))
        progress(done, len(samples))
    return {**found, ALL: [one for mine in found.values() for one in mine]}


def reordered(
    answerer: Answerer, other: Answerer, samples: Sequence[Sample]
) -> dict[str, list[Agreement]]:
    """Each question asked of both, of which the other reads the sources in another order."""
    pairs = ((answerer.ask(one.question), other.ask(one.question)) for one in samples)
    return {ORDER: [agreement(one.answer(), two.answer()) for one, two in pairs]}


def figures(found: Mapping[str, Sequence[Agreement]]) -> dict[str, Stable]:
    """The shares with their intervals, by way of asking."""
    return {way: _stable(mine) for way, mine in found.items() if mine}


def _stable(mine: Sequence[Agreement]) -> Stable:
    refusal = proportion([one.refusal for one in mine])
    both = [one for one in mine if one.sentences is not None]
    if not both:
        return Stable(refusal, _UNKNOWN, _UNKNOWN, _UNKNOWN)
    return Stable(
        refusal,
        proportion([bool(one.papers) for one in both]),
        proportion([bool(one.first) for one in both]),
        mean([[one.sentences or 0.0] for one in both]),
    )


_UNKNOWN = Estimate(0.0, 0.0, 1.0, 0)


def missed(found: Mapping[str, Stable], floors: Mapping[str, float]) -> list[str]:
    """A line for each floor that the figures of all rewordings are under."""
    mine = found[ALL]._asdict()
    ends = {key: mine[key].low for key in floors}
    return [
        f"same {key} reworded: low end {ends[key]:.3f} is below {floor:.3f}"
        for key, floor in floors.items()
        if ends[key] < floor
    ]


class _Unjudged:
    """Takes every sentence on trust: what is cited and quoted does not hang on verdicts."""

    def expect(self, claims: Sequence[str]) -> None:
        pass

    def verdict(self, *_: Any, **__: Any) -> Verdict:
        return Verdict("supported", 1.0)


@contextmanager
def quoting(assistant: Assistant) -> Iterator[Answerer]:
    """The embedded default over an indexed corpus, without the judge."""
    with taken_apart(assistant) as parts:
        yield parts.pipeline(shipped(), cast(Judge, _Unjudged()))


@contextmanager
def _other(assistant: Assistant) -> Iterator[Answerer]:
    """The same with its sources in another order: in the prompt, or on the way into the index."""
    if assistant.settings.mode != EMBEDDED:
        from evals.injection import model_of

        llm = Shuffled(model_of(assistant.settings))
        with Assistant(assistant.settings, None, llm) as shuffled:
            yield shuffled
        return
    with TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        data = assistant.settings.data.model_copy(update={"folder": Path(passing)})
        with Assistant(assistant.settings.model_copy(update={"data": data})) as other:
            for path in reversed(files(assistant.sources())):
                other.index([path])
            with quoting(other) as answerer:
                yield answerer


def files(paths: Iterable[Path]) -> list[Path]:
    """The files that paths stand for, in order."""
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.is_file()
    ]


def measure(
    given: argparse.Namespace, progress: Progress = lambda done, of: None
) -> dict[str, Stable]:
    """All figures over the questions that were given."""
    samples = chosen(load(given.questions or given.set or ASKED))[: given.limit]
    place = opened(given.data_folder, given.model, given.base_url, given.config)
    with place as assistant, _asked(assistant) as answerer:
        found = reworded(answerer, samples, progress)
        if given.order:
            with _other(assistant) as other:
                found |= reordered(answerer, other, samples)
    return figures(found)


def of_a_few(folder: Path, config: Path | None, progress: Progress) -> dict[str, Stable]:
    """The figures of few questions of each kind, reworded, over the index in `folder`."""
    samples = chosen(load(ASKED))
    with opened(folder, file=config) as assistant, quoting(assistant) as answerer:
        return figures(reworded(answerer, samples[:: len(samples) // _FEW], progress))


@contextmanager
def _asked(assistant: Assistant) -> Iterator[Answerer]:
    if assistant.settings.mode != EMBEDDED:
        yield assistant
        return
    with quoting(assistant) as answerer:
        yield answerer


def table(found: Mapping[str, Stable]) -> str:
    """The figures, a way of asking a line."""
    head = ("same refusal", "same papers", "same first paper", "same sentences")
    lines = ["".join([f"{'':<26}", *(f"{one:<24}" for one in head), "    n"])]
    for way, mine in found.items():
        shown = "".join(f"{_shown(one):<24}" for one in mine)
        lines.append(f"{way:<26}{shown}{mine.refusal.n:>5}")
    return "\n".join(lines)


def _shown(one: Estimate) -> str:
    return f"{one.value:.3f} ({one.low:.3f} – {one.high:.3f})"


def as_json(found: Mapping[str, Stable]) -> dict[str, Any]:
    """The figures for a file."""
    return {
        way: {key: [round(number, 4) for number in one] for key, one in mine._asdict().items()}
        for way, mine in found.items()
    }


def load_figures(path: Path) -> dict[str, Stable]:
    """What `as_json` gave, where the file is there."""
    if not path.is_file():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        way: Stable(*(Estimate(*mine[key]) for key in Stable._fields))
        for way, mine in record.items()
    }


def add(verb: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    verb.add_argument("--set", action="append", choices=FITTED, help="these sets alone")
    verb.add_argument("--questions", action="append", type=Path, help="a file of your own, instead")
    verb.add_argument("--limit", type=int, help="the first so many questions")
    verb.add_argument("--model", help="who answers; without it the embedded default does")
    verb.add_argument("--base-url", help="the server of that model")
    verb.add_argument("--data-folder", type=Path, help="keep the index here, for the next time")
    verb.add_argument(
        "--order",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="ask with the sources in another order, too",
    )
    verb.add_argument("--out", type=Path, help="folder of a run whose page shall show the figures")
    verb.set_defaults(command=_measured)


def _measured(given: argparse.Namespace) -> int:
    found = measure(given)
    print(table(found))
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_json(found), indent=1) + "\n"
        (given.out / FILE).write_text(text, encoding="utf-8")
    return 0
