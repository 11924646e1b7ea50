"""Runs that are kept: gone on with after a kill, cached by content, paid for within a limit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from provider import Provider, cuts, delta, fails, hangs, says, sends_events, serve_provider
from stub_assistant import isolate
from whole import ROOT, data, ready

from assistant.errors import UsageError
from assistant.schema import Usage
from evals.cache import Cache, key_of
from evals.cost import Budget, Planned, Price, Prices, load_prices, preview
from evals.dataset import BadData, Sample, as_row, load
from evals.run import Options, run
from evals.store import Run, load_run

__all__ = ["data", "ready", "serve_provider"]

pytestmark = pytest.mark.usefixtures("untraced")
KEPT = ("run.json", "rows.jsonl", "rows.csv", "report.json")
PRICES = Prices(otherwise=Price(1.0, 4.0))
SAID = "It is shown there [1]. It takes two days [1]."


def replies(body: dict[str, Any]) -> str:
    """What a well-behaved model says, whoever asks it."""
    asked = "\n".join(message["content"] for message in body["messages"])
    if "Verdict: supported, partial" in asked:
        return "Reason: it stands there.\nVerdict: supported"
    if "expert evaluation system" in asked:
        return "4.5\nIt says the same."
    if "YES" in asked:
        return "YES"
    return SAID


@pytest.fixture
def model(provider: Provider) -> Provider:
    provider.responder = replies
    return provider


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample for sample in load(["single"])][:6]


def kept(samples: list[Sample], **options: Any) -> Run:
    done = run(samples, Options(**options))
    assert done is not None
    return done


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in KEPT}


def test_two_runs_with_one_seed_give_the_same_bytes(ready: Path, tmp_path: Path) -> None:
    samples = [one for one in load() if one.id in ("p1-002", "u1-003", "r1-004", "i1-001")]
    for name in ("one", "two"):
        kept(samples, data_folder=ready, out=tmp_path / name, seed=5, workers=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    done = load_run(tmp_path / "two")
    assert done.manifest["n"] == sum(done.manifest["states"].values()) == 4
    assert done.manifest["is_valid"]
    assert done.manifest["cost"]["answerer"]["usd"] == 0
    injected = done.by_id["i1-001"]
    assert injected.ranked[0] == injected.sample.relevant[0]


def test_a_run_that_was_killed_goes_on_where_it_stopped(
    data: Path,
    tmp_path: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    questions = tmp_path / "mine.jsonl"
    lines = [json.dumps(as_row(sample)) + "\n" for sample in samples]
    questions.write_text("".join(lines), encoding="utf-8")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "evals", "run", "--questions", str(questions)]
    command += ["--out", str(out), "--data-folder", str(data)]
    command += ["--model", "test-model", "--base-url", model.url]
    environment = {"HOME": str(tmp_path), "PATH": os.defpath, "PYTHONPATH": str(ROOT)}

    model.enqueue(says(), says(), says(), hangs())
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    until(lambda: len(model.questions) == 4)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (out / "run.json").exists()
    with (out / "journal.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"key": "torn by the ki')

    # The same again, in this process.
    asked: dict[str, Any] = {"data_folder": data, "model": "test-model", "base_url": model.url}
    assert kept(load([questions]), **asked, out=out).manifest["n"] == 6
    assert len(model.questions) == 4 + 3
    done = load_run(out)
    assert [row.id for row in done.rows] == [sample.id for sample in samples]
    assert done.manifest["states"]["scored"] == 6
    timings = json.loads((out / "timings.json").read_text(encoding="utf-8"))
    assert timings["from_cache"] == 3
    assert all("total" in laps for laps in timings["rows"].values())

    whole = kept(load([questions]), **asked, out=tmp_path / "w")
    assert whole == done
    assert bytes_of(tmp_path / "w") == bytes_of(out)


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(900):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_a_cache_spares_every_question_that_was_answered_the_same_way(
    ready: Path,
    tmp_path: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    options: dict[str, Any] = {
        "data_folder": ready,
        "cache": tmp_path / "cache.jsonl",
        "model": "test-model",
        "base_url": model.url,
        "judge": "both",
    }
    first = kept(samples[:2], **options)
    asked = len(model.questions)
    assert asked == 2 * (1 + 2 + 3)
    assert kept(samples[:2], **options) == first
    assert len(model.questions) == asked
    reworded = [replace(samples[0], question="What is it?"), samples[1]]
    kept(reworded, **options)
    assert len(model.questions) == asked + 6
    kept(samples[:2], **{**options, "seed": 1})
    assert len(model.questions) > asked + 6


def test_what_failed_is_asked_again(
    ready: Path,
    tmp_path: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    options: dict[str, Any] = {
        "data_folder": ready,
        "cache": tmp_path / "cache.jsonl",
        "model": "test-model",
        "base_url": model.url,
    }
    model.enqueue(fails(400), cuts())
    assert kept(samples[:3], **options).manifest["states"] == {
        "scored": 1,
        "refused": 0,
        "pipeline_failed": 2,
        "judge_failed": 0,
        "skipped": 0,
    }
    assert kept(samples[:3], **options).manifest["states"]["scored"] == 3


def test_the_limit_stops_a_run_cleanly_and_a_higher_one_goes_on(
    ready: Path,
    tmp_path: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    told: list[str] = []
    counted = {"prompt_tokens": 4_000, "completion_tokens": 500, "total_tokens": 4_500}
    model.default = sends_events(
        [delta(SAID), delta(finish="stop"), {"id": "c", "choices": [], "usage": counted}]
    )
    options: dict[str, Any] = {
        "data_folder": ready,
        "out": tmp_path / "out",
        "model": "test-model",
        "base_url": model.url,
        "prices": PRICES,
        "max_usd": 0.012,
    }
    done = run(samples, Options(**options), tell=told.append)
    assert done is not None
    assert "answerer test-model: 6 requests, about" in told[0]
    counts = done.manifest["states"]
    assert counts["skipped"] > 0
    assert counts["scored"] == len(model.questions) > 0
    assert sum(counts.values()) == 6
    assert not done.manifest["is_valid"]
    assert done.manifest["cost"]["answerer"]["usd"] <= 0.012
    more = kept(samples, **{**options, "max_usd": 1.0})
    assert more.manifest["states"]["scored"] == len(model.questions) == 6
    assert load_run(tmp_path / "out") == more
    assert kept(samples, **options) == more, "what is done costs nothing again"
    assert len(model.questions) == 6


def test_a_preview_pays_nobody(ready: Path, model: Provider, samples: list[Sample]) -> None:
    told: list[str] = []
    options = Options(
        data_folder=ready, model="test-model", base_url=model.url, judge="both", preview=True
    )
    assert run(samples, options, tell=told.append) is None
    assert model.questions == []
    answerer, judge = told[0].splitlines()
    assert answerer.startswith("answerer test-model: 6 requests, about ")
    assert judge.startswith("judge test-model: 42 requests")
    assert judge.endswith("no price given, so no sum")


def test_a_limit_without_a_price_is_refused(
    ready: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    options = Options(data_folder=ready, model="test-model", base_url=model.url, max_usd=1.0)
    with pytest.raises(UsageError, match="needs the price of test-model: give --usd-per-mtok-in"):
        run(samples, options)
    assert model.questions == []


def test_a_judge_without_a_model_is_refused(ready: Path, samples: list[Sample]) -> None:
    with pytest.raises(UsageError, match="--judge model needs --judge-model"):
        run(samples, Options(data_folder=ready, judge="model"))


def test_a_dataset_of_another_corpus_pays_nobody(
    ready: Path,
    model: Provider,
    samples: list[Sample],
) -> None:
    odd = replace(samples[0], relevant=("Elsewhere",))
    with pytest.raises(BadData, match="no paper is called 'Elsewhere'"):
        run([odd], Options(data_folder=ready, model="test-model", base_url=model.url))
    assert model.questions == []


def test_a_cache_keeps_each_record_and_leaves_out_what_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache.jsonl"
    with Cache(path) as cache:
        cache.put(key_of("a", 1), {"n": 1})
        cache.put(key_of("b", 2), {"n": 2})
    torn = path.read_bytes()[:-9]
    path.write_bytes(torn)
    with Cache(path) as cache:
        assert cache.get(key_of("a", 1)) == {"n": 1}
        assert cache.get(key_of("b", 2)) is None
        cache.put(key_of("b", 2), {"n": 3})
        assert cache.hits == 1
    with Cache(path) as cache:
        assert len(cache) == 2
        assert cache.get(key_of("b", 2)) == {"n": 3}
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})


def test_a_budget_counts_what_is_under_way() -> None:
    budget = Budget(0.01, PRICES, ["m"])
    thousand = Usage(1_000, 1_000, 1)
    first = budget.reserve("m", thousand)
    assert first == pytest.approx(0.005)
    assert budget.reserve("m", thousand) == pytest.approx(0.005)
    assert budget.reserve("m", thousand) is None
    budget.settle("m", first, Usage(1_000, 0, 1))
    assert budget.usd == pytest.approx(0.001)
    assert budget.reserve("m", Usage(4_000, 0, 1)) is not None
    assert Budget(None, Prices()).reserve("m", thousand) == 0


def test_prices_stand_in_a_file_and_none_is_made_up(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('["gpt-x"]\nin = 2\nout = 8.0\n', encoding="utf-8")
    prices = Prices(load_prices(path))
    assert prices.of("gpt-x") == Price(2.0, 8.0)
    assert prices.of("gpt-y") is None
    planned = Planned("judge", "gpt-x", Usage(1_000_000, 250_000, 7), prices.of("gpt-x"))
    assert preview([planned]) == (
        "judge gpt-x: 7 requests, about 1,000,000 tokens in, 250,000 out: about $4.00"
    )
    path.write_text('["gpt-x"]\nin = "two"\n', encoding="utf-8")
    with pytest.raises(BadData, match=r"prices\.toml: "):
        load_prices(path)
