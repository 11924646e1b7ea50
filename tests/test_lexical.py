import json
import random
from pathlib import Path

import pytest
import tantivy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant import lexical
from assistant.errors import StoreError
from assistant.lexical import Lexical
from assistant.schema import Paper

INJECTION = Path(__file__).parents[1].parent / "shared" / "injection"


def paper(paper_id: str, title: str, abstract: str = "") -> Paper:
    return Paper(paper_id, title, abstract)


PAPERS = [
    paper("p1", "Pruning convolutional networks", "We prune filters of ResNet-50 without loss."),
    paper("p2", "Attention in transformers", "Linear attention runs in O(n) time."),
    paper("p3", "A survey of pruning", "Attention heads and filters can be removed."),
    paper("p4", "Protein folding", "AlphaFold predicts structure."),
]


@pytest.fixture
def index(tmp_path: Path) -> Lexical:
    index = Lexical.open(tmp_path / "words")
    index.add(PAPERS)
    return index


def found(index: Lexical, query: str, n: int = 10, among: set[str] | None = None) -> list[str]:
    return [hit.paper_id for hit in index.search(query, n, among)]


def test_a_paper_is_found_by_a_word_of_title_or_abstract_in_any_form(index: Lexical) -> None:
    assert found(index, "folds") == ["p4"]
    assert found(index, "PREDICTING structures") == ["p4"]
    assert set(found(index, "pruned")) == {"p1", "p3"}


def test_the_best_comes_first_with_a_falling_score(index: Lexical) -> None:
    scores = [hit.score for hit in index.search("attention in linear transformers", 10)]
    assert found(index, "attention in linear transformers")[0] == "p2"
    assert scores == sorted(scores, reverse=True)
    assert found(index, "attention", 1) == ["p2"]


def test_words_of_every_question_find_nothing_unless_they_are_all_there_is(index: Lexical) -> None:
    assert found(index, "what does the paper say about folding") == ["p4"]
    assert set(found(index, "of")) == {"p1", "p3"}


def test_a_paper_put_in_again_replaces_itself(index: Lexical) -> None:
    index.add([paper("p4", "Quantum error correction")])
    assert index.count() == 4
    assert found(index, "protein") == []
    assert found(index, "quantum") == ["p4"]


def test_a_removed_paper_is_found_no_more(index: Lexical) -> None:
    index.remove(["p4", "never there"])
    assert index.ids() == {"p1", "p2", "p3"}
    assert index.count() == 3
    assert found(index, "protein") == []


def test_it_is_there_after_reopening(index: Lexical, tmp_path: Path) -> None:
    again = Lexical.open(tmp_path / "words")
    assert again.ids() == {"p1", "p2", "p3", "p4"}
    assert found(again, "folding") == ["p4"]


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    empty = Lexical.open(tmp_path / "wörter und 🧪")
    assert empty.ids() == set()
    assert found(empty, "anything") == []
    empty.add([])
    empty.remove([])


def test_a_filter_to_no_paper_finds_nothing(index: Lexical) -> None:
    assert found(index, "attention", among=set()) == []
    assert found(index, "attention", n=0) == []


@pytest.mark.parametrize("most_ids", [0, 2_000], ids=["over-fetched", "in the query"])
def test_both_ways_of_filtering_give_what_filtering_all_hits_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_ids: int
) -> None:
    monkeypatch.setattr(lexical, "_MOST_IDS", most_ids)
    rng = random.Random(1)
    words = [f"w{n}" for n in range(40)]
    index = Lexical.open(tmp_path)
    index.add([paper(f"id{n}", " ".join(rng.choices(words, k=12))) for n in range(300)])
    for _ in range(30):
        query, among = (
            " ".join(rng.choices(words, k=3)),
            {f"id{rng.randrange(300)}" for _ in range(60)},
        )
        everything = index.search(query, 300)
        assert index.search(query, 8, among) == [h for h in everything if h.paper_id in among][:8]


def test_it_finds_what_tantivys_own_parser_finds(index: Lexical) -> None:
    for query in ("pruning filters", "linear attention transformers", "resnet 50 loss"):
        searcher = index._index.searcher()
        parsed = index._index.parse_query(query, ["text"])
        hits = [
            (searcher.doc(at)["paper_id"][0], score) for score, at in searcher.search(parsed).hits
        ]
        assert [(h.paper_id, h.score) for h in index.search(query, 10)] == hits


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "AND OR NOT",
        "title:(",
        "a^",
        "text:*",
        "[1 TO",
        "\\",
        "-",
        "\x00",
        "\ud800",
        "/.*/",
        "🧪",
        "",
    ],
)
def test_no_question_is_a_syntax_error(index: Lexical, query: str) -> None:
    found(index, query)
    assert found(index, f"{query} folding {query}") == ["p4"]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60))
def test_no_text_at_all_is_a_syntax_error(index: Lexical, query: str) -> None:
    found(index, query)


@pytest.mark.skipif(not INJECTION.exists(), reason="the naughty strings are not at hand")
def test_naughty_strings_are_questions_like_any_other(index: Lexical) -> None:
    lines = (INJECTION / "blns.jsonl").read_text(encoding="utf-8").split("\n")
    for line in filter(None, lines):
        found(index, json.loads(line)["text"])


def test_a_question_of_100_000_characters_is_answered(index: Lexical) -> None:
    assert found(index, "folding " + "attention pruning linear " * 5_000)


def test_a_damaged_index_names_its_folder_and_the_cure(index: Lexical, tmp_path: Path) -> None:
    (tmp_path / "words" / "meta.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"word index at .*words failed .*--rebuild"):
        Lexical.open(tmp_path / "words")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"word index at .*Not a directory"):
        Lexical.open(tmp_path / "file" / "words")


def test_our_analyzer_is_tantivys_own_english_one(index: Lexical) -> None:
    text = "Running dogs' protein-coding β-catenin IL-6 café " + "x" * 50
    for term in lexical._analyzer().analyze(text):
        query = tantivy.Query.term_query(index._index.schema, "text", term)
        assert str(query) == str(index._index.parse_query(term, ["text"])) or term in {
            "cod",
            "code",
        }
