from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.encoder import MiniLM
from assistant.errors import ConfigError
from assistant.late import Passage, parts_of, passages
from assistant.schema import Chunk, Verdict
from assistant.verify import Judge, is_claim, split_claims
from assistant.verify.scoring import Model

Ask = Callable[[str], Verdict]
TITLE = "InTAR: Inter-Task Auto-Reconfigurable Accelerator Design"
ABSTRACT = (
    "The rise of deep neural networks has driven an increased demand for computing power."
    " We propose InTAR, a design that switches execution patterns automatically with a static"
    " schedule determined before circuit design. Compared with dataflow accelerators, InTAR is 1.8x"
    " faster and reduces memory traffic by 42%. An editing branch queries the key and value from a"
    " reconstruction branch. InTAR may generalise to some other boards, but was tested on the"
    " Alveo U280 only. On Llama-2, InTAR outperforms FlightLLM in energy efficiency."
)
FOREIGN = "The dataset holds recordings of songbirds made in tropical forests by local volunteers."


@pytest.fixture(scope="module")
def reader() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def judge(reader: MiniLM) -> Judge:
    return Judge(reader)


def read(reader: MiniLM, abstract: str = ABSTRACT, title: str = TITLE) -> list[Passage]:
    chunk = Chunk("c", "p", title, abstract, 0, len(abstract))
    return passages(abstract, parts_of([(chunk, reader.read([chunk.embedded_text])[0])]))


@pytest.fixture(scope="module")
def evidence(reader: MiniLM) -> list[Passage]:
    return read(reader)


@pytest.fixture
def ask(judge: Judge, evidence: list[Passage]) -> Ask:
    def verdict(claim: str) -> Verdict:
        return judge.verdict(claim, evidence, {"p": TITLE})

    return verdict


def test_every_sentence_of_the_abstract_is_supported(ask: Ask, evidence: list[Passage]) -> None:
    assert [ask(passage.text).label for passage in evidence] == ["supported"] * len(evidence)


def test_a_supported_claim_has_its_span_and_no_reason(ask: Ask) -> None:
    verdict = ask("Compared with dataflow accelerators, InTAR is 1.8x faster.")
    assert verdict.label == "supported"
    assert verdict.reason == ""
    assert verdict.evidence.paper_id == "p"
    assert verdict.evidence.quote == ABSTRACT[verdict.evidence.start : verdict.evidence.end]
    assert "1.8x" in verdict.evidence.quote


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        pytest.param(
            "Compared with dataflow accelerators, InTAR is 2.8x faster.",
            "1.8x, not 2.8x",
            id="number",
        ),
        pytest.param(
            "InTAR reduces memory traffic by 24%.", "42%, not 24%", id="number_of_that_unit"
        ),
        pytest.param(
            "Compared with dataflow accelerators, InTAR is 1.8x slower.", "slower", id="direction"
        ),
        pytest.param(
            "On Llama-2, FlightLLM outperforms InTAR in energy efficiency.",
            "the other way round",
            id="who_wins",
        ),
        pytest.param(
            "We do not propose InTAR, a design that switches execution patterns automatically with"
            " a static schedule determined before circuit design.",
            "not",
            id="negation",
        ),
    ],
)
def test_what_the_abstract_denies_is_contradicted(ask: Ask, claim: str, reason: str) -> None:
    verdict = ask(claim)
    assert verdict.label == "contradicted"
    assert reason in verdict.reason


def test_a_name_that_the_abstract_does_not_hold_is_named(ask: Ask) -> None:
    verdict = ask("On Llama-2 and on ImageNet, InTAR outperforms FlightLLM in energy efficiency.")
    assert verdict.label == "partial"
    assert verdict.reason == "the abstract does not mention ImageNet"


