"""Papers and questions -> what a peer takes for them; run in the peers' environment alone.

It imports nothing of ours: neither our code nor our versions are there.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
_TOP = 10
_LONGEST = 256


def main(name: str) -> None:
    """Print one line of JSON: seconds to index, milliseconds a question, titles found."""
    given = json.load(sys.stdin)
    took, work, ask = PEERS[name](given)
    if given["questions"]:
        ask(given["questions"][0])
    found, taken = [], []
    for question in given["questions"]:
        started = perf_counter()
        found.append(ask(question))
        taken.append((perf_counter() - started) * 1000)
    print(json.dumps({"index_s": took, "index_cpu_s": work, "ms": taken, "found": found}))


Ask = Callable[[str], list[str]]


def llama_index(given: dict[str, Any]) -> tuple[float, float, Ask]:
    """Documents -> SentenceSplitter -> VectorStoreIndex in Chroma, all by default."""
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    embed = _embedding(given["model"], given["tokenizer"])
    embed.get_text_embedding("warm")
    documents = [
        Document(text=f"{one['title']}\n{one['abstract']}", metadata={"title": one["title"]})
        for one in given["papers"]
    ]
    client = chromadb.PersistentClient(tempfile.mkdtemp())
    started, before = perf_counter(), process_time()
    store = ChromaVectorStore(chroma_collection=client.create_collection("papers"))
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex.from_documents(documents, storage_context=context, embed_model=embed)
    took, work = perf_counter() - started, process_time() - before
    retriever = index.as_retriever(similarity_top_k=_TOP)
    return (
        took,
        work,
        lambda question: [hit.metadata["title"] for hit in retriever.retrieve(question)],
    )


def _embedding(model: str, tokenizer: str) -> Any:
    import numpy as np
    import onnxruntime
    from llama_index.core.embeddings import BaseEmbedding
    from tokenizers import Tokenizer

    pieces = Tokenizer.from_file(tokenizer)
    pieces.enable_truncation(_LONGEST)
    pieces.enable_padding()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    class MiniLM(BaseEmbedding):
        """all-MiniLM-L6-v2 in batches of llama-index's own size."""

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            encodings = pieces.encode_batch(texts)
            inputs = {
                "input_ids": np.array([one.ids for one in encodings], np.int64),
                "attention_mask": np.array([one.attention_mask for one in encodings], np.int64),
            }
            rows: list[list[float]] = session.run(["embedding"], inputs)[0].tolist()
            return rows

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

    return MiniLM()


def bm25s_alone(given: dict[str, Any]) -> tuple[float, float, Ask]:
    """A plain bm25s index over title and abstract."""
    import bm25s

    texts = [f"{one['title']} {one['abstract']}" for one in given["papers"]]
    started, before = perf_counter(), process_time()
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    took, work = perf_counter() - started, process_time() - before

    def ask(question: str) -> list[str]:
        tokens = bm25s.tokenize(question, stopwords="en", show_progress=False)
        best, _ = index.retrieve(tokens, k=min(_TOP, len(texts)), show_progress=False)
        return [given["papers"][int(at)]["title"] for at in best[0]]

    return took, work, ask


PEERS = {"llama-index": llama_index, "bm25s": bm25s_alone}

if __name__ == "__main__":
    main(sys.argv[1])
