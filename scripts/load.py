"""Many people at once -> whether each got their own answer, how fast, and what memory it took.

python scripts/load.py --people 50 --questions 2000
python scripts/load.py --people 50 --questions 2000 --url http://127.0.0.1:7860 --pid 4711 --stream
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import linear_regression, quantiles
from typing import Any, NamedTuple

import httpx

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = ROOT / "evals" / "data"
WAYS = ("ask", "streamed ask", "completion", "streamed completion")
STREAMED = ("streamed ask", "streamed completion")
_CITED = re.compile(r"\[(\d+)\]")
_ADDRESS = re.compile(r"http://[^\s/]+:\d+")


class Reply(NamedTuple):
    """What came for one question; without a stream the first piece is the whole."""

    record: dict[str, Any]
    text: str
    first_s: float
    whole_s: float


class Busy(Exception):
    """The server asked to come again after so many seconds."""


@dataclass
class Tally:
    """What all people saw together."""

    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    mixed: list[str] = field(default_factory=list)
    turned_away: int = 0
    memory: list[tuple[int, float]] = field(default_factory=list)


def main() -> int:
    """The exit code: 1 where anything went wrong for anybody."""
    options = _options()
    with _server(options.url, options.pid, cache=options.cache) as (url, pid):
        begun = time.perf_counter()
        tally = asyncio.run(_crowd(url, pid, options))
        seconds = time.perf_counter() - begun
    print(_report(tally, options.people, seconds))
    return 1 if tally.errors or tally.mixed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--url", help="a server that runs already; without it one is started")
    parser.add_argument("--pid", type=int, help="its process, to measure its memory")
    parser.add_argument("--stream", action="store_true", help="streamed questions alone")
    parser.add_argument("--cache", action="store_true", help="with answers that were given before")
    return parser.parse_args()


def _questions() -> list[str]:
    files = (QUESTIONS / f"{name}.jsonl" for name in ("single", "multi", "unanswerable"))
    lines = (line for file in files for line in file.read_text("utf-8").splitlines())
    return list(dict.fromkeys(json.loads(line)["question"].strip() for line in lines))


@contextmanager
def _server(
    url: str | None, pid: int | None, *, cache: bool = False
) -> Iterator[tuple[str, int | None]]:
    """The address given, or that of a server of our own; and its process."""
    if url:
        yield url, pid
        return
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--no-page"]
    # There are fewer questions than answers asked for: a repeat is to cost what the first did.
    command += [] if cache else ["--no-cache"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ASSISTANT_DATA__FOLDER": folder}
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, text=True)
        try:
            assert process.stdout
            if not (found := _ADDRESS.search(process.stdout.readline())):
                raise SystemExit("the server did not start")
            yield found[0], process.pid
        finally:
            process.terminate()
            process.wait(30)


async def _crowd(url: str, pid: int | None, options: argparse.Namespace) -> Tally:
    tally, ways = Tally(), STREAMED if options.stream else WAYS
    line = enumerate(islice(cycle(_questions()), options.questions))
    limits = httpx.Limits(max_connections=options.people)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:
        _measure(tally, pid)

        async def person() -> None:
            # They share one line of questions: whoever is answered takes the next.
            for number, question in line:
                await _settle(client, ways[number % len(ways)], question, tally)
                if not number % 20:
                    _measure(tally, pid)

        await asyncio.gather(*(person() for _ in range(options.people)))
    _measure(tally, pid)
    return tally


async def _settle(client: httpx.AsyncClient, way: str, question: str, tally: Tally) -> None:
    while True:
        try:
            reply = await _asked(client, way, question)
        except Busy as busy:
            tally.turned_away += 1
            await asyncio.sleep(float(str(busy)))
        except (httpx.HTTPError, ValueError, KeyError, IndexError) as error:
            tally.errors[f"{way}: {type(error).__name__}: {error}"[:200]] += 1
            return
        else:
            tally.first_s.append(reply.first_s)
            tally.whole_s.append(reply.whole_s)
            tally.mixed += [f"{way}: {question}: {what}" for what in _faults(question, reply)]
            return


async def _asked(client: httpx.AsyncClient, way: str, question: str) -> Reply:
    begun = time.perf_counter()
    path, body = _request(way, question)
    async with client.stream("POST", path, json=body) as response:
        if response.status_code == 503 and "retry-after" in response.headers:
            raise Busy(response.headers["retry-after"])
        if response.is_error:
            await response.aread()
            raise ValueError(f"{response.status_code} {response.text[:120]}")
        if way in STREAMED:
            return await _streamed(response, begun)
        whole = json.loads(await response.aread())
    took = time.perf_counter() - begun
    if "choices" not in whole:
        return Reply(whole, whole["answer"], took, took)
    return Reply(whole["assistant"], whole["choices"][0]["message"]["content"], took, took)


def _request(way: str, question: str) -> tuple[str, dict[str, Any]]:
    if way.endswith("ask"):
        return "/api/ask", {"question": question, "stream": way in STREAMED}
    messages = [{"role": "user", "content": question}]
    body = {"model": "assistant", "messages": messages, "stream": way in STREAMED}
    return "/v1/chat/completions", body


async def _streamed(response: httpx.Response, begun: float) -> Reply:
    pieces, record, first = list[str](), dict[str, Any](), 0.0
    async for event in _events(response):
        if "error" in event:
            raise ValueError(f"the stream broke off: {event['error']}")
        pieces.append(_piece(event))
        first = first or (time.perf_counter() - begun if pieces[-1] else 0.0)
        # Our own last event is the record itself.
        record = event.get("assistant") or (event if "sentences" in event else record)
    if not record:
        raise ValueError("the stream ended without its answer")
    return Reply(record, "".join(pieces), first, time.perf_counter() - begun)


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _piece(event: dict[str, Any]) -> str:
    if event.get("choices"):
        return event["choices"][0]["delta"].get("content") or ""
    return "" if "sentences" in event else event.get("text", "")


def _faults(question: str, reply: Reply) -> Iterator[str]:
    """What shows that a reply is not, or not wholly, the one to its question."""
    record = reply.record
    if record["question"] != question:
        yield f"the answer to {record['question']!r}"
    if reply.text.split() != record["answer"].split():
        yield "other text than its record's"
    known = {citation["number"] for citation in record["citations"]}
    if not {int(number) for number in _CITED.findall(record["answer"])} <= known:
        yield "a citation that is not among its citations"


def _measure(tally: Tally, pid: int | None) -> None:
    """Notes the server's memory in MB after so many answers."""
    status = Path(f"/proc/{pid}/status").read_text() if pid else ""
    if resident := re.search(r"VmRSS:\s+(\d+) kB", status):
        tally.memory.append((len(tally.whole_s), int(resident[1]) / 1024))


