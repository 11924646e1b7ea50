from collections.abc import Sequence

import pytest
from corpora import COMPOST, OWLS, TIDES, Corpus
from fakes import FakeJudge

from assistant.citations import CitedSentence, Draft
from assistant.grounding import Grounded, ground, verdict_of
from assistant.schema import Citation, ScoredPaper

OWL_CLAIM = "OwlEar is trained on 40,000 recordings of NightCalls-7."
TIDE_CLAIM = "TideFormer needs 4 GPU hours of training."
FALSE_CLAIM = "Penguins play chess in Paris."


def hits(corpus: Corpus, *titles: str) -> tuple[ScoredPaper, ...]:
    papers = [corpus.paper(title) for title in titles]
    return tuple(ScoredPaper(paper, rank, 1.0) for rank, paper in enumerate(papers, 1))


def grounded(
    corpus: Corpus,
    text: str,
    sentences: Sequence[tuple[str, tuple[int, ...]]],
    cited: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
    judge: FakeJudge | None = None,
) -> Grounded:
    said = tuple(CitedSentence(*sentence) for sentence in sentences)
    draft = Draft(text, said, hits(corpus, *cited), hits(corpus, *others))
    return ground(draft, corpus.readings, judge or FakeJudge())  # type: ignore[arg-type]


def test_a_sentence_is_held_against_what_it_cites_and_nothing_else(corpus: Corpus) -> None:
    judge, (owls, tides) = FakeJudge(), corpus.ids(OWLS, TIDES)
    said = [(OWL_CLAIM, (1,)), (TIDE_CLAIM, (2,))]
    found = grounded(corpus, f"{OWL_CLAIM} {TIDE_CLAIM}", said, (OWLS, TIDES), (COMPOST,), judge)
    assert judge.asked == [(OWL_CLAIM, [owls]), (TIDE_CLAIM, [tides])]
    assert [one.verdict.label for one in found.sentences] == ["supported", "supported"]
    assert found.text == f"{OWL_CLAIM} {TIDE_CLAIM}"


def test_a_citation_quotes_the_sentence_that_supports_it(corpus: Corpus) -> None:
    found = grounded(corpus, OWL_CLAIM, [(OWL_CLAIM, (1,))], (OWLS,))
    paper = corpus.paper(OWLS)
    assert found.citations == (Citation(1, paper.paper_id, OWLS, OWL_CLAIM, paper.url),)
    evidence = found.sentences[0].verdict.evidence
    assert evidence is not None
    assert paper.abstract[evidence.start : evidence.end] == evidence.quote == OWL_CLAIM


def test_of_two_sentences_the_surer_one_gives_the_quote(corpus: Corpus) -> None:
    vague = "Rain remains a nuisance of alarms, they say."
    found = grounded(corpus, "", [(vague, (1,)), (OWL_CLAIM, (1,))], (OWLS,))
    assert found.citations[0].quote == OWL_CLAIM


def test_a_sentence_that_its_source_does_not_say_keeps_its_citation_and_its_verdict(
    corpus: Corpus,
) -> None:
    found = grounded(corpus, FALSE_CLAIM, [(FALSE_CLAIM, (1,))], (OWLS,))
    (sentence,) = found.sentences
    assert (sentence.citations, sentence.verdict.label) == ((1,), "not_in_evidence")


def test_two_sources_support_a_sentence_alone_or_together(corpus: Corpus) -> None:
    judge, (owls, tides) = FakeJudge(), corpus.ids(OWLS, TIDES)
    found = grounded(corpus, "", [(TIDE_CLAIM, (1, 2))], (OWLS, TIDES), judge=judge)
    assert [ids for _, ids in judge.asked] == [[owls], [tides], [owls, tides]]
    verdict = found.sentences[0].verdict
    assert verdict.label == "supported"
    assert verdict.evidence is not None
    assert verdict.evidence.paper_id == tides


@pytest.mark.parametrize("text", ["Here is a comparison:", "How do they compare?"])
@pytest.mark.parametrize("numbers", [(), (1,)])
def test_what_claims_nothing_is_not_judged(
    corpus: Corpus, text: str, numbers: tuple[int, ...]
) -> None:
    judge = FakeJudge()
    found = grounded(corpus, text, [(text, numbers)], (OWLS,), judge=judge)
    (sentence,) = found.sentences
    assert (sentence.verdict.label, sentence.citations) == ("not_a_claim", numbers)
    assert judge.asked == []
    assert found.text == text


