from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from corpora import BEES, COMPOST, GLACIERS, OWLS, POLLEN, TIDES, Corpus, minilm

from assistant import retriever as retriever_module
from assistant.catalog import Catalog
from assistant.errors import UsageError
from assistant.generation import open_index
from assistant.indexer import Indexer
from assistant.readings import Readings
from assistant.retriever import Retriever
from assistant.schema import Filters, ScoredPaper, Vectors


def titles(found: list[ScoredPaper]) -> list[str]:
    return [hit.paper.title for hit in found]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How many of the flight calls does OwlEar detect?", OWLS),
        ("Why do compost sensors fail in winter?", COMPOST),
        ("forecasting floods with a transformer", TIDES),
        ("Can allergies be foreseen with a mobile?", POLLEN),
        ("swarming of honey bees", BEES),
        (GLACIERS, GLACIERS),
    ],
)
def test_the_paper_that_answers_comes_first(corpus: Corpus, question: str, title: str) -> None:
    assert titles(corpus.retriever.retrieve(question))[0] == title


def test_a_paper_is_found_once_however_many_chunks_it_has(corpus: Corpus) -> None:
    found = titles(corpus.retriever.retrieve("How accurate is acoustic beehive monitoring?"))
    assert found[0] == BEES
    assert sorted(found) == sorted(set(found))


def test_ranks_count_from_one_and_scores_fall(corpus: Corpus) -> None:
    found = corpus.retriever.retrieve("microphones and sensors", 4)
    assert [hit.rank for hit in found] == [1, 2, 3, 4]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)


def test_each_hit_says_where_each_engine_placed_it(corpus: Corpus) -> None:
    found = corpus.retriever.retrieve("Why do compost sensors fail in winter?", 6)
    first = found[0]
    assert first.dense is not None
    assert first.lexical is not None
    assert (first.dense.rank, first.lexical.rank) == (1, 1)
    assert first.dense.score > 0.5
    assert sorted(hit.dense.rank for hit in found if hit.dense) == [1, 2, 3, 4, 5, 6]
    by_words = [hit.lexical for hit in found if hit.lexical]
    assert [one.rank for one in by_words] == list(range(1, len(by_words) + 1))
    assert len(by_words) < len(found)


def test_the_same_question_gives_the_same_order(corpus: Corpus) -> None:
    asked = "How fast is it?"
    one, other = (corpus.retriever.retrieve(asked) for _ in range(2))
    assert [(hit.paper.paper_id, hit.score) for hit in one] == [
        (hit.paper.paper_id, hit.score) for hit in other
    ]


def test_equals_are_ordered_by_their_ids(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retriever_module, "_fused", lambda dense, *_: dict.fromkeys(dense, 0.0))
    monkeypatch.setattr(retriever_module, "_LATE_WEIGHT", 0.0)
    found = [hit.paper.paper_id for hit in corpus.retriever.retrieve("ice on microphones")]
    assert found == sorted(found)


def test_no_more_papers_are_given_than_asked_for(corpus: Corpus) -> None:
    assert len(corpus.retriever.retrieve("bees", 2)) == 2


@pytest.mark.parametrize(
    ("filters", "allowed"),
    [
        (Filters(year=2022), {TIDES, POLLEN}),
        (Filters(since="2022-08"), {POLLEN, GLACIERS}),
        (Filters(until="2021"), {OWLS, BEES}),
        (Filters(since="2021", until="2022-07"), {OWLS, TIDES}),
        (Filters(page="second.json"), {POLLEN, COMPOST, BEES}),
        (Filters(page="second.json", year=2022), {POLLEN}),
    ],
)
def test_both_engines_keep_to_the_filters(
    corpus: Corpus, filters: Filters, allowed: set[str]
) -> None:
    # Words of all six papers, so that each engine would find any of them.
    question = "flight calls, tide gauges, ice flow, pollen grains, compost sensors, beehives"
    found = corpus.retriever.retrieve(question, 10, filters)
    assert set(titles(found)) == allowed
    count = len(allowed)
    assert sorted(hit.dense.rank for hit in found if hit.dense) == [*range(1, count + 1)]
    assert sorted(hit.lexical.rank for hit in found if hit.lexical) == [*range(1, count + 1)]


def test_a_filter_that_lets_nothing_through_finds_nothing(corpus: Corpus) -> None:
    ranking = corpus.retriever.rank("How do birds migrate?", 5, Filters(year=1990))
    assert (ranking.papers, ranking.passages, ranking.coverages) == ((), {}, {})


def test_a_page_that_is_not_there_is_an_error(corpus: Corpus) -> None:
    with pytest.raises(UsageError, match="no page 'third'"):
        corpus.retriever.retrieve("bees", 5, Filters(page="third"))


def test_a_ranking_holds_what_was_read_of_each_paper(corpus: Corpus) -> None:
    ranking = corpus.retriever.rank("Why do compost sensors fail in winter?", 2)
    assert ranking.question == "Why do compost sensors fail in winter?"
    assert set(ranking.passages) == set(ranking.coverages) == corpus.catalog.paper_ids()
    first = ranking.papers[0].paper
    assert ranking.passages[first.paper_id][0].text == first.abstract.split(". ")[0] + "."
    assert ranking.coverages[first.paper_id] == max(ranking.coverages.values()) > 0.8


