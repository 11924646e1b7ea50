import numpy as np
import pytest
from corpora import Corpus, quoting_model, refusal_model

from assistant.answerability import FEATURES, features
from assistant.quoting import quotes


def row(corpus: Corpus, question: str, top_k: int = 6) -> dict[str, float]:
    ranking = corpus.retriever.rank(question, top_k)
    best = ranking.passages[ranking.papers[0].paper.paper_id]
    values = features(ranking, quotes(quoting_model(), question, ranking.query, best))
    assert values.shape == (len(FEATURES),)
    assert np.isfinite(values).all()
    return dict(zip(FEATURES, map(float, values), strict=True))


def probability(corpus: Corpus, question: str) -> float:
    values = np.array([list(row(corpus, question).values())])
    return float(refusal_model().probability(values)[0])


@pytest.mark.parametrize(
    "question",
    [
        "Why do compost sensors fail in winter?",
        "By how much does TideFormer lower the mean error on GaugeSet-5?",
        "How are pollen grains counted in photographs?",
    ],
)
def test_what_the_corpus_answers_is_likely_answered(corpus: Corpus, question: str) -> None:
    assert probability(corpus, question) > 0.6


@pytest.mark.parametrize(
    "question",
    [
        "What is the boiling point of mercury on Venus?",
        "Who won the chess championship of 1972?",
        "How many parameters does LlamaNet have?",
    ],
)
def test_what_the_corpus_knows_nothing_of_is_not(corpus: Corpus, question: str) -> None:
    assert probability(corpus, question) < 0.3


def test_a_name_that_is_not_there_is_missed(corpus: Corpus) -> None:
    here, gone = (row(corpus, f"How does {name} hear owls?") for name in ("OwlEar", "BatEar"))
    assert (here["has_names"], here["names_found"], here["names_missing"]) == (1.0, 1.0, 0.0)
    assert (gone["has_names"], gone["names_found"], gone["names_missing"]) == (1.0, 0.0, 1.0)
    assert here["named_coverage"] == here["coverage"]
    assert row(corpus, "What hears owls?")["named_coverage"] == 0.0


def test_a_quantity_asks_for_a_sentence_with_a_number(corpus: Corpus) -> None:
    told = row(corpus, "How many recordings is OwlEar trained on?")
    untold = row(corpus, "How long do the connectors of compost heaps stay dry?")
    assert (told["quantity"], told["quantity_without_number"]) == (1.0, 0.0)
    assert told["quantity_gap"] == 0.0
    assert untold["quantity"] == 1.0
    assert row(corpus, "Why do sensors fail?")["quantity"] == 0.0


def test_a_paper_without_any_number_tells_no_quantity(corpus: Corpus) -> None:
    question = "How long do owls sleep?"
    ranking = corpus.retriever.rank(question, 1)
    best = ranking.passages[ranking.papers[0].paper.paper_id]
    plain = [one for one in best if not any(letter.isdigit() for letter in one.text)]
    values = features(ranking, quotes(quoting_model(), question, ranking.query, plain))
    known = dict(zip(FEATURES, values, strict=True))
    assert known["quantity_without_number"] == 1.0
    assert known["quantity_gap"] < 0


def test_the_thing_asked_for_is_looked_for(corpus: Corpus) -> None:
    found = row(corpus, "Which temperature sensors fail in compost heaps?")
    missing = row(corpus, "Which violin players fail in compost heaps?")
    assert found["asks_for_thing"] == missing["asks_for_thing"] == 1.0
    assert found["thing_worded"] == 1.0
    assert missing["thing_worded"] < 0.5
    assert found["thing_covered"] > missing["thing_covered"]
    assert row(corpus, "Do sensors fail?")["asks_for_thing"] == 0.0


def test_the_features_stay_within_their_bounds(corpus: Corpus) -> None:
    found = row(corpus, "Why do compost sensors fail in winter?")
    shares = ("coverage", "words_found", "share_below_half", "share_above_eight", "best_quote")
    assert all(0.0 <= found[name] <= 1.0 for name in shares)
    assert found["share_below_half"] <= found["share_below_six"]
    assert found["best_quote"] >= found["best_three_quotes"]
    assert found["best_sentence"] >= found["best_two_sentences"]
    assert found["coverage"] >= max(found["best_sentence"], found["weakest_piece"])


def test_a_lone_paper_has_no_margin(corpus: Corpus) -> None:
    found = row(corpus, "Why do compost sensors fail in winter?", top_k=1)
    assert (found["fused_margin"], found["coverage_margin"]) == (0.0, found["coverage"])


@pytest.mark.parametrize("question", ["\u200b", "🙂", "the", "?", "x" * 3_000])
def test_any_question_has_features(corpus: Corpus, question: str) -> None:
    assert row(corpus, question)