def test_a_name_may_stand_in_the_title_alone(judge: Judge, reader: MiniLM) -> None:
    abstract = ABSTRACT.replace("InTAR", "the design")
    claim = "Compared with dataflow accelerators, InTAR is 1.8x faster."
    named = judge.verdict(claim, read(reader, abstract), {"p": TITLE})
    unnamed = judge.verdict(claim, read(reader, abstract, "A Design"), {"p": "A Design"})
    assert named.score > unnamed.score


def test_what_only_another_paper_says_is_not_in_evidence(ask: Ask) -> None:
    verdict = ask(FOREIGN)
    assert verdict.label == "not_in_evidence"
    assert verdict.reason.startswith("the abstract does not say")


def test_a_clause_made_up_lowers_the_score(ask: Ask) -> None:
    claim = "Compared with dataflow accelerators, InTAR is 1.8x faster"
    invented = ask(f"{claim}, and it was adopted by two city councils.")
    assert invented.score < ask(f"{claim}.").score
    assert invented.label in ("partial", "not_in_evidence")


def test_a_claim_that_goes_too_far_says_where(ask: Ask) -> None:
    verdict = ask("InTAR always generalises to all other boards.")
    assert verdict.label != "supported"
    assert "as far as" in verdict.reason


@pytest.mark.parametrize(
    "text", ["## Findings", "Which one is faster?", "Here is a comparison:", "Sources",
             "**Results**",
             "The abstracts do not say which board was used."]
)  # fmt: skip
def test_what_claims_nothing_is_no_claim(ask: Ask, text: str) -> None:
    assert not is_claim(text)
    verdict = ask(text)
    assert (verdict.label, verdict.evidence) == ("not_a_claim", None)


@pytest.mark.parametrize("text", ["InTAR is faster [1].", "- It uses **two** branches", "It wins."])
def test_a_short_statement_is_a_claim(text: str) -> None:
    assert is_claim(text) is (len(text.split()) > 2)


def test_nothing_cited_is_not_in_evidence(judge: Judge) -> None:
    assert judge.verdict("InTAR is quite fast.", []).label == "not_in_evidence"


def test_a_claim_without_a_word_that_tells_still_gets_a_verdict(ask: Ask) -> None:
    assert 0 <= ask("it is what it is").score <= 1
    assert 0 <= ask("这是 一个 a 结果").score <= 1


def test_a_threshold_may_be_set(reader: MiniLM, evidence: list[Passage]) -> None:
    claim = "Compared with dataflow accelerators, InTAR is 1.8x faster."
    assert Judge(reader, threshold=1.01).verdict(claim, evidence, {"p": TITLE}).label != "supported"


def test_text_is_split_at_semicolons_and_items() -> None:
    text = "It has two long branches; the other one is trained. See:\n- one item\n- another item"
    assert [text[a:b] for a, b in split_claims(text)] == [
        "It has two long branches",
        "the other one is trained.",
        "See:",
        "one item",
        "another item",
    ]


def test_a_semicolon_in_brackets_splits_nothing() -> None:
    text = "It was tried on three sets (one of cats and of dogs; two of birds and of bees)."
    assert len(split_claims(text)) == 1


def test_a_damaged_model_says_its_cure(tmp_path: Path) -> None:
    (tmp_path / "judge.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="reinstall"):
        Model.load(tmp_path / "judge.json")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("It has two branches.", "the abstract says three branches, not two branches"),
        ("Training took 5 GPU days.", "the abstract says 4 GPU, not 5 GPU"),
    ],
)
def test_another_number_of_the_same_thing_is_a_conflict(
    reader: MiniLM, judge: Judge, claim: str, reason: str
) -> None:
    text = "It has three branches. Training takes 4 GPU days on two machines and five datasets."
    verdict = judge.verdict(claim, read(reader, text, "PIDNet"))
    assert (verdict.label, verdict.reason) == ("contradicted", reason)
    right = claim.replace("two", "3").replace("5", "four")
    assert judge.verdict(right, read(reader, text, "PIDNet")).label == "supported"
