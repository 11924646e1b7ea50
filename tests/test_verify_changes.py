"""What a claim changes of the words that it was made of."""

from collections.abc import Callable

import numpy as np
import pytest

from assistant.encoder import MiniLM
from assistant.late import Passage, parts_of, passages
from assistant.schema import Chunk
from assistant.verify import Judge
from assistant.verify.alignment import Aligned, align
from assistant.verify.measures import CLAIM_FEATURES, WORD_FEATURES, measure
from assistant.verify.polarity import signs
from assistant.verify.tracing import trace

TITLE = "InTAR: An Accelerator"
ABSTRACT = (
    "Existing accelerators waste much of their memory traffic. We propose InTAR, which switches"
    " execution patterns with a static schedule. On Llama-2, InTAR outperforms FlightLLM in energy"
    " efficiency. It reaches 81.2% accuracy on CIFAR-10 and 64.5% accuracy on ImageNet. Without"
    " extra training, InTAR reduces the latency of most networks when batches are small."
)
Of = Callable[[str], dict[str, float]]


@pytest.fixture(scope="module")
def reader() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def evidence(reader: MiniLM) -> list[Passage]:
    chunk = Chunk("c", "p", TITLE, ABSTRACT, 0, len(ABSTRACT))
    return passages(ABSTRACT, parts_of([(chunk, reader.read([chunk.embedded_text])[0])]))


@pytest.fixture(scope="module")
def aligned(reader: MiniLM, evidence: list[Passage]) -> Callable[[str], Aligned]:
    return lambda claim: align(reader, claim, evidence, {"p": TITLE})


@pytest.fixture(scope="module")
def of(aligned: Callable[[str], Aligned]) -> Of:
    def measured(claim: str) -> dict[str, float]:
        return dict(zip(CLAIM_FEATURES, measure(aligned(claim))[1].tolist(), strict=True))

    return measured


def test_a_sentence_of_the_abstract_is_traced_word_for_word(
    aligned: Callable[[str], Aligned], of: Of
) -> None:
    claim = "On Llama-2, InTAR outperforms FlightLLM in energy efficiency."
    trail = trace(aligned(claim))
    assert trail.sure == (1.0,) * len(trail.told)
    assert trail.steps == sorted(trail.steps)
    told = of(claim)
    assert (told["trail_share"], told["trail_order"], told["trail_back"]) == (1, 1, 0)


def test_who_wins_changes_sides(of: Of) -> None:
    right = of("On Llama-2, InTAR outperforms FlightLLM in energy efficiency.")
    wrong = of("FlightLLM outperforms InTAR in energy efficiency on Llama-2.")
    assert right["crossed_verb"] == 0
    assert wrong["crossed_verb_near"] > 0.4


def test_two_numbers_exchanged_leave_their_owners(of: Of) -> None:
    right = of("It reaches 81.2% on CIFAR-10 and 64.5% on ImageNet.")
    wrong = of("It reaches 64.5% on CIFAR-10 and 81.2% on ImageNet.")
    assert right["owners_closer"] > wrong["owners_closer"]
    assert wrong["owner_taken"] == 1


def test_one_number_may_be_said_of_the_other_thing(of: Of) -> None:
    right = of("The accuracy on ImageNet is 64.5%.")
    wrong = of("The accuracy on ImageNet is 81.2%.")
    assert wrong["owners_taken"] > right["owners_taken"]


def test_a_condition_left_out_is_counted(of: Of) -> None:
    whole = of("InTAR reduces the latency of most networks when batches are small.")
    less = of("InTAR reduces the latency of all networks, batches are small.")
    assert less["narrower_lost"] > whole["narrower_lost"]
    assert less["wider"] > whole["wider"] == 0


@pytest.mark.parametrize(
    ("claim", "gained"),
    [
        ("InTAR outperforms FlightLLM in energy efficiency.", 0),
        ("InTAR never outperforms FlightLLM in energy efficiency.", 1),
    ],
)
def test_a_denial_put_in_is_counted(of: Of, claim: str, gained: int) -> None:
    assert of(claim)["denials_gained"] == gained


def test_what_is_said_of_earlier_work_is_not_said_of_the_paper(of: Of) -> None:
    assert of("InTAR wastes much of its memory traffic.")["own_as_earlier"] == 1
    assert of("Existing accelerators waste memory traffic.")["own_as_earlier"] == 0


def test_a_turned_direction_has_the_other_sign(of: Of) -> None:
    assert of("InTAR reduces the latency of most networks.")["sign_least"] > 0
    assert of("InTAR increases the latency of most networks.")["sign_least"] < 0


def test_a_denial_turns_the_direction_behind_it() -> None:
    assert signs("it does not increase what is low".split()) == [0, 0, 0, -1, 0, 0, -1]  # noqa: SIM905


@pytest.mark.parametrize(
    "claim", ["it is what it is", "这是 一个 结果", "InTAR", "42 and 43 %", "a b c"]
)
def test_what_tells_nothing_is_measured_all_the_same(
    aligned: Callable[[str], Aligned], claim: str
) -> None:
    words, whole = measure(aligned(claim))
    assert words.shape[1] == len(WORD_FEATURES)
    assert whole.shape == (len(CLAIM_FEATURES),)
    assert np.isfinite(words).all()
    assert np.isfinite(whole).all()


def test_evidence_without_words_is_measured_too(reader: MiniLM) -> None:
    bare = [Passage("p", 0, 1, "?", np.zeros((0, 64), np.float32))]
    words, whole = measure(align(reader, "InTAR is quite fast.", bare, {"p": TITLE}))
    assert np.isfinite(words).all()
    assert np.isfinite(whole).all()


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("FlightLLM outperforms InTAR in energy efficiency on Llama-2.", "the other way round"),
        (
            "It reaches 64.5% accuracy on CIFAR-10 and 81.2% accuracy on ImageNet.",
            "the other way round",
        ),
        (
            "Only with extra training InTAR reduces the latency of most networks when batches are"
            " small.",
            "without",
        ),
    ],
)
def test_what_is_false_in_the_abstracts_own_words_is_contradicted(
    reader: MiniLM, evidence: list[Passage], claim: str, reason: str
) -> None:
    verdict = Judge(reader).verdict(claim, evidence, {"p": TITLE})
    assert verdict.label == "contradicted"
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "claim",
    [
        "InTAR outperforms FlightLLM in energy efficiency on Llama-2.",
        "It reaches 81.2% accuracy on CIFAR-10 and 64.5% accuracy on ImageNet.",
        "With small batches, InTAR cuts the latency of most networks without extra training.",
    ],
)
def test_what_is_only_rearranged_is_supported(
    reader: MiniLM, evidence: list[Passage], claim: str
) -> None:
    assert Judge(reader).verdict(claim, evidence, {"p": TITLE}).label == "supported"
