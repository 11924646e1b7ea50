"""An assistant and a set of questions -> what has to be equal for two runs to be comparable."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import assistant as package
from assistant import config
from assistant.build import Assistant
from assistant.encoder import MODELS, MiniLM
from evals.dataset import Sample, fingerprint
from evals.folds import FOLDS

_FITTED = ("quoting.json", "refusal.json", "judge.json")
_MEASURED = ("retrieval", "answer", "refusal", "verify")
_HASH = 16
# They show answers and make none.
_FACES = frozenset(("api", "cli", "ui"))


def about(
    assistant: Assistant,
    samples: Sequence[Sample],
    *,
    seed: int = 0,
    models: str = "shipped",
    judges: Sequence[str] = ("local",),
    judge_model: str = "",
) -> dict[str, Any]:
    """Answerer, judges, data, code and settings, each by name or hash."""
    settings = assistant.settings
    return {
        "answerer": settings.answering_model,
        "models": f"{models}, {FOLDS} folds" if models != "shipped" else models,
        "receipt": {
            "corpus": assistant.catalog.fingerprint()[:_HASH],
            "prompts": assistant.prompts.sha256[:_HASH],
            "encoder": str(MiniLM().identity),
            "version": config.version(),
        },
        "code": code_hash(),
        "fitted": {name: _sha256(MODELS / name) for name in _FITTED},
        "settings": {name: getattr(settings, name).model_dump(mode="json") for name in _MEASURED},
        "seed": seed,
        "judge": {
            "names": list(judges),
            "model": judge_model,
            "threshold": settings.verify.threshold,
        },
        "dataset": {
            "n": len(samples),
            "sha256": fingerprint(samples)[:_HASH],
            "sets": {name: fingerprint(of)[:_HASH] for name, of in _by_set(samples)},
        },
    }


def _by_set(samples: Sequence[Sample]) -> Iterable[tuple[str, list[Sample]]]:
    for name in dict.fromkeys(sample.set for sample in samples):
        yield name, [sample for sample in samples if sample.set == name]


@cache
def code_hash() -> str:
    """The hash of the modules that make answers: another answerer is another line of the cache."""
    root = Path(package.__file__).parent
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] in _FACES:
            continue
        text = path.read_bytes().replace(b"\r\n", b"\n")
        found.update(f"{path.relative_to(root).as_posix()}\0{len(text)}\0".encode() + text)
    return found.hexdigest()[:_HASH]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_HASH]
