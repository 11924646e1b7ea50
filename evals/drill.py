"""What is done to a data folder while it is indexed: each accident in a process of its own."""

import hashlib
import json
import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from assistant.catalog import Catalog
from assistant.database import Database
from assistant.errors import AssistantError
from assistant.generation import Generations, building, open_index, seal
from assistant.generation.recent import Recent
from assistant.indexer import Indexer, IndexReport
from assistant.lexical import Lexical
from assistant.schema import EncoderIdentity, Vectors
from assistant.store import Store

CATALOG = "catalog.sqlite"
# Processes are forked from one that has imported everything and opened nothing.
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["evals.drill", "chromadb"])


class Stub:
    """Texts that share words are near; at no cost."""

    identity = EncoderIdentity("stub", 64, "5" * 64)
    max_pieces = 4_096

    def count(self, text: str) -> int:
        """Its words."""
        return len(text.split())

    def encode(self, texts: Sequence[str]) -> Vectors:
        """A number for each hash of a word."""
        vectors = np.full((len(texts), 64), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()):
                row[crc32(word.encode()) % 64] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


class Aim(NamedTuple):
    """The n-th time that a step of the work begins, or has ended."""

    step: str
    time: int
    after: bool


# Where a crash could hurt: each write to the catalog, to an index, and the swap between two.
STEPS: dict[str, tuple[Any, str]] = {
    "transaction": (Database, "change_many"),
    "vectors": (Catalog, "add_vectors"),
    "chunks": (Catalog, "set_chunks"),
    "store": (Store, "add"),
    "words": (Lexical, "change"),
    "links": (Lexical, "clone"),
    "recent": (Recent, "save"),
    "disk": (seal, "to_disk"),
    "seal": (seal, "write"),
    "fingerprint": (Catalog, "keep_fingerprint"),
    "pointer": (Catalog, "set_meta"),
    "sweep": (Generations, "_sweep"),
    "run": (Catalog, "add_run"),
}


def start(data: Path, pages: Path, aim: Aim | None = None, limit: int = 0) -> Any:
    """Index in another process; it kills itself at `aim`, and cannot write past `limit` bytes."""
    process = _CONTEXT.Process(target=_index, args=(data, pages, aim, limit))
    process.start()
    return process


def _index(data: Path, pages: Path, aim: Aim | None, limit: int) -> None:
    if aim:
        _arm(*STEPS[aim.step], aim)
        if aim.step == "store":
            # Vectors are put into a store where no change is small.
            building._FEW, building._SMALL = 0, 0.0
    if limit:
        _limit(limit)
    code = 0
    try:
        index(data, pages)
    except AssistantError as error:
        (data.parent / f"{data.name}.error").write_text(str(error), encoding="utf-8")
        code = error.exit_code
    os._exit(code)


def _arm(owner: Any, name: str, aim: Aim) -> None:
    real, left = getattr(owner, name), [aim.time]

    def deadly(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not aim.after:
            os.kill(os.getpid(), signal.SIGKILL)
        made = real(*given, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    setattr(owner, name, deadly)


def _limit(most: int) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def index(data: Path, pages: Path) -> IndexReport:
    """Index in this process; pages that are no longer there are dropped."""
    with Catalog.open(data / CATALOG) as catalog:
        return Indexer(catalog, Stub(), data).index([pages], prune=True)


def export(data: Path) -> bytes:
    """Everything that must not depend on accidents, as bytes."""
    tables = {
        "pages": "page, sha256",
        "sightings": "*",
        "papers": "*",
        "chunks": "*",
        "vectors": "*",
    }
    with Catalog.open(data / CATALOG) as catalog:
        rows = {
            name: sorted(map(repr, catalog.database.rows(f"SELECT {columns} FROM {name}")))
            for name, columns in tables.items()
        }
        rows["fingerprint"] = [catalog.fingerprint()]
    return json.dumps(rows, sort_keys=True).encode()


class State(NamedTuple):
    """What somebody who opens a data folder finds."""

    papers: int
    lost: int
    twice: int
    wrong: int
    """Papers that the index does not find by their own words."""


def look(data: Path, must: set[str]) -> State:
    """What is in a data folder; `must` are the titles that were acknowledged."""
    with Catalog.open(data / CATALOG) as catalog:
        catalog.check()
        papers = catalog.papers()
        titles = [paper.title for paper in papers]
        wrong = 0
        with open_index(catalog, data, Stub.identity) as it:
            for paper in papers:
                wrong += not _finds(it, paper.paper_id, f"{paper.title}\n{paper.abstract}")
        return State(
            len(titles), len(must - set(titles)), len(titles) - len(set(titles)), int(wrong)
        )


def _finds(it: Any, paper_id: str, text: str) -> bool:
    near = it.store.nearest(Stub().encode([text])[0], 3)
    by_words = it.lexical.search(text, 3)
    return paper_id in {hit.paper_id for hit in near} and paper_id in {
        hit.paper_id for hit in by_words
    }


def write_pages(folder: Path, papers: dict[str, str], each: int = 20) -> Path:
    """Papers as pages of records."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    rows = [json.dumps({"title": title, "abstract": text}) for title, text in papers.items()]
    for number in range(0, len(rows), each):
        page = "\n".join(rows[number : number + each])
        (folder / f"{number:04}.jsonl").write_text(page, encoding="utf-8")
    return folder


def made_papers(count: int, word: str = "") -> dict[str, str]:
    """So many papers, each with words of its own."""
    return {
        f"Paper {n} on topic{n}": f"Topic{n} is {_word(n)} and {_word(n + 7_919)}{word}. It is so."
        for n in range(count)
    }


def _word(number: int) -> str:
    return "w" + hashlib.sha256(str(number).encode()).hexdigest()[:8]


def drop(path: Path) -> None:
    """Let go of a process's file, if there is one."""
    with suppress(FileNotFoundError):
        path.unlink()
