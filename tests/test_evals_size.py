import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant import config
from assistant.build import Assistant
from assistant.removed import removed
from evals import size, size_asking, size_step
from evals.encoded import Encoded


def row(papers: int, **costs: float) -> dict[str, Any]:
    base = {
        "papers": papers, "chunks": 2 * papers, "first_s": papers / 100, "first_cpu_s": papers / 90,
        "peak_mb": 200.0, "disk": {"index_rest": 2048.0}, "again_s": 1.0, "add_100_s": 2.0,
        "remove_1_s": 0.5, "p50_ms": 9.0, "p95_ms": 20.0, "p95_cpu_ms": 15.0,
    }  # fmt: skip
    return base | costs


def test_a_cost_that_grows_as_a_power_is_found_to_be_one() -> None:
    rows = [row(n, first_s=0.5 * n**1.2) for n in (1_000, 5_000, 20_000)]
    fits = size.fits(rows)
    assert (round(fits["first_s"]["b"], 6), round(fits["first_s"]["a"], 6)) == (1.2, 0.5)
    assert abs(fits["peak_mb"]["b"]) < 1e-9
    assert size.fits(rows[:1]) == {}


def test_the_table_tells_shares_and_ratios() -> None:
    rows = [row(1_000), row(50_000, p95_ms=50.0)]
    rate = {"texts_per_s": 100.0, "cpu_s_per_text": 0.02}
    told = size.table({"encoding": rate, "sizes": rows})
    assert "p95 at 50000 is 2.50 times that at 1000" in told
    assert "adding 100 papers takes 0.13 % of the first run" in told
    assert "33.3" in told.splitlines()[2]
    assert "21.7 % is not encoding" in told
    assert size_asking.plot(rows).count("<svg") == 1


def test_what_was_encoded_once_comes_out_of_the_file(tmp_path: Path) -> None:
    texts = ["Owls hunt at night.", "Bees dance."]
    first, again = Encoded(tmp_path / "encoded"), Encoded(tmp_path / "encoded")
    vectors, readings = first.encode_and_read(texts)
    assert (first.made, again.made) == (2, 0)
    kept, read = again.encode_and_read(texts[::-1])
    assert again.made == 0
    assert np.array_equal(kept[::-1], vectors)
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(read[::-1], readings, strict=True))
    first.close()
    again.close()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_papers_come_packed_or_not(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"papers{suffix}"
    opened = gzip.open if suffix.endswith("gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write('{"title": "a"}\n{"title": "b"}\n')
    assert [json.loads(line)["title"] for line in size.records(path)] == ["a", "b"]


def test_a_step_tells_its_stages_and_a_removal_leaves_one_less(tmp_path: Path) -> None:
    page = tmp_path / "page.jsonl"
    rows = [{"title": f"Paper {n}", "abstract": f"It is about topic{n}."} for n in range(3)]
    page.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    encoder = Encoded()
    settings = config.load(flags={"data.folder": str(tmp_path / "data")}, environ={})
    with Assistant(settings, encoder=encoder) as assistant:
        told = size_step.index(assistant, [str(page)])
        assert (told["papers"], told["encoded"]) == (3, 3)
        assert set(told["stages"]) == {"open", "read", "encode", "store"}
        told = size_step.remove(assistant, [])
        assert (told["removed"], assistant.catalog.count()) == (1, 2)
        assert told["seconds"] > 0
        assert removed(assistant.catalog), "as the product does it"
    parts = size.disk(tmp_path / "data")
    assert parts["vectors"] == 3 * 384 * 4 / 2
    assert parts["index_rest"] > 0
    encoder.close()
