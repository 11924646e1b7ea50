"""The measuring rod itself: what is loaded, how it is measured, and how folds are cut."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evals import metrics
from evals.__main__ import main
from evals.dataset import BadData, Sample, check, load
from evals.folds import fold_of, grouped, papers_of, splits
from evals.gate import Bounds, missed
from evals.metrics import Refusals
from evals.report import estimates, report, table
from evals.rows import Row, accounted, states

PAPER = "Tiny Nets"
SAMPLE = Sample(
    "x-1",
    "dev",
    "result",
    "How small?",
    relevant=(PAPER,),
    must=(("3 MB", "3MB"), ("twice",)),
    reference="It takes 3 MB and is twice as fast.",
)
ABSTRACTS = {PAPER: "Nets of 3mb that run Twice as fast."}
SILENT = Sample("x-2", "unanswerable", "unanswerable", "Who?", subkind="out_of_corpus")


def row(sample: Sample = SAMPLE, **fields: object) -> Row:
    return replace(Row(sample, "scored"), **fields)  # type: ignore[arg-type]


def test_recall_counts_the_relevant_among_the_first_k() -> None:
    ranked = ["a", "b", "c", "d"]
    assert metrics.recall_at(ranked, ["a"], 1) == 1
    assert metrics.recall_at(ranked, ["b"], 1) == 0
    assert metrics.recall_at(ranked, ["b", "z"], 3) == 0.5


def test_reciprocal_rank_and_ndcg_fall_with_the_rank() -> None:
    assert metrics.reciprocal_rank(["a", "b"], ["b"]) == 0.5
    assert metrics.reciprocal_rank(["a"], ["z"]) == 0
    assert metrics.ndcg_at(["a", "b"], ["a"], 10) == 1
    assert metrics.ndcg_at(["a", "b"], ["b"], 10) == pytest.approx(0.6309, abs=1e-4)
    assert metrics.ndcg_at(["a", "x", "b"], ["a", "b"], 10) == pytest.approx(0.9197, abs=1e-4)
    assert metrics.ndcg_at(["a", "b"], ["b"], 1) == 0


def test_all_required_facts_must_stand_in_any_of_their_spellings() -> None:
    assert metrics.facts_held("It has 3MB and is TWICE as fast.", SAMPLE.must)
    assert not metrics.facts_held("It has 3 MB.", SAMPLE.must)
    assert metrics.facts_held("anything", ())


def test_a_refusal_holds_and_cites_nothing() -> None:
    declined = row(state="refused", text="3 MB, twice", cited=(PAPER,))
    assert not declined.facts_held
    assert declined.gold_cited == 0
    assert row(text="3 MB, twice", cited=(PAPER,)).facts_held


def test_words_are_counted_without_citations() -> None:
    assert metrics.words("One two [1]. Three [12][3]") == 3


def test_refusals_make_a_table_of_four() -> None:
    pairs = [(True, False), (True, False), (True, True), (False, True)]
    assert metrics.refusals(pairs) == Refusals(2, 1, 0, 1)


def test_wilson_interval_is_the_one_in_the_books() -> None:
    estimate = metrics.proportion([True] * 8 + [False] * 2)
    assert (estimate.value, estimate.n) == (0.8, 10)
    assert estimate.low == pytest.approx(0.4902, abs=1e-4)
    assert estimate.high == pytest.approx(0.9433, abs=1e-4)
    assert metrics.proportion([True] * 5).low < 1


def test_bootstrap_draws_whole_clusters_and_repeats() -> None:
    clusters = [[0.0] * 4, [1.0] * 4] * 10
    estimate = metrics.mean(clusters, seed=3)
    assert estimate == metrics.mean(clusters, seed=3)
    assert estimate.n == 20
    assert estimate.value == 0.5
    # Eighty independent values would give ± .11; twenty clusters give ± .22.
    assert 0.18 < 0.5 - estimate.low < 0.26
    assert metrics.mean([[], [1.0]]).value == 1


def test_the_own_data_load_and_no_id_stands_twice() -> None:
    samples = load()
    assert len(samples) == len({sample.id for sample in samples}) == 533
    assert sum(sample.is_single for sample in samples) == 249
    assert all(sample.subkind for sample in samples if not sample.is_answerable)


def test_a_good_sample_has_no_fault() -> None:
    assert check([SAMPLE, SILENT], ABSTRACTS) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"relevant": ("No Such Paper",)}, "no paper is called"),
        ({"near": ("No Such Paper",)}, "no paper is called"),
        ({"must": (("4 MB",),)}, "the abstract does not hold '4 MB'"),
        ({"reference": "It is twice as fast."}, "the reference does not hold '3 MB'"),
        ({"must": ()}, "must is missing"),
        ({"kind": "riddle"}, "unknown kind"),
        ({"kind": "followup"}, "has a history"),
        ({"flaw": "boring"}, "unknown flaw"),
        ({"unfaithful": SAMPLE.reference}, "the reference itself"),
        ({"kind": "unanswerable"}, "unknown subkind"),
        ({"kind": "unanswerable", "subkind": "near_miss"}, "neither relevant papers nor"),
        ({"id": SILENT.id}, "stands 2 times"),
    ],
)
def test_a_planted_fault_is_found(fault: dict[str, str], said: str) -> None:
    faults = check([replace(SAMPLE, **fault), SILENT], ABSTRACTS)  # type: ignore[arg-type]
    assert any(said in line for line in faults), faults


def test_a_broken_line_names_itself(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text('{"id": "a"}\n', encoding="utf-8")
    with pytest.raises(BadData, match=r"dev\.jsonl:1: KeyError"):
        load(["dev"], tmp_path)


def test_entries_that_share_a_paper_share_their_fold() -> None:
    samples = load()
    titles = [papers_of(sample) for sample in samples]
    folds = fold_of(grouped(titles))
    for outside, inside in splits(folds):
        assert not {t for n in outside for t in titles[n]} & {t for n in inside for t in titles[n]}
        assert abs(len(inside) - len(samples) / 5) <= 2


def test_each_row_is_in_one_state_and_none_is_lost() -> None:
    rows = [row(), row(SILENT, state="refused"), row(SILENT, state="pipeline_failed")]
    assert states(rows) == {"scored": 1, "refused": 1, "pipeline_failed": 1}
    with pytest.raises(AssertionError):
        accounted(rows[:2], [row.sample for row in rows])
    with pytest.raises(AssertionError):
        accounted(rows, [SILENT, SAMPLE, SILENT])
    with pytest.raises(AssertionError):
        accounted([row(state="lost")], [SAMPLE])


def test_what_broke_leaves_the_denominators_and_is_counted_beside_them() -> None:
    good = row(text="3 MB, twice", ranked=(PAPER,), cited=(PAPER,), verdicts=("supported",))
    rows = [good, replace(good, sample=replace(SAMPLE, id="x-3"), state="pipeline_failed")]
    found = estimates(rows)
    assert found["facts_held"][::3] == (1, 1)
    assert found["declined_answerable"].n == 1
    assert "declined_unanswerable" not in found
    assert report(rows, {})["states"]["pipeline_failed"] == 1
    assert "1 scored, 0 refused, 1 pipeline_failed" in table(rows)
    assert missed(rows, Bounds({}, {})) == ["1 of 2 questions broke the pipeline"]


def test_the_gate_looks_at_the_ends_of_the_interval() -> None:
    rows = [row(text="3 MB, twice" if n else "", ranked=(PAPER,)) for n in range(10)]
    assert missed(rows, Bounds({"facts_held": 0.55}, {"facts_held": 0.99})) == []
    low, high = missed(rows, Bounds({"facts_held": 0.9}, {"facts_held": 0.9}))
    assert low == "facts_held: low end 0.596 is below 0.900 (value 0.900, n = 10)"
    assert "high end 0.982 is above 0.900" in high
    (line,) = missed(rows, Bounds({"compare_cited": 0.5}, {}))
    assert line == "compare_cited: no question measures it"


def test_the_shipped_bounds_name_known_measures_alone(tmp_path: Path) -> None:
    assert Bounds.load().floors["r_at_1"] > 0.8
    wrong = tmp_path / "gate.toml"
    wrong.write_text("[floors]\nbeauty = 1\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"unknown beauty; measures are compare_cited,"):
        Bounds.load(wrong)


def asked(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    monkeypatch.setattr("evals.run.run", lambda samples, **_: (rows, {"answerer": "a fake"}))


def test_run_prints_a_table_and_writes_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked(monkeypatch, [row(text="3 MB, twice", timings_ms={"total": 12.0})])
    assert main(["run", "--set", "dev", "--out", str(tmp_path / "new")]) == 0
    assert "required facts held" in capsys.readouterr().out
    written = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert written["rows"][0]["facts_held"] is True
    assert "timings_ms" not in written["rows"][0]
    timings = json.loads((tmp_path / "new" / "timings.json").read_text(encoding="utf-8"))
    assert timings["total"] == {"p50": 12.0, "p95": 12.0}


def test_gate_exits_with_one_and_names_each_figure_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked(monkeypatch, [row(text="3 MB, twice", ranked=(PAPER,))])
    bounds = tmp_path / "gate.toml"
    bounds.write_text("[floors]\nfacts_held = 0.2\n", encoding="utf-8")
    assert main(["gate", "--bounds", str(bounds)]) == 0
    assert "gate open" in capsys.readouterr().out
    bounds.write_text("[floors]\nfacts_held = 0.9\nr_at_1 = 0.9\n", encoding="utf-8")
    assert main(["gate", "--bounds", str(bounds)]) == 1
    assert capsys.readouterr().out.count("missed  ") == 2


def test_bad_data_is_one_line_and_exit_code_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bounds = tmp_path / "gate.toml"
    bounds.write_text("[walls]\n", encoding="utf-8")
    assert main(["gate", "--bounds", str(bounds)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
