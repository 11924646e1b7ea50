import pytest
from corpora import COMPOST, GLACIERS, OWLS, POLLEN, TIDES, Corpus, quoting_model

from assistant.retriever import Ranking
from assistant.schema import ScoredPaper
from assistant.selection import quoted, several, wants_several

COMPARE = "Compare OwlEar with TideFormer."


def titles(papers: list[ScoredPaper]) -> list[str]:
    return [hit.paper.title for hit in papers]


def rank(corpus: Corpus, question: str) -> Ranking:
    return corpus.retriever.rank(question, 12)


def scored(ranking: Ranking, *scores: float) -> Ranking:
    """The same papers, so far apart."""
    papers = [
        ScoredPaper(hit.paper, hit.rank, score)
        for hit, score in zip(ranking.papers, scores, strict=False)
    ]
    return Ranking(
        ranking.question, ranking.query, tuple(papers), ranking.passages, ranking.coverages
    )


def test_two_names_or_the_wording_ask_for_several_papers() -> None:
    assert wants_several("Which papers hear owls?", [])
    assert wants_several("Is OwlEar faster than TideFormer?", ["a", "b"])
    assert not wants_several("Is OwlEar the OwlEar of last year?", ["a", "a"])
    assert not wants_several("Is OwlEar fast?", ["a"])


def test_the_papers_named_come_first_in_the_order_of_naming(corpus: Corpus) -> None:
    ranking = rank(corpus, COMPARE)
    assert titles(several(ranking, corpus.ids(TIDES, OWLS, TIDES))) == [TIDES, OWLS]


def test_one_name_brings_the_best_of_the_rest(corpus: Corpus) -> None:
    ranking = rank(corpus, "Which papers resemble GlacierMesh?")
    found = titles(several(ranking, corpus.ids(GLACIERS)))
    others = [hit.paper.title for hit in ranking.papers if hit.paper.title != GLACIERS]
    assert found == [GLACIERS, *others[:3]]


def test_without_names_one_more_than_counted_is_taken(corpus: Corpus) -> None:
    ranking = rank(corpus, "Which two papers use microphones?")
    assert several(ranking, []) == list(ranking.papers[:3])


def test_without_a_count_four_are_taken(corpus: Corpus) -> None:
    ranking = rank(corpus, "Which papers use microphones?")
    assert several(ranking, []) == list(ranking.papers[:4])


def test_a_count_is_met_by_as_many_names(corpus: Corpus) -> None:
    ranking = rank(corpus, "Which of the two papers is faster?")
    assert titles(several(ranking, corpus.ids(OWLS, TIDES))) == [OWLS, TIDES]


def test_never_are_more_than_six_taken(corpus: Corpus) -> None:
    ranking = rank(corpus, "Compare the five papers on sensors.")
    assert len(several(ranking, [])) == 6


def test_a_named_paper_that_the_filters_left_out_is_not_taken(corpus: Corpus) -> None:
    assert titles(several(rank(corpus, COMPARE), ["gone", *corpus.ids(OWLS)]))[0] == OWLS


def test_one_clear_paper_is_quoted_alone(corpus: Corpus) -> None:
    question = "Why do compost sensors fail in winter?"
    ((hit, quotes),) = quoted(quoting_model(), rank(corpus, question), question, [], 100)
    assert hit.paper.title == COMPOST
    assert quotes


def test_the_closer_the_second_paper_the_more_of_it_is_worth_its_words(corpus: Corpus) -> None:
    question = "What freezes in the sensors of compost heaps?"
    ranking = rank(corpus, question)

    def of_second(margin: float) -> int:
        near = scored(ranking, 5.0, 5.0 - margin)
        (first, quotes), *rest = quoted(quoting_model(), near, question, [], 80)
        assert first == near.papers[0]
        assert quotes
        assert [hit for hit, _ in rest] == list(near.papers[1:2]) * bool(rest)
        return sum(len(few) for _, few in rest)

    assert of_second(0.0) >= of_second(2.9) == 1
    assert of_second(4.0) == 0


def test_a_close_second_paper_takes_no_words_that_are_not_there(corpus: Corpus) -> None:
    question = "What freezes in the sensors of compost heaps?"
    near = scored(rank(corpus, question), 5.0, 2.1)
    assert len(quoted(quoting_model(), near, question, [], 80)) == 2
    assert len(quoted(quoting_model(), near, question, [], 5)) == 1


def test_a_lone_paper_has_no_second(corpus: Corpus) -> None:
    question = "What freezes?"
    lone = scored(rank(corpus, question), 5.0)
    assert len(quoted(quoting_model(), lone, question, [], 80)) == 1


@pytest.mark.parametrize("most", [10, 115])
def test_each_paper_compared_has_its_own_words(corpus: Corpus, most: int) -> None:
    homes = corpus.ids(POLLEN, OWLS)
    found = quoted(quoting_model(), rank(corpus, COMPARE), COMPARE, homes, most)
    assert titles([hit for hit, _ in found]) == [POLLEN, OWLS]
    assert all(quotes for _, quotes in found)
    assert all(
        {quote.passage.paper_id for quote in quotes} == {hit.paper.paper_id}
        for hit, quotes in found
    )
