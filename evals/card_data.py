"""Own pairs, controls and public sets -> claims, and what a judge says of each."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from assistant import config
from assistant.corpus import merge, read_paths
from assistant.encoder import MiniLM
from assistant.errors import UsageError
from assistant.late import Passage
from assistant.schema import Paper
from assistant.verify import Judge, is_claim
from evals import judge_data
from evals.dataset import DATA
from evals.judge_data import Case

PAIRS = ("dev", "single")
CLAIMS = ("judge_paraphrased", "judge_borrowed")
CONTROLS = ("verbatim", "foreign", "number", "negation", "direction", "name")
_PAPERS, _VERBATIM, _SWAPPED, _CLAIMS, _PUBLIC = 30, 4, 2, 120, 100


class Result(NamedTuple):
    """What a judge says of one claim."""

    score: float
    is_supported: bool


def papers_of_corpus(config_file: Path | None = None) -> list[Paper]:
    """The papers of the configured corpus, without an index."""
    return list(merge(read_paths(config.load(config_file).corpus.paths).sightings))


def corpus(config_file: Path | None = None) -> dict[str, str]:
    """Title to abstract of the configured corpus."""
    return {paper.title: paper.abstract for paper in papers_of_corpus(config_file)}


def gathered(
    papers: Mapping[str, str], *, whole: bool, public: Path | None = None, seed: int = 0
) -> list[Case]:
    """All cases; of controls and public sets a fixed sample, unless the whole is wanted."""
    rows = [row for name in PAIRS for row in judge_data.json_lines(DATA / f"{name}.jsonl")]
    cases = list(judge_data.pairs(rows, papers))
    if not cases:
        raise UsageError("the corpus holds no paper of the judge's pairs: use the shipped corpus")
    told = judge_data.json_lines(DATA / "adversarial.jsonl")
    cases += judge_data.adversarial([row for row in told if row["title"] in papers], papers)
    chance = random.Random(seed)
    cases += _claims(papers, None if whole else _CLAIMS, chance)
    titles = set(papers if whole else chance.sample(sorted(papers), _sampled(papers)))
    cases += _controls(papers, titles)
    return cases + _public(public, None if whole else _PUBLIC, chance)


def _claims(papers: Mapping[str, str], most: int | None, chance: random.Random) -> list[Case]:
    """True claims in other words than the abstract's, and false ones in its own."""
    files = [path for name in CLAIMS if (path := DATA / f"{name}.jsonl").is_file()]
    rows = [row for path in files for row in judge_data.json_lines(path) if row["title"] in papers]
    kept = rows if most is None else chance.sample(rows, min(most, len(rows)))
    return [
        Case("claims", row["title"], f"{row['title']}|{row['id']}", row["kind"], row["claim"],
             row["title"], papers[row["title"]], row["supported"])
        for row in kept
    ]  # fmt: skip


def _sampled(papers: Mapping[str, str]) -> int:
    return min(_PAPERS, len(papers))


def _controls(papers: Mapping[str, str], kept: Set[str]) -> Iterator[Case]:
    """Sentences of abstracts, whole and spoilt, and some against an abstract of another paper."""
    titles = sorted(papers)
    others = dict(zip(titles, titles[1:] + titles[:1], strict=True))
    whole: dict[str, int] = {}
    for case in judge_data.controls(papers):
        # Few sentences have a number in them, so that they are taken from everywhere.
        if case.kind not in CONTROLS or (case.title not in kept and case.kind != "number"):
            continue
        if case.kind == "verbatim":
            place = whole[case.title] = whole.get(case.title, 0) + 1
            if place > _VERBATIM:
                continue
            if place <= _SWAPPED and len(titles) > 1:
                yield _swapped(case, others[case.title], papers)
        yield case


def _swapped(case: Case, other: str, papers: Mapping[str, str]) -> Case:
    return replace(
        case, kind="evidence", title=other, abstract=papers[other], supported=False, faults=None
    )


def _public(folder: Path | None, most: int | None, chance: random.Random) -> list[Case]:
    if folder is None:
        return []
    found: list[Case] = []
    for name, of in _READERS.items():
        path = folder / name
        if not path.is_file():
            raise UsageError(f"{path}: not there: name the folder that holds the public sets")
        rows = judge_data.json_lines(path)
        found += of(rows if most is None else chance.sample(rows, min(most, len(rows))))
    return found


_READERS: Mapping[str, Callable[[Sequence[dict[str, Any]]], Iterator[Case]]] = {
    "scifact_train.jsonl.gz": judge_data.scifact,
    "ragtruth_qa_train.jsonl.gz": judge_data.ragtruth,
}


def scored(
    cases: Sequence[Case],
    judge: Any = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Result]:
    """What the judge says of each case, each abstract read once."""
    encoder = MiniLM()
    judge = judge or Judge(encoder)
    read: dict[tuple[str, str], list[Passage]] = {}
    known: dict[tuple[str, str, str], Result] = {}
    results = []
    for done, case in enumerate(cases, 1):
        key = (case.title, case.abstract)
        if key not in read:
            read[key] = judge_data.read(encoder, *key)
        if (case.claim, *key) not in known:
            known[case.claim, *key] = _held(judge, case, read[key])
        results.append(known[case.claim, *key])
        progress(done, len(cases))
    return results


def _held(judge: Any, case: Case, passages: list[Passage]) -> Result:
    # What claims nothing cannot be wrong, and must not drag an answer down.
    if not is_claim(case.claim):
        return Result(1.0, True)
    verdict = judge.verdict(case.claim, passages, {case.title: case.title})
    return Result(float(verdict.score), verdict.label == "supported")
