"""Warm questions -> milliseconds to ranked papers, to the first words, to the verified answer."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

from assistant.build import Assistant
from assistant.encoder import MiniLM
from assistant.schema import Message, Piece, Usage
from evals.bench import peers
from evals.bench.figures import (
    Figure,
    Goal,
    Measured,
    Ratio,
    Wanted,
    interleaved,
    percentiles,
    together,
)
from evals.bench.setting import Setting, opened

GROUP = "asking"
FLOOR = "the question encoded, then tantivy and HNSW"
SEARCH, FIRST, WHOLE, AGAIN = (
    "ranked papers",
    "first words of the quoted answer",
    "verified answer",
    "the same answer again",
)
OWN = "our own share before a model's first words"
_WARM = 12
_QUESTIONS = 120
_CROWD = (1, 8, 32)
_A_CROWD = 96


class Instant:
    """A model that answers before it is asked: what is left is our own share."""

    model = "instant"

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """One sentence, at once."""
        yield Piece("It is said in the first source [1].")
        yield Piece("", Usage(1, 1, 1))


def measure(setting: Setting) -> Measured:
    """Over the shipped corpus, and among tens of thousands of other papers."""
    questions = setting.questions
    parts = [_at(setting, setting.data, "249 papers", questions)]
    if setting.many:
        parts.append(_at(setting, setting.many, "50,000 papers", questions, times=2))
    else:
        parts.append(Measured(left_out=("asking among 50,000 papers: give --many",)))
    parts += [_crowds(setting, questions), _peers(setting, questions)]
    return together(parts)


def _at(
    setting: Setting, folder: Path, where: str, questions: Sequence[str], times: float = 1
) -> Measured:
    encoder = MiniLM()
    with (
        opened(folder, encoder=encoder, paths=setting.corpus) as assistant,
        opened(folder, Instant(), encoder=encoder) as with_model,
        opened(folder, encoder=encoder, cache_mb=64) as keeping,
    ):
        assistant.ensure_indexed()
        ways = _ways(assistant, with_model, keeping)
        work: dict[str, list[float]] = {name: [] for name in (FLOOR, SEARCH, WHOLE)}
        ways |= {name: _working(ways[name], work[name]) for name in work}
        found: dict[str, list[float]] = {name: [] for name in ways}
        warm = questions[-setting.times(_WARM, 2) :]
        for question in [*warm, *questions[: setting.times(_QUESTIONS, 4)]]:
            one = interleaved({name: _of(way, question) for name, way in ways.items()}, 1)
            for name, values in one.items():
                found[name] += values
    found = {name: values[len(warm) :] for name, values in found.items()}
    work = {name: values[len(warm) :] for name, values in work.items()}
    return together([_held(found, where, times), _worked(work, where)])


def _worked(work: dict[str, list[float]], where: str) -> Measured:
    """What the processor did, which tells more on a machine that others use too."""
    shown = [
        one
        for name, values in work.items()
        for one in percentiles(GROUP, f"{name}, {where}", "ms of the processor", values)
    ]
    over = tuple(a / b for a, b in zip(work[SEARCH], work[FLOOR], strict=True))
    named = f"ranked papers to the floor, {where}, processor's work"
    return Measured(tuple(shown), (Ratio(GROUP, named, SEARCH, FLOOR, over),))


def _working(way: Callable[[str], float], work: list[float]) -> Callable[[str], float]:
    """The same, what the processor did for it noted too."""

    def run(question: str) -> float:
        before = process_time()
        took = way(question)
        work.append((process_time() - before) * 1000)
        return took

    return run


def _of(way: Callable[[str], float], question: str) -> Callable[[], float]:
    return lambda: way(question)


def _held(found: dict[str, list[float]], where: str, times: float) -> Measured:
    goals = {WHOLE: (60 * times, 150 * times), OWN: (50, 150), AGAIN: (10, 20)}
    shown, wanted = list[Figure](), list[Wanted]()
    for name, values in found.items():
        both = percentiles(GROUP, f"{name}, {where}", "ms", values)
        shown += both
        if name in goals:
            wanted += [Wanted(one, Goal(goal)) for one, goal in zip(both, goals[name], strict=True)]
    over = tuple(a / b for a, b in zip(found[SEARCH], found[FLOOR], strict=True))
    named = f"ranked papers to the floor, {where}"
    return Measured(
        tuple(shown), (Ratio(GROUP, named, SEARCH, FLOOR, over, Goal(1.3)),), tuple(wanted)
    )


def _ways(
    assistant: Assistant, with_model: Assistant, keeping: Assistant
) -> dict[str, Callable[[str], float]]:
    def again(question: str) -> float:
        keeping.ask(question).answer()
        return _ms(lambda: keeping.ask(question).answer())

    def first(of: Assistant) -> Callable[[str], float]:
        def wait(question: str) -> float:
            stream = of.ask(question)
            took = _ms(lambda: next(iter(stream)))
            stream.close()
            return took

        return wait

    return {
        FLOOR: floor(assistant),
        SEARCH: lambda question: _ms(lambda: assistant.search(question)),
        FIRST: first(assistant),
        WHOLE: lambda question: _ms(lambda: assistant.ask(question).answer()),
        OWN: first(with_model),
        AGAIN: again,
    }


def floor(assistant: Assistant) -> Callable[[str], float]:
    """What no search of both kinds can do without: encode, look up by words and by nearness."""
    retriever = assistant._parts()._retriever
    index, encoder, wanted = retriever._index, retriever._encoder, retriever._candidates

    def look(question: str) -> None:
        vector = encoder.encode([question])[0]
        index.lexical.search(question, wanted, None)
        index.store.nearest(vector, 3 * wanted, None)

    return lambda question: _ms(lambda: look(question))


def _ms(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return (perf_counter() - started) * 1000


def _crowds(setting: Setting, questions: Sequence[str]) -> Measured:
    """Several people at once, in one process."""
    shown: list[Figure] = []
    with opened(setting.data) as assistant:
        for question in questions[:_WARM]:
            assistant.ask(question).answer()
        rates: dict[str, list[float]] = {}
        waits: dict[int, list[float]] = {people: [] for people in _CROWD}

        def rate(people: int) -> Callable[[], float]:
            def run() -> float:
                asked = list(islice(_round(questions), setting.times(_A_CROWD, 6)))
                started = perf_counter()
                with ThreadPoolExecutor(people) as pool:
                    waits[people] += pool.map(
                        lambda one: _ms(lambda: assistant.ask(one).answer()), asked
                    )
                return len(asked) / (perf_counter() - started)

            return run

        rates = interleaved({f"{n} at once": rate(n) for n in _CROWD}, setting.rounds(3))
    for people, name in zip(_CROWD, rates, strict=True):
        shown.append(Figure(GROUP, f"answers a second, {name}", "1/s", tuple(rates[name])))
        shown += percentiles(GROUP, f"verified answer, {name}", "ms", waits[people])
    return Measured(tuple(shown))


def _round(questions: Sequence[str]) -> Iterator[str]:
    while True:
        yield from questions


def _peers(setting: Setting, questions: Sequence[str]) -> Measured:
    """The same questions, asked of what others would use."""
    shown, left_out = list[Figure](), list[str]()
    asked = questions[: setting.times(_QUESTIONS, 4)]
    for name in ("llama-index", "bm25s"):
        if not setting.peers or not peers.can(setting.peers, name):
            left_out.append(f"{name} is not installed: run without --no-peers")
            continue
        told = peers.asked(setting.peers, name, setting.data, asked)
        shown += percentiles(GROUP, f"ranked papers, {name}, 249 papers", "ms", told["ms"])
    return Measured(tuple(shown), left_out=tuple(left_out))
