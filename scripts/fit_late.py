"""Fit what late interaction needs: a projection of piece states, and the weight of each piece.

    python scripts/fit_late.py --weights model.safetensors --tokenizer tokenizer.json \
        --abstracts abstracts.jsonl.gz --out assistant/models

Reads title and abstract of every record. The weight of a word piece is its inverse document
frequency, ln((N + 1) / (df + 0.5)), less one, over all of them, and zero for stop words and
punctuation; the projection holds the first 64 principal
directions of the unit states of every fourth piece of 300 of them. Run it before
scripts/export_encoder.py, which puts the projection into the graph.
"""

import argparse
import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
from export_encoder import EncoderGraph
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from assistant.words import STOP_WORDS

DIMENSION = 64
READ = 300
LATE_FILE = "late.npz"
PUNCTUATION = tuple(".,?!()-:;\"'/—–…%=<>[]{}~*+`\\$&#")


def abstracts(path: Path) -> list[str]:
    """Title and abstract of every record."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [f"{row['title']}\n{row['abstract']}" for row in rows]


def piece_weights(texts: list[str], tokenizer: Tokenizer) -> np.ndarray:
    """Inverse document frequency of every piece of the vocabulary."""
    seen = np.zeros(tokenizer.get_vocab_size(), np.int64)
    for start in range(0, len(texts), 1000):
        for encoding in tokenizer.encode_batch(texts[start : start + 1000]):
            seen[np.unique(encoding.ids)] += 1
    weights = np.maximum(np.log((len(texts) + 1) / (seen + 0.5)) - 1, 0)
    # Pieces of a question's frame tell nothing of its subject, rare as some are in abstracts.
    frame = tokenizer.encode(" ".join([*sorted(STOP_WORDS), *PUNCTUATION]))
    weights[frame.ids] = 0
    return weights.astype(np.float16)


def projection(texts: list[str], tokenizer: Tokenizer, weights: Path) -> np.ndarray:
    """The principal directions of the last layer's unit states, shape (384, DIMENSION)."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    model = EncoderGraph(load_file(weights), np.eye(384, dtype=np.float32)).model()
    session = onnxruntime.InferenceSession(model.SerializeToString())
    states = []
    for text in texts[:: max(1, len(texts) // READ)]:
        ids = np.array([tokenizer.encode(text).ids[:256]])
        (found,) = session.run(["pieces"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        states.append(found[0, ::4])
    stacked = np.concatenate(states)
    directions, _, _ = np.linalg.svd(stacked.T @ stacked)
    return np.ascontiguousarray(directions[:, :DIMENSION], np.float32)


def main() -> int:
    """Fit both and write them to one file."""
    parser = argparse.ArgumentParser(description="Fit what late interaction needs.")
    for name in ("weights", "tokenizer", "abstracts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = abstracts(options.abstracts)
    np.savez(
        options.out / LATE_FILE,
        weights=piece_weights(texts, tokenizer),
        projection=projection(texts, tokenizer, options.weights),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
