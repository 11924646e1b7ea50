"""The same folders -> how good what they find is, so that nothing gets faster by getting worse."""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from assistant.verify import Judge
from evals.bench.figures import Figure, Goal, Measured, Wanted, seconds, together
from evals.bench.setting import ROOT, Setting, opened
from evals.dataset import load

GROUP = "quality"
_TOP = 10
# What stood before this benchmark did: a change that makes it faster may not make it worse.
_FIRST, _NDCG = 0.92, 0.95


def measure(setting: Setting) -> Measured:
    """The right paper for each question of the single-paper set."""
    parts = [_at(setting, setting.data, "249 papers", held=True)]
    if setting.many:
        parts.append(_at(setting, setting.many, "50,000 papers", held=False))
    parts += [_gate(setting), _judging(setting)]
    return together(parts)


def _at(setting: Setting, folder: Path, where: str, *, held: bool) -> Measured:
    samples = [one for one in load(["single"]) if one.question in set(setting.questions)]
    first, gains, taken = [], [], []
    with opened(folder, paths=setting.corpus) as assistant:
        assistant.ensure_indexed()
        titles = {paper.title: paper.paper_id for paper in assistant.catalog.papers()}
        for sample in samples:
            started = perf_counter()
            found = assistant.search(sample.question, top_k=_TOP).papers
            taken.append((perf_counter() - started) * 1000)
            wanted = {titles.get(title, title) for title in sample.relevant}
            ranks = [hit.rank for hit in found if hit.paper.paper_id in wanted]
            first.append(float(ranks[:1] == [1]))
            gains.append(1 / np.log2(1 + ranks[0]) if ranks else 0.0)
    named = {"R@1": np.mean(first), "nDCG@10": np.mean(gains), "ms": np.median(taken)}
    shown = tuple(
        Figure(GROUP, f"{name}, {where}", "ms" if name == "ms" else "", (float(value),))
        for name, value in named.items()
    )
    goals = (Goal(_FIRST, True), Goal(_NDCG, True))
    wanted_ = tuple(Wanted(one, goal) for one, goal in zip(shown, goals, strict=False))
    return Measured(shown, (), wanted_ if held and not setting.quick else ())


def _gate(setting: Setting) -> Measured:
    """The offline gate by the clock."""
    import subprocess

    if setting.quick:
        return Measured(left_out=("the gate's wall time: run without --quick",))
    words = [sys.executable, "-m", "evals", "gate", "--no-card", "-q"]
    took = seconds(lambda: subprocess.run(words, cwd=ROOT, capture_output=True, check=False))
    return Measured((Figure(GROUP, "the offline gate, without the judge's card", "s", (took,)),))


def _judging(setting: Setting) -> Measured:
    """Sentences a second that the judge holds against their abstract."""
    rates = []
    with opened(setting.data) as assistant:
        papers = assistant.catalog.papers()[: setting.times(40, 3)]
        readings = assistant._parts()._readings
        read = readings.of(papers)
        claims = [
            (one.text, read[paper.paper_id], {paper.paper_id: paper.title})
            for paper in papers
            for one in read[paper.paper_id]
        ]
        for _ in range(setting.rounds(3)):
            # A judge of its own each time: nothing is known from the round before.
            judge = Judge(type(readings.reader)(), assistant.settings.verify.threshold)
            judge.verdict(*claims[0])
            took = seconds(lambda judge=judge: [judge.verdict(*one) for one in claims])  # type: ignore[misc]
            rates.append(len(claims) / took)
    return Measured((Figure(GROUP, "sentences judged a second", "1/s", tuple(rates)),))
