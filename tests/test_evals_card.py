"""The judge's card: what it measures, whom it holds for, and which judges fall under its bars."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.late import Passage
from assistant.schema import Verdict
from evals import card as cards
from evals.__main__ import main
from evals.card import Card, as_json, card, from_json, holds_for, lines, missed
from evals.card_data import Result, corpus, gathered
from evals.card_figures import measured
from evals.judge_data import Case, adversarial, json_lines
from evals.metrics import Estimate


@pytest.fixture(scope="module")
def papers() -> dict[str, str]:
    """Some papers; reading and judging all of them takes a minute."""
    everything = corpus()
    return dict(sorted(everything.items())[:12])


class Yes:
    """A judge that supports whatever it is asked."""

    threshold = 0.5

    def verdict(
        self, claim: str, passages: Sequence[Passage], titles: Mapping[str, str] | None = None
    ) -> Verdict:
        return Verdict("supported", 1.0)


@pytest.fixture(scope="module")
def shipped(papers: dict[str, str]) -> Card:
    return card(papers)


@pytest.fixture(scope="module")
def blessed(papers: dict[str, str]) -> Card:
    return card(papers, Yes())


def test_the_shipped_judge_is_far_above_those_that_read_nothing(shipped: Card) -> None:
    best = max(one["balanced_accuracy"] for one in shipped.fools.values())
    assert shipped.figures["paired"].value > 0.85
    assert shipped.figures["balanced_accuracy"].value > best
    assert shipped.figures["auroc"].low > shipped.fools["the longer, the worse"]["auroc"]


def test_true_sentences_pass_and_spoilt_ones_do_not(shipped: Card) -> None:
    for kind in ("verbatim", "evidence", "foreign", "negation", "number"):
        assert shipped.controls[kind].value > 0.7, kind


def test_a_judge_that_always_says_yes_is_under_its_bars(blessed: Card) -> None:
    assert blessed.figures["paired"].value == 0.5
    assert blessed.figures["balanced_accuracy"].value == 0.5
    assert blessed.controls["verbatim"].value == 1
    assert blessed.controls["evidence"].value == 0
    said = {line.split(":")[0] for line in missed(blessed)}
    assert said >= {"paired", "balanced_accuracy", "control evidence"}
    assert "precision" not in blessed.figures


def test_the_shipped_card_says_that_it_is_in_sample_and_what_was_unseen(shipped: Card) -> None:
    assert shipped.is_in_sample
    assert "in sample: it was fitted on these pairs" in lines(shipped)
    fitted = json.loads(cards.FITTED.read_text(encoding="utf-8"))["figures"]
    assert shipped.unseen["auroc"] == fitted["auroc"]
    assert "cross-validated by paper" in lines(shipped)


def test_a_judge_of_ones_own_is_not_in_sample(blessed: Card) -> None:
    assert not blessed.is_in_sample
    assert blessed.unseen == {}
    assert "in sample" not in lines(blessed)


def test_a_card_holds_for_one_judge_alone(shipped: Card) -> None:
    judge = shipped.judge
    about = {
        "fitted": {"judge.json": judge["fitted"]},
        "judge": {"threshold": judge["threshold"]},
    }
    assert holds_for(shipped, about)
    assert not holds_for(shipped, {**about, "judge": {"threshold": 0.99}})
    assert not holds_for(shipped, {**about, "fitted": {"judge.json": "other"}})


def test_a_card_comes_back_as_it_was_written(shipped: Card) -> None:
    text = json.dumps(as_json(shipped))
    assert as_json(from_json(json.loads(text))) == as_json(shipped)


def test_the_same_seed_gathers_the_same_claims(papers: dict[str, str]) -> None:
    assert gathered(papers, whole=False) == gathered(papers, whole=False)


def test_the_whole_has_more_claims_than_the_sample() -> None:
    everything = corpus()
    few, many = (gathered(everything, whole=whole) for whole in (False, True))
    assert len(many) > len(few) + 1000
    assert {case.source for case in few} >= {"pairs", "adversarial", "controls"}


def case(answer: str, kind: str, supported: bool, claim: str = "It is small.") -> Case:
    return Case("pairs", "P", answer, kind, claim, "P", "It is a small thing.", supported)


def test_an_answer_is_as_good_as_its_worst_claim() -> None:
    told = [
        *(case("P|1+", "number", True), case("P|1+", "number", True)),
        *(case("P|1-", "number", True), case("P|1-", "number", False)),
        *(case("P|2+", "entity", True), case("P|2-", "entity", False)),
    ]
    said = [(0.9, True), (0.8, True), (0.9, True), (0.2, False), (0.6, True), (0.7, True)]
    found = measured(told, [Result(*one) for one in said])
    assert found["figures"]["paired"].value == 0.5
    assert found["figures"]["balanced_accuracy"].value == 0.75
    assert found["figures"]["recall"].value == 0.5
    assert found["figures"]["precision"].value == 1
    assert found["by_flaw"]["number"].value == 1
    assert found["by_flaw"]["entity"].value == 0
    assert found["found_by_flaw"]["number"] == Estimate(
        1.0, pytest.approx(0.2065, abs=1e-4), pytest.approx(1.0), 1
    )
    assert sum(n for _, _, n in found["bins"]) == 4


def test_a_bar_that_nothing_measures_is_missed(shipped: Card) -> None:
    empty = replace(shipped, controls={})
    assert "control evidence: nothing measures it" in missed(empty)


def test_the_public_sets_must_be_where_they_are_said_to_be(
    papers: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(AssistantError, match="not there: name the folder"):
        gathered(papers, whole=False, public=tmp_path)


def test_a_corpus_without_the_papers_of_the_pairs_is_refused() -> None:
    with pytest.raises(AssistantError, match="use the shipped corpus"):
        gathered({"Elsewhere": "It is not here."}, whole=False)


def test_the_adversarial_set_has_both_sides_of_each_claim(papers: dict[str, str]) -> None:
    rows = json_lines(Path(cards.__file__).parent / "data" / "adversarial.jsonl")
    everything = corpus()
    found = list(adversarial(rows, everything))
    assert len(found) == 2 * len(rows)


def test_the_verb_prints_the_card_and_exits_by_its_bars(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    shipped: Card,
    blessed: Card,
) -> None:
    for one, code in ((replace(shipped, figures=_high(shipped), controls=_high_controls(shipped)),
                       0), (blessed, 1)):  # fmt: skip
        monkeypatch.setattr(cards, "card", lambda *_, one=one, **__: one)
        assert main(["judge", "--out", str(tmp_path / "card.json")]) == code
        out = capsys.readouterr().out
        assert re.search(r"balanced accuracy at the threshold +\d", out)
        assert ("under its bar" in out) == bool(code)
    assert cards.load(tmp_path / "card.json") == from_json(as_json(blessed))


def _high(one: Card) -> dict[str, Estimate]:
    return {key: found._replace(low=0.95) for key, found in one.figures.items()}


def _high_controls(one: Card) -> dict[str, Estimate]:
    return {key: found._replace(low=0.95) for key, found in one.controls.items()}
