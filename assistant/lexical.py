"""Papers by their words: a tantivy index of one stemmed field, the title twice in it."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import tantivy

from assistant.damage import as_store_error
from assistant.schema import Paper, ScoredId
from assistant.words import STOP_WORDS

_HEAP = 50_000_000
# A filter of more papers than this is cheaper to apply to the hits than to the index.
_MOST_IDS = 2_000
# The first so many terms of a question decide; tens of thousands would only cost time.
_MOST_TERMS = 512


class Lexical:
    """Whole papers, found by their words."""

    def __init__(self, index: Any, folder: Path) -> None:
        self._index = index
        self._folder = folder
        self._analyzer = _analyzer()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in `folder`, made there if it is new."""
        with as_store_error("word index", folder):
            folder.mkdir(parents=True, exist_ok=True)
            if tantivy.Index.exists(str(folder)):
                return cls(tantivy.Index.open(str(folder)), folder)
            return cls(tantivy.Index(_schema(), str(folder)), folder)

    def clone(self, folder: Path) -> "Lexical":
        """The same index in another folder; what is written to one does not show in the other."""
        with as_store_error("word index", folder):
            folder.mkdir(parents=True)
            for path in self._folder.iterdir():
                if path.suffix != ".lock":
                    _linked(path, folder / path.name)
        return Lexical.open(folder)

    def add(self, papers: Iterable[Paper]) -> None:
        """Put papers in; one that is there already is replaced."""
        self.change((), papers)

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Take papers out; an id that is not there is no error."""
        self.change(paper_ids, ())

    def change(self, gone: Iterable[str], papers: Iterable[Paper]) -> None:
        """Take papers out and put others in, all at once; an id that is not there is no error."""
        fresh = self.count() == 0
        with self._writing() as writer:
            for paper_id in gone:
                writer.delete_documents_by_term("paper_id", paper_id)
            for paper in papers:
                if not fresh:
                    writer.delete_documents_by_term("paper_id", paper.paper_id)
                text = f"{paper.title}\n{paper.title}\n{paper.abstract}"
                writer.add_document(tantivy.Document(paper_id=paper.paper_id, text=_valid(text)))

    def ids(self) -> set[str]:
        """The ids of all papers in it."""
        return {paper_id for paper_id, _ in self._top(tantivy.Query.all_query(), self.count())}

    def count(self) -> int:
        """How many papers are in it."""
        return int(self._index.searcher().num_docs)

    def having(self, paper_ids: Sequence[str]) -> set[str]:
        """Those of `paper_ids` that are in it."""
        ids = tantivy.Query.term_set_query(self._index.schema, "paper_id", list(paper_ids))
        return {paper_id for paper_id, _ in self._top(ids, len(paper_ids))}

    def search(self, query: str, n: int, paper_ids: set[str] | None = None) -> list[ScoredId]:
        """The papers whose words match `query` best, best first."""
        words = self._query(query)
        if words is None or n < 1 or (paper_ids is not None and not paper_ids):
            return []
        if paper_ids is None:
            return self._top(words, n)
        if len(paper_ids) > _MOST_IDS:
            hits = self._top(words, self.count())
            return [hit for hit in hits if hit.paper_id in paper_ids][:n]
        return self._top(self._among(words, paper_ids), n)

    def _query(self, text: str) -> Any | None:
        # Terms, never the query parser: a question is no syntax.
        terms = self._analyzer.analyze(_valid(text[:20_000]))[:_MOST_TERMS]
        terms = [term for term in terms if term not in _STEMMED_STOP] or terms
        if not terms:
            return None
        schema = self._index.schema
        should = [
            (tantivy.Occur.Should, tantivy.Query.term_query(schema, "text", term, "freq"))
            for term in terms
        ]
        return tantivy.Query.boolean_query(should)

    def _among(self, words: Any, paper_ids: set[str]) -> Any:
        ids = tantivy.Query.term_set_query(self._index.schema, "paper_id", sorted(paper_ids))
        must = [words, tantivy.Query.const_score_query(ids, 0.0)]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in must])

    def _top(self, query: Any, n: int) -> list[ScoredId]:
        with as_store_error("word index", self._folder):
            searcher = self._index.searcher()
            hits = searcher.search(query, max(n, 1), count=False).hits
            return [ScoredId(searcher.doc(place)["paper_id"][0], score) for score, place in hits]

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with as_store_error("word index", self._folder):
            # One thread, so that papers of equal score come in the same order every time.
            writer = self._index.writer(heap_size=_HEAP, num_threads=1)
            yield writer
            writer.commit()
            writer.wait_merging_threads()
            self._index.reload()


def _linked(source: Path, target: Path) -> None:
    """The same file under a second name: tantivy never writes into one that is there."""
    try:
        target.hardlink_to(source)
    except OSError:
        # Not every file system can.
        shutil.copyfile(source, target)


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("paper_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="en_stem", index_option="freq")
    return builder.build()


def _analyzer() -> Any:
    # The very steps of tantivy's en_stem, which Python cannot reach by its name.
    steps = (
        tantivy.Filter.remove_long(40),
        tantivy.Filter.lowercase(),
        tantivy.Filter.stemmer("english"),
    )
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in steps:
        builder = builder.filter(step)
    return builder.build()


def _valid(text: str) -> str:
    # tantivy refuses half a surrogate pair.
    return text.encode("utf-8", "replace").decode("utf-8")


_STEMMED_STOP = frozenset(_analyzer().analyze(" ".join(sorted(STOP_WORDS))))