def test_a_sentence_without_a_citation_gets_that_of_the_paper_that_supports_it(
    corpus: Corpus,
) -> None:
    found = grounded(corpus, TIDE_CLAIM, [(TIDE_CLAIM, ())], (), (OWLS, TIDES, COMPOST))
    assert found.text == f"{TIDE_CLAIM} [1]"
    assert [sentence.citations for sentence in found.sentences] == [(1,)]
    assert [citation.title for citation in found.citations] == [TIDES]
    assert [hit.paper.title for hit in found.papers] == [TIDES, OWLS, COMPOST]


def test_it_gets_the_number_that_its_paper_has_already(corpus: Corpus) -> None:
    said = [(OWL_CLAIM, (1,)), ("OwlEar is a network.", ())]
    found = grounded(corpus, f"{OWL_CLAIM} [1] OwlEar is a network.", said, (OWLS,), (TIDES,))
    assert found.text == f"{OWL_CLAIM} [1] OwlEar is a network. [1]"
    assert len(found.citations) == 1


def test_the_same_words_twice_are_marked_twice(corpus: Corpus) -> None:
    said = [(TIDE_CLAIM, ()), (TIDE_CLAIM, ())]
    found = grounded(corpus, f"{TIDE_CLAIM} {TIDE_CLAIM}", said, (), (TIDES,))
    assert found.text == f"{TIDE_CLAIM} [1] {TIDE_CLAIM} [1]"


def test_blank_space_within_a_sentence_hides_it_from_nobody(corpus: Corpus) -> None:
    text = TIDE_CLAIM.replace("needs 4", "needs  4")
    found = grounded(corpus, text, [(TIDE_CLAIM, ())], (), (TIDES,))
    assert found.text == f"{text} [1]"


def test_a_sentence_that_stands_otherwise_in_the_text_is_cited_in_the_list(corpus: Corpus) -> None:
    text = TIDE_CLAIM.replace("training.", "training .")
    found = grounded(corpus, text, [(TIDE_CLAIM, ())], (), (TIDES,))
    assert found.text == text
    assert [citation.title for citation in found.citations] == [TIDES]
    assert found.sentences[0].citations == (1,)


def test_what_no_paper_supports_is_uncited_with_the_nearest_sentence(corpus: Corpus) -> None:
    found = grounded(corpus, FALSE_CLAIM, [(FALSE_CLAIM, ())], (OWLS,), (TIDES,))
    (sentence,) = found.sentences
    assert (sentence.citations, sentence.verdict.label) == ((), "uncited")
    assert sentence.verdict.evidence is not None
    assert "none that was read supports it" in sentence.verdict.reason
    assert found.text == FALSE_CLAIM
    assert [hit.paper.title for hit in found.papers] == [OWLS, TIDES]


def test_where_nothing_was_read_a_claim_is_uncited(corpus: Corpus) -> None:
    found = grounded(corpus, FALSE_CLAIM, [(FALSE_CLAIM, ())])
    assert found.sentences[0].verdict.label == "uncited"
    assert (found.citations, found.papers) == ((), ())


def test_a_citation_of_which_nothing_is_supported_has_no_quote_of_another(corpus: Corpus) -> None:
    said = [(OWL_CLAIM, (1,)), ("How is it?", (2,))]
    found = grounded(corpus, "", said, (OWLS, TIDES))
    assert [citation.quote for citation in found.citations] == [OWL_CLAIM, ""]


def test_an_empty_draft_stays_empty(corpus: Corpus) -> None:
    found = grounded(corpus, "", [], (), (OWLS,))
    assert found[:3] == ("", (), ())
    assert [hit.paper.title for hit in found.papers] == [OWLS]


def test_a_claim_is_held_against_all_papers_given_together(corpus: Corpus) -> None:
    papers = hits(corpus, OWLS, TIDES)
    passages = corpus.readings.of([hit.paper for hit in papers])
    judge = FakeJudge()
    verdict = verdict_of(TIDE_CLAIM, papers, passages, judge)  # type: ignore[arg-type]
    assert judge.asked == [(TIDE_CLAIM, [hit.paper.paper_id for hit in papers])]
    assert verdict.label == "supported"


def test_a_source_found_later_and_cited_earlier_is_number_one(corpus: Corpus) -> None:
    said = [(TIDE_CLAIM, ()), (OWL_CLAIM, (1,))]
    found = grounded(corpus, f"{TIDE_CLAIM} {OWL_CLAIM} [1]", said, (OWLS,), (TIDES,))
    assert found.text == f"{TIDE_CLAIM} [1] {OWL_CLAIM} [2]"
    assert [sentence.citations for sentence in found.sentences] == [(1,), (2,)]
    assert [citation.title for citation in found.citations] == [TIDES, OWLS]
    assert [hit.paper.title for hit in found.papers] == [TIDES, OWLS]
