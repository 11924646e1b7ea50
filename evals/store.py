"""A run folder: what a run leaves behind, written whole and read back checked."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.records import dumps
from evals import metrics, retrieval
from evals.dataset import BadData
from evals.row import Row, as_json, from_json
from evals.rows import states

SCHEMA = 2
MANIFEST, ROWS, TABLE, TIMINGS = "run.json", "rows.jsonl", "rows.csv", "timings.json"
REPORT, JOURNAL = "report.json", "journal.jsonl"
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked of whom, and what came of it."""

    manifest: Mapping[str, Any]
    rows: tuple[Row, ...]

    @property
    def by_id(self) -> dict[str, Row]:
        """The rows by the ids of their samples."""
        return {row.id: row for row in self.rows}


def save_run(run: Run, report: Mapping[str, Any], folder: Path, cached: int = 0) -> None:
    """Write the folder; the manifest goes last, so that what has one is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    lines = "".join(dumps(as_json(row)) + "\n" for row in run.rows)
    _write(folder / ROWS, lines)
    _write(folder / TABLE, as_csv(run.rows))
    _write(folder / REPORT, as_text(report))
    _write(folder / TIMINGS, as_text(timings(run.rows, cached)))
    _write(folder / MANIFEST, as_text(run.manifest))


def load_run(folder: Path) -> Run:
    """The run that lies in `folder`; BadData where it is not whole or does not add up."""
    manifest = _json(folder / MANIFEST)
    if manifest.get("schema") != SCHEMA:
        found = manifest.get("schema")
        raise BadData(f"{folder / MANIFEST}: schema {found!r}, not {SCHEMA}: run it again")
    laps = _json(folder / TIMINGS).get("rows", {})
    rows = tuple(_row(folder, number, line, laps) for number, line in _lines(folder / ROWS))
    _refuse_miscount(folder, manifest, rows)
    return Run(manifest, rows)


def _row(folder: Path, number: int, line: str, laps: Mapping[str, Any]) -> Row:
    try:
        record = json.loads(line)
        return from_json(record, laps.get(record["sample"]["id"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadData(f"{folder / ROWS}:{number}: {error!r}: run it again") from None


def _refuse_miscount(folder: Path, manifest: Mapping[str, Any], rows: Sequence[Row]) -> None:
    if len({row.id for row in rows}) != len(rows):
        raise BadData(f"{folder / ROWS}: an id stands twice: run it again")
    if manifest.get("n") != len(rows) or manifest.get("states") != states(rows):
        raise BadData(f"{folder}: {MANIFEST} and {ROWS} do not add up: run it again")


def _lines(path: Path) -> Iterable[tuple[int, str]]:
    return enumerate(_text(path).splitlines(), 1)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except ValueError as error:
        raise BadData(f"{path}: no JSON ({error}): run it again") from None
    if not isinstance(value, dict):
        raise BadData(f"{path}: no JSON object: run it again")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise BadData(f"{path}: {reason}: is this the folder of a finished run?") from None


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    passing = path.with_name(path.name + ".part")
    passing.write_text(text, encoding="utf-8", newline="\n")
    passing.replace(path)


def as_text(value: Mapping[str, Any]) -> str:
    """`value` as JSON, the same bytes for the same value."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def timings(rows: Iterable[Row], cached: int = 0) -> dict[str, Any]:
    """The median and the 95th percentile of each step in milliseconds, and each row's own."""
    rows = list(rows)
    laps: dict[str, list[float]] = {}
    for row in rows:
        for name, took in row.timings_ms.items():
            laps.setdefault(name, []).append(took)
    return {
        "steps": {
            name: {"p50": float(np.median(took)), "p95": float(np.quantile(took, 0.95))}
            for name, took in laps.items()
        },
        "from_cache": cached,
        "rows": {row.id: {k: round(v, 3) for k, v in row.timings_ms.items()} for row in rows},
    }


def as_csv(rows: Iterable[Row]) -> str:
    """The figures of each row, one row a line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in _figures(row).items()})
    return out.getvalue()


_SUPPORTED = ("supported", "contradicted", "uncited")
_COLUMNS = (
    *("id", "set", "kind", "subkind", "state", "error", "refusal_kind", "model"),
    *("facts_held", "gold_cited", "canary_shown", "rank", "r_at_1", "r_at_5", "ndcg_at_10", "rr"),
    "success_at_1",
    *("claims", *_SUPPORTED, "supported_by_shown", "bad_marks", "words", "copied"),
    *("prompt_tokens", "completion_tokens", "requests"),
    *("judge_prompt_tokens", "judge_completion_tokens", "judge_requests", "question"),
)


def _figures(row: Row) -> dict[str, object]:
    sample, usage, judge = row.sample, row.usage, row.judge_usage
    figures: dict[str, object] = {
        "id": row.id, "set": sample.set, "kind": sample.kind, "subkind": sample.subkind,
        "state": row.state, "error": row.error, "refusal_kind": row.refusal_kind,
        "model": row.model, "question": sample.question,
        "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
        "requests": usage.requests, "judge_prompt_tokens": judge.prompt_tokens,
        "judge_completion_tokens": judge.completion_tokens, "judge_requests": judge.requests,
    }  # fmt: skip
    if row.state in ("pipeline_failed", "skipped"):
        return figures
    if sample.relevant:
        figures |= {"facts_held": row.facts_held, "gold_cited": row.gold_cited}
        figures |= retrieval.measures(row.ranked, sample.relevant)
        figures["rank"] = retrieval.first_rank(row.ranked, sample.relevant)
    if sample.canary:
        figures["canary_shown"] = row.canary_shown
    return figures | (_of_answer(row) if row.answered else {})


def _of_answer(row: Row) -> dict[str, object]:
    return {
        "claims": len(row.claims),
        **{label: row.verdicts.count(label) for label in _SUPPORTED},
        "supported_by_shown": sum(one.verdict_shown == "supported" for one in row.claims),
        "bad_marks": row.bad_marks,
        "words": metrics.words(row.text),
        "copied": row.copied,
    }


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return round(value, _DIGITS)
    # A spreadsheet takes these for formulas.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value
