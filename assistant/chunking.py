"""Papers -> chunks: whole sentences that the encoder reads in one go. Most papers give two."""

import hashlib
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from assistant.schema import BatchCounter, Chunk, Encoder, Paper
from assistant.sentences import split

_SPECIAL_PIECES = 2
# The last sentence of a chunk opens the next one, unless it is longer than this.
_OVERLAP = 64
# However long a title is, so much of the budget stays for the abstract.
_SHARE_OF_TITLE = 0.5


def chunk(papers: Sequence[Paper], encoder: Encoder) -> list[Chunk]:
    """Chunks of at most `encoder.max_pieces`, the title counted; no text of a paper is lost."""
    by_id = {paper.paper_id: paper for paper in papers if paper.abstract.strip()}
    counter = _Counter(encoder)
    counter.foresee(text for paper in by_id.values() for text in (paper.title, paper.abstract))
    titles = {id_: _short_title(paper.title, encoder, counter) for id_, paper in by_id.items()}
    texts = {
        id_: [paper.abstract.strip()]
        for id_, paper in by_id.items()
        if counter(titles[id_]) + counter(paper.abstract) <= encoder.max_pieces - _SPECIAL_PIECES
    }
    # Most fit as they are, and need no splitter.
    long = [paper for id_, paper in by_id.items() if id_ not in texts]
    for node in _split(long, titles, encoder, counter):
        texts.setdefault(node.ref_doc_id, []).append(node.get_content())
    return [
        piece
        for paper_id, paper in by_id.items()
        for piece in _placed(paper, titles[paper_id], texts.get(paper_id, []))
    ]


class _Counter:
    """The encoder's pieces of a text; those of many are counted at once where it can."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, int] = {}

    def foresee(self, texts: Iterable[str]) -> None:
        if isinstance(self._encoder, BatchCounter):
            new = list(dict.fromkeys(texts))
            self._known.update(zip(new, self._encoder.counts(new), strict=True))

    def __call__(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self._encoder.count(text)
        return self._known[text]


@contextmanager
def _without_ipv6() -> Iterator[None]:
    """Keeps urllib3, which llama-index imports, from opening a socket to see if there is any."""
    found, socket.has_ipv6 = socket.has_ipv6, False
    try:
        yield
    finally:
        socket.has_ipv6 = found


def _split(
    papers: Sequence[Paper], titles: Mapping[str, str], encoder: Encoder, counter: _Counter
) -> Sequence[Any]:
    if not papers:
        return ()
    counter.foresee(sentence for paper in papers for sentence in _sentences(paper.abstract))
    with _without_ipv6():
        # Seconds to import, and only indexing needs it.
        from llama_index.core.ingestion import IngestionPipeline
        from llama_index.core.node_parser import SentenceSplitter
        from llama_index.core.schema import Document

    splitter = SentenceSplitter(
        chunk_size=encoder.max_pieces - _SPECIAL_PIECES,
        chunk_overlap=min(_OVERLAP, encoder.max_pieces // 4),
        tokenizer=lambda text: range(counter(text)),
        paragraph_separator="\n\n",
        chunking_tokenizer_fn=_sentences,
        include_prev_next_rel=False,
        # Nobody asks for the ids; random ones cost a call of the system each.
        id_func=lambda number, _: str(number),
    )
    # The splitter takes the metadata's pieces off its budget, which is what the title needs.
    documents = [
        Document(
            id_=paper.paper_id,
            text=paper.abstract,
            metadata={"title": titles[paper.paper_id]},
            metadata_template="{value}",
        )
        for paper in papers
    ]
    return IngestionPipeline(transformations=[splitter], disable_cache=True).run(
        documents=documents
    )


def _short_title(title: str, encoder: Encoder, counter: _Counter) -> str:
    most = int(encoder.max_pieces * _SHARE_OF_TITLE)
    while (pieces := counter(title)) > most:
        title = title[: len(title) * most // pieces].rpartition(" ")[0] or title[: len(title) // 2]
    return title


def _sentences(text: str) -> list[str]:
    # The parts must join to the text again, so each keeps the blank space behind it.
    starts = [0, *(start for start, _ in split(text)[1:]), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def _placed(paper: Paper, title: str, texts: Sequence[str]) -> Iterator[Chunk]:
    """Each text with its place in the abstract, overlapping the one before by one sentence."""
    sentences = split(paper.abstract) if len(texts) > 1 else []
    done = 0
    for text in texts:
        # No text between two chunks is left out, so of equal places the last possible is right.
        latest = done + len(paper.abstract[done:]) - len(paper.abstract[done:].lstrip())
        start = paper.abstract.rindex(text, 0, latest + len(text))
        end = start + len(text)
        if end > done:
            last = max((begin for begin, _ in sentences if begin < done), default=0)
            yield _chunk(paper, title, max(start, last) if start < done else start, end)
            done = end


def _chunk(paper: Paper, title: str, start: int, end: int) -> Chunk:
    text = paper.abstract[start:end]
    digest = hashlib.sha256(f"{title}\n{text}{start}".encode("utf-8", "replace")).hexdigest()
    return Chunk(f"{paper.paper_id}-{digest[:8]}", paper.paper_id, title, text, start, end)
