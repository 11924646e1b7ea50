import json
import sys
from pathlib import Path
from typing import Any

import pytest
from corpora import indexed, minilm

from assistant import build
from assistant.cli import main
from evals.bench import asking, cold, indexing, page, peers, verb
from evals.bench.figures import (
    Figure,
    Goal,
    Measured,
    Ratio,
    Wanted,
    as_json,
    interleaved,
    percentiles,
    ratio,
    seconds,
    together,
)
from evals.bench.setting import Setting


def test_every_way_is_taken_once_a_round_and_not_always_in_the_same_order() -> None:
    taken: list[str] = []

    def way(name: str) -> Any:
        return lambda: float(len(taken.append(name) or taken))  # type: ignore[func-returns-value]

    found = interleaved({name: way(name) for name in "abc"}, 8)
    assert {name: len(values) for name, values in found.items()} == {"a": 8, "b": 8, "c": 8}
    rounds = ["".join(taken[at : at + 3]) for at in range(0, 24, 3)]
    assert {"".join(sorted(one)) for one in rounds} == {"abc"}
    assert len(set(rounds)) > 1


def test_a_ratio_is_taken_round_by_round() -> None:
    # The second round was slow for both; medians of their own would tell 1.5.
    found = {"ours": [2.0, 20.0, 3.0], "theirs": [1.0, 10.0, 2.0]}
    one = ratio("g", "n", found, "ours", "theirs", Goal(2))
    assert one.values == (2.0, 2.0, 1.5)
    assert (one.median, one.goal.met(one.median)) == (2.0, True) if one.goal else False
    assert not Goal(2.1, at_least=True).met(one.median)


def test_percentiles_show_how_far_they_can_be_trusted() -> None:
    (middle, far) = percentiles("g", "n", "ms", [float(n) for n in range(90)])
    assert (middle.name, len(middle.values)) == ("n, p50", 3)
    assert middle.median == 44.5
    assert far.median > 80


def found() -> Measured:
    figures = (
        Figure("asking", "ranked <b>papers</b>", "ms", (1.0, 2.0, 9.0)),
        Figure("asking", "verified answer", "ms", (200.0, 201.0, 202.0)),
        Figure("quality", "R@1", "", (0.9,)),
    )
    over = Ratio("asking", "papers to the floor", "a", "b", (1.2, 1.3), Goal(1.3))
    slow = (Wanted(figures[1], Goal(60)),)
    return together(
        [Measured(figures, (over,)), Measured(wanted=slow, left_out=("bm25s is not installed",))]
    )


def test_figures_are_printed_kept_and_shown_with_what_was_wanted(tmp_path: Path) -> None:
    told = verb.table(found())
    assert "wanted ≤ 1.3: met" in told
    assert "wanted ≤ 60 ms: missed" in told
    assert told.endswith("left out: bm25s is not installed")
    result = json.loads(json.dumps(verb.about(Setting(tmp_path)) | as_json(found())))
    assert [one["met"] for one in (*result["ratios"], *result["wanted"])] == [True, False]
    shown = page.write(result, tmp_path).read_text(encoding="utf-8")
    assert "<b>papers</b>" not in shown
    assert shown.count("<svg") == 1
    assert "bm25s is not installed" in shown
    assert "1.25" in shown


def test_a_group_that_is_measured_again_takes_its_own_place_alone() -> None:
    rows = as_json(found())
    again = as_json(Measured((Figure("quality", "R@1", "", (0.8,)),), left_out=("quality: late",)))
    kept = verb.merged(rows | {"left_out": ["asking: early", "quality: old"]}, again, "quality")
    assert [one["median"] for one in kept["figures"]] == [2.0, 201.0, 0.8]
    assert kept["left_out"] == ["asking: early", "quality: late"]
    assert len(kept["wanted"]) == 1


def test_what_another_version_measured_is_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / verb.FILE).write_text('{"version": "0.0.1", "figures": []}', encoding="utf-8")
    assert verb.before(tmp_path) == {}
    assert verb.before(tmp_path / "nowhere") == {}


def test_the_first_byte_is_waited_for_and_the_rest_is_not_counted() -> None:
    slow = "import sys, time; sys.stdout.write('.'); sys.stdout.flush(); time.sleep(1)"
    told: list[float] = []
    whole = seconds(lambda: told.append(cold.first_byte([sys.executable, "-c", slow], {})))
    assert whole * 1000 - told[0] > 900


def test_what_a_peer_cannot_be_installed_for_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def create(folder: Path, **_: Any) -> None:
        folder.mkdir()

    def fault(words: list[str]) -> str:
        asked.append(words)
        return "no network" if "raglite" in words or peers.WEIGHTS in words else ""

    monkeypatch.setattr(peers.venv, "create", create)
    monkeypatch.setattr(peers, "_fault", fault)
    python = peers.install(tmp_path / "peers")
    told = peers.state(python)
    assert told["raglite"] == "no: it does not install: no network"
    assert told["haiku.rag"].startswith("no: it installs, but")
    assert told["fp32"] == "no: no network"
    assert peers.can(python, "llama-index")
    assert not peers.can(python, "fp32")
    assert peers.model_of(python).name == "minilm-int8.onnx"
    # Once is enough.
    before = len(asked)
    assert peers.install(tmp_path / "peers") == python
    assert len(asked) == before
    assert peers.state(tmp_path / "nowhere" / "bin" / "python") == {}


def test_a_command_that_fails_is_told_by_its_last_line_without_addresses() -> None:
    words = "import sys; sys.exit('it lies at\\nhttps://example.org/simple\\n')"
    assert peers._fault([sys.executable, "-c", words]) == "it lies at"
    assert peers._fault([sys.executable, "-c", ""]) == ""
    assert peers._fault(["/no/such/command"]) == "FileNotFoundError"


def test_a_quick_run_measures_writes_and_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = tmp_path / "bench"
    made = indexed(quick / "data")
    made.index.close()
    made.catalog.close()
    for module in (build, indexing, asking):
        monkeypatch.setattr(module, "MiniLM", minilm)
    monkeypatch.setattr(indexing, "_QUICK", 2)
    monkeypatch.setattr(asking, "_CROWD", (1, 2))
    arguments = ["bench", "--quick", "--out", str(quick), "-q"]
    for group in ("indexing", "asking"):
        arguments += ["--only", group]
    assert main(arguments) == 0
    told = capsys.readouterr()
    result = json.loads((quick / verb.FILE).read_text(encoding="utf-8"))
    names = {one["name"] for one in result["figures"]}
    assert {indexing.OURS, indexing.ALONE, indexing.FIXED} <= names
    assert {f"{way}, 249 papers, p50" for way in (asking.FLOOR, asking.WHOLE)} <= names
    assert all(value > 0 for one in result["figures"] for value in one["values"])
    assert "asking: verified answer, 249 papers, p50" in told.out
    assert (quick / page.FILE).stat().st_size > 5_000
    (least,) = (one for one in result["ratios"] if one["name"].startswith("least cosine"))
    assert least["met"]
