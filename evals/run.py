"""Sets of questions -> a report: the embedded default, asked all of them."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.build import Assistant
from assistant.catalog import Catalog
from assistant.encoder import MODELS
from evals import report, rows
from evals.cases import cases
from evals.dataset import BadData, Sample, check
from evals.folds import FOLDS, fold_of, grouped, splits
from evals.parts import opened, taken_apart
from evals.rows import Row

_FITTED = ("quoting.json", "refusal.json", "judge.json")
_HASH = 16


def run(
    samples: Sequence[Sample],
    *,
    data_folder: Path | None = None,
    cross_validate: bool = False,
    workers: int = 1,
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of `samples`, and what they were made with."""
    with opened(data_folder) as assistant:
        refuse_faults(samples, assistant.catalog)
        if cross_validate:
            return cross_validated(assistant, samples), _about(assistant, "cross-validated")
        return rows.ask_all(assistant, samples, progress, workers), _about(assistant, "shipped")


def refuse_faults(samples: Sequence[Sample], catalog: Catalog) -> None:
    """Raise where a sample does not fit the corpus."""
    abstracts = {paper.title: paper.abstract for paper in catalog.papers()}
    if faults := check(samples, abstracts):
        raise BadData("\n".join(faults))


def cross_validated(assistant: Assistant, samples: Sequence[Sample]) -> list[Row]:
    """Rows of questions about papers that neither fitted model has seen."""
    from evals.fitting import fit

    with taken_apart(assistant) as parts:
        found = cases(parts, samples)
        asked: dict[str, Row] = {}
        for train, test in splits(fold_of(grouped([case.papers for case in found]))):
            answerer = parts.pipeline(fit([found[place] for place in train]))
            mine = [sample for place in test if (sample := found[place].sample)]
            for row in rows.ask_all(answerer, mine):
                asked[row.sample.id] = row
            progress(len(asked), len(samples))
    return rows.accounted([asked[sample.id] for sample in samples], samples)


def _about(assistant: Assistant, models: str) -> dict[str, Any]:
    """What must be equal for two reports to be comparable."""
    settings = assistant.settings
    return {
        "answerer": settings.answering_model,
        "models": f"{models}, {FOLDS} folds" if models != "shipped" else models,
        "corpus": assistant.catalog.fingerprint()[:_HASH],
        "prompts": assistant.prompts.sha256[:_HASH],
        "fitted": {name: _sha256(MODELS / name) for name in _FITTED},
        "settings": {
            name: getattr(settings, name).model_dump(mode="json")
            for name in ("retrieval", "answer", "refusal", "verify")
        },
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_HASH]


def progress(done: int, of: int) -> None:
    """How far a run is, on standard error where a person looks."""
    if sys.stderr.isatty():
        print(f"\r{done} / {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def write(found: Sequence[Row], about: dict[str, Any], folder: Path, seed: int) -> None:
    """report.json, which repeats byte for byte, and beside it timings.json, which does not."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.json": report.dumps(report.report(found, about, seed)),
        "timings.json": report.dumps(report.timings(found)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
