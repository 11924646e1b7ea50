"""Papers -> how fast they are indexed, beside the encoder alone and what others do."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from assistant.encoder import MiniLM
from evals.bench import peers
from evals.bench.figures import (
    Figure,
    Goal,
    Measured,
    Ratio,
    Way,
    figures,
    interleaved,
    ratio,
    seconds,
    together,
    worked,
)
from evals.bench.setting import Setting, opened

GROUP = "indexing"
_BATCH, _LENGTH = 32, 256
_QUICK = 24
_MANY = 10_000
OURS, ALONE, FIXED, THEIRS = (
    "assistant, all of it",
    "the encoder alone",
    "the same model, batches of 32 padded to 256",
    "llama-index's pipeline, fp32",
)


def measure(setting: Setting) -> Measured:
    """The shipped corpus, and as many further papers as are at hand."""
    with opened(setting.data, paths=setting.corpus) as assistant:
        assistant.ensure_indexed()
        papers = assistant.catalog.papers()
        chunks = [
            one.embedded_text for one in assistant.catalog.chunks_of([p.paper_id for p in papers])
        ]
    if setting.quick:
        papers, chunks = papers[:_QUICK], chunks[:_QUICK]
    records = [{"title": paper.title, "abstract": paper.abstract} for paper in papers]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "papers.jsonl"
        page.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        parts = [_rates(setting, page, len(papers), chunks), _same_vectors(chunks)]
        parts.append(_many(setting))
    return together(parts)


def _rates(setting: Setting, page: Path, papers: int, chunks: Sequence[str]) -> Measured:
    encoder = MiniLM()
    encoder.encode(["warm"])
    padded = Padded(encoder)
    texts = len(chunks)

    def ours() -> None:
        folder = Path(tempfile.mkdtemp())
        try:
            with opened(folder, encoder=encoder) as assistant:
                assistant.index([page])
        finally:
            shutil.rmtree(folder)

    acts = {
        OURS: ours,
        ALONE: lambda: encoder.encode_and_read(chunks),
        FIXED: lambda: padded.encode(chunks),
    }
    ways: dict[str, Way] = {name: _rate(act, texts) for name, act in acts.items()}
    left_out = []
    if setting.peers and peers.can(setting.peers, "llama-index"):
        told = peers.Indexing(setting.peers, page)
        ways[THEIRS] = lambda: papers / told.seconds() * (texts / papers)
    else:
        left_out.append("llama-index is not installed: run without --no-peers")
    found = interleaved(ways, setting.rounds(5))
    work = interleaved({name: _effort(act) for name, act in acts.items()}, setting.rounds(3))
    ratios = [
        ratio(GROUP, "indexing to the encoder's own rate", found, OURS, ALONE, Goal(0.9, True)),
        ratio(GROUP, "the encoder to fixed batches", found, ALONE, FIXED, Goal(1.5, True)),
    ]
    if THEIRS in found:
        goal = Goal(3, True)
        ratios.append(ratio(GROUP, "indexing to llama-index's pipeline", found, OURS, THEIRS, goal))
        effort = tuple(one / median(work[OURS]) for one in told.work)
        ratios.append(Ratio(GROUP, "llama-index's work to ours", THEIRS, OURS, effort))
    goal = Goal(0.9, True)
    ratios.append(
        ratio(GROUP, "the encoder's share of the processor's work", work, ALONE, OURS, goal)
    )
    ratios.append(ratio(GROUP, "fixed batches' work to the encoder's", work, FIXED, ALONE))
    by_second = figures(GROUP, "chunks a second", found)
    return Measured(
        (*by_second, *figures(GROUP, "s of the processor", work)),
        tuple(ratios),
        (),
        tuple(left_out),
    )


def _rate(act: Any, texts: int) -> Way:
    return lambda: texts / seconds(act)


def _effort(act: Any) -> Way:
    return lambda: worked(act)


class Padded:
    """The shipped model as it is mostly run: fixed batches, all of one length, on all cores."""

    def __init__(self, encoder: MiniLM, threads: int = 0) -> None:
        import onnxruntime

        self._encoder = encoder
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = encoder._checked(encoder._manifest.model)
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> Any:
        """Vectors, batch by batch."""
        parts = []
        for at in range(0, len(texts), _BATCH):
            encodings = self._encoder._tokenizer.encode_batch(list(texts[at : at + _BATCH]))
            ids = np.zeros((len(encodings), _LENGTH), np.int64)
            mask = np.zeros_like(ids)
            for row, encoding in enumerate(encodings):
                pieces = encoding.ids[:_LENGTH]
                ids[row, : len(pieces)], mask[row, : len(pieces)] = pieces, 1
            parts += self._session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})
        return np.concatenate(parts)


def _same_vectors(chunks: Sequence[str]) -> Measured:
    """Several texts at once give what each gives alone."""
    sample = list(chunks[:16])
    encoder = MiniLM()
    both = zip(encoder.encode(sample), (encoder.encode([one])[0] for one in sample), strict=True)
    least = min(float(one @ other) for one, other in both)
    goal = Goal(0.999, True)
    name = "least cosine of a vector made among others to the same made alone"
    return Measured((), (Ratio(GROUP, name, ALONE, ALONE, (least,), goal),))


def _many(setting: Setting) -> Measured:
    """Ten thousand abstracts: encoding by its rate on a sample, all else as it is."""
    if setting.quick or not (setting.papers and setting.encoded):
        return Measured(left_out=("10,000 abstracts: give --papers and --encoded",))
    from evals.size import _step, encoding_rate, records

    folder = setting.out / str(_MANY)
    pages, data = folder / "pages", folder / "data"
    pages.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    text = "".join(islice(records(setting.papers), _MANY))
    (pages / "papers.jsonl").write_text(text, encoding="utf-8")
    first = _step("index", data, setting.encoded, str(pages))
    rate = encoding_rate(setting.papers)
    encode = first["chunks"] * rate["cpu_s_per_text"]
    share = encode / (encode + first["cpu_s"])
    shutil.rmtree(folder)
    named = "the encoder's share of the processor's work, 10,000 abstracts"
    return Measured(
        (Figure(GROUP, "10,000 abstracts, all but encoding", "s", (first["seconds"],)),),
        (Ratio(GROUP, named, ALONE, OURS, (share,), Goal(0.9, True)),),
    )