def test_a_paper_that_changes_while_it_is_ranked_keeps_the_words_it_was_ranked_by(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    owls = corpus.paper(OWLS)
    later = replace(owls, abstract="Owls sleep.", date="2024")
    monkeypatch.setattr(corpus.catalog, "papers", lambda ids: [later])
    first, second = corpus.retriever.retrieve("How many flight calls does OwlEar detect?", 2)
    assert first.paper == replace(owls, date="2024")
    # The other one is gone by now.
    assert second.paper.abstract


@pytest.mark.parametrize("question", ["the", "", "???", '"title:(AND', "Ω ≈ ∇", "🙂", "x" * 5_000])
def test_any_text_can_be_searched_for(corpus: Corpus, question: str) -> None:
    assert len(corpus.retriever.retrieve(question, 6)) == 6


def test_what_is_read_together_may_overrule_the_engines(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "Which microphones does OwlEar use?"
    worst = corpus.retriever.retrieve(question, 6)[-1].paper.paper_id
    lone = {paper_id: float(paper_id == worst) for paper_id in corpus.catalog.paper_ids()}
    monkeypatch.setattr(retriever_module, "_LATE_WEIGHT", 100.0)
    monkeypatch.setattr(retriever_module, "_standardised", lambda scores: lone)
    assert corpus.retriever.retrieve(question, 1)[0].paper.paper_id == worst


@pytest.mark.parametrize(("weight", "kind"), [(1.0, "dense"), (0.0, "lexical")])
def test_the_weight_says_which_engine_is_trusted(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, weight: float, kind: str
) -> None:
    monkeypatch.setattr(retriever_module, "_LATE_WEIGHT", 0.0)
    trusting = Retriever(
        corpus.catalog, corpus.index, corpus.encoder, corpus.readings, dense_weight=weight
    )
    found = trusting.retrieve("water that freezes, calls of birds, and cheap phones", 3)
    assert [getattr(hit, kind).rank for hit in found] == [1, 2, 3]


def test_only_so_many_candidates_are_taken_of_each_engine(corpus: Corpus) -> None:
    narrow = Retriever(corpus.catalog, corpus.index, corpus.encoder, corpus.readings, candidates=1)
    found = narrow.retrieve("Which microphones record beehives?", 6)
    assert 1 <= len(found) <= 2
    assert all({hit.dense and hit.dense.rank, hit.lexical and hit.lexical.rank} <= {1, None}
               for hit in found)  # fmt: skip


def test_a_name_leads_home_to_its_paper(corpus: Corpus) -> None:
    owls, tides = corpus.ids(OWLS, TIDES)
    named = corpus.retriever.named("How do OwlEar and TideFormer compare?")
    assert named == {"OwlEar": owls, "TideFormer": tides}


def test_a_name_in_an_abstract_alone_leads_home_where_just_one_has_it(corpus: Corpus) -> None:
    assert corpus.retriever.named("Who made NightCalls-7?") == dict(
        zip(["NightCalls-7"], corpus.ids(OWLS), strict=True)
    )


def test_a_name_of_two_papers_or_of_none_leads_nowhere(corpus: Corpus) -> None:
    assert corpus.retriever.named("Who made GaugeSet-5 and UnknownNet?") == {}


def test_the_words_of_one_title_are_a_name_and_its_parts_are_none(corpus: Corpus) -> None:
    pollen, compost, owls = corpus.ids(POLLEN, COMPOST, OWLS)
    named = corpus.retriever.named("Compare Counting Pollen Grains with OwlEar.")
    assert named == {"Counting Pollen Grains": pollen, "OwlEar": owls}
    for asked in ("How do Compost Sensors fail?", "Compost Sensors: why?"):
        assert corpus.retriever.named(asked) == {"Compost Sensors": compost}


def test_part_of_a_name_is_no_name(corpus: Corpus) -> None:
    assert corpus.retriever.named("What is Gauge-5 or OwlEar-XT?") == {}
    assert corpus.retriever.named("What are Calls-7, NightCalls-77 and GlacierMe5h?") == {}
    assert corpus.retriever.named("What is Set-5 of BUT or LOW?") == {}


def test_a_title_s_name_tells_the_title(corpus: Corpus) -> None:
    said = "TideFormer is fast, unlike OwlEar; both need NightCalls-7."
    assert corpus.retriever.named_by_title(said) == {"TideFormer": TIDES, "OwlEar": OWLS}


class Plain:
    """The shipped encoder without its reading."""

    identity, max_pieces = minilm().identity, minilm().max_pieces

    def count(self, text: str) -> int:
        return minilm().count(text)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return minilm().encode(texts)


def test_an_encoder_that_does_not_read_finds_the_same(corpus: Corpus) -> None:
    plain = Retriever(corpus.catalog, corpus.index, Plain(), corpus.readings)
    question = "Why do compost sensors fail in winter?"
    found, known = plain.retrieve(question), corpus.retriever.retrieve(question)
    assert titles(found) == titles(known)
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in known])


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Retriever]:
    page = tmp_path / "one.jsonl"
    page.write_text('{"title": "Lone Paper", "abstract": "It is alone."}', encoding="utf-8")
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        readings = Readings(catalog, minilm())
        Indexer(catalog, minilm(), tmp_path, None, readings).index([page])
        with open_index(catalog, tmp_path, minilm().identity) as index:
            yield Retriever(catalog, index, minilm(), readings)


def test_a_lone_paper_is_found(lone: Retriever) -> None:
    (hit,) = lone.retrieve("What is alone?")
    assert (hit.paper.title, hit.rank) == ("Lone Paper", 1)