def _report(tally: Tally, people: int, seconds: float) -> str:
    answers = len(tally.whole_s)
    lines = [
        f"{answers:,} answers to {people} people in {seconds:.1f} s:"
        f" {answers / seconds:.1f} a second",
        f"errors {sum(tally.errors.values())}, mixed-up answers {len(tally.mixed)},"
        f" turned away and come again {tally.turned_away}",
        f"first piece {_spread(tally.first_s)}; whole answer {_spread(tally.whole_s)}",
        _memory(tally.memory),
    ]
    lines += [f"error x{count}: {what}" for what, count in tally.errors.most_common(5)]
    return "\n".join([*lines, *(f"mixed up: {one}" for one in tally.mixed[:5])])


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "not measured"
    cuts = quantiles(seconds, n=20)
    return f"p50 {cuts[9] * 1000:,.0f} ms, p95 {cuts[18] * 1000:,.0f} ms"


def _memory(samples: list[tuple[int, float]]) -> str:
    if not samples:
        return "memory not measured: name the server's process with --pid"
    most, end = samples[-1]
    after, tenth = next(one for one in samples if one[0] >= most / 10)
    later = [one for one in samples if one[0] >= most / 2]
    told = f"memory {samples[0][1]:.0f} MB at the start, {tenth:.0f} MB after {after:,} answers"
    if len({answers for answers, _ in later}) < 2:
        return f"{told}, {end:.0f} MB at the end"
    slope = linear_regression(*zip(*later, strict=True)).slope * 1000
    return f"{told}, {end:.0f} MB at the end: {slope:+.1f} MB per 1,000 in the last half"


if __name__ == "__main__":
    sys.exit(main())
