"""Accidents, many times over -> what was lost, doubled or answered wrongly: always nothing."""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from assistant.catalog import Catalog
from assistant.errors import AssistantError, Locked, StoreError
from assistant.generation import open_index
from evals import drill
from evals.drill import CATALOG, STEPS, Aim, State, Stub

_PAPERS = 60
Told = dict[str, Any]


def add(verb: argparse.ArgumentParser) -> None:
    """The options of `durability`."""
    verb.add_argument("--full", action="store_true", help="the full counts; they take minutes")
    verb.add_argument("--seed", type=int, default=0, help="of all choices")
    verb.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Run every drill, print a line of JSON each, and fail if anything was lost."""
    many = given.full
    drills: list[Callable[[Path], Told]] = [
        lambda root: killed(root, aims(50 if many else 5, given.seed)),
        lambda root: killed(root, moments(50 if many else 5, given.seed)),
        lambda root: full_disk(root, 40 if many else 4),
        lambda root: two_at_once(root, 20 if many else 2),
        lambda root: page_open(root, 20 if many else 3),
        lambda root: damaged(root, 100 if many else 5, given.seed),
    ]
    bad = 0
    for one in drills:
        with tempfile.TemporaryDirectory() as folder:
            told = one(Path(folder))
        bad += sum(told[name] for name in told if name in BAD)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 1 if bad else 0


_OFTEN = frozenset({"transaction", "pointer"})
BAD = frozenset({"lost", "twice", "wrong", "differ", "unreadable", "missed", "silent", "unclear"})
"""What every drill must leave at nothing."""


def aims(count: int, seed: int) -> Iterator[Aim]:
    """Kills at the beginning and at the end of each step, in turn, at random times of it."""
    rng = random.Random(seed)
    names = list(STEPS)
    for number in range(count):
        step = names[number // 2 % len(names)]
        most = 3 if step in _OFTEN and number >= 2 * len(names) else 1
        yield Aim(step, rng.randint(1, most), bool(number % 2))


def moments(count: int, seed: int) -> Iterator[float]:
    """Kills after a share of the time that the work takes."""
    rng = random.Random(seed)
    return (rng.random() for _ in range(count))


def killed(root: Path, points: Iterator[Aim] | Iterator[float]) -> Told:
    """Kill -9 while papers come, change and go; then the same work again, undisturbed."""
    old, new = drill.made_papers(_PAPERS), drill.made_papers(_PAPERS + 20)
    for title in list(new)[:5]:
        new[title] += " Changed."
    for title in list(new)[5:8]:
        del new[title]
    before, pages = root / "before", root / "pages"
    drill.index(before, drill.write_pages(pages, old))
    drill.write_pages(pages, new)
    # The first process imports everything, the others are its copies.
    _finished(drill.start(shutil.copytree(before, root / "first"), pages))
    whole = shutil.copytree(before, root / "whole")
    started = monotonic()
    _finished(drill.start(whole, pages))
    takes = monotonic() - started
    expected, must = drill.export(whole), set(old) & set(new)
    told: Told = {"drill": "kill -9", "trials": 0, "killed": 0} | dict.fromkeys(
        ("lost", "twice", "wrong", "differ", "unreadable"), 0
    )
    for number, point in enumerate(points):
        data = shutil.copytree(before, root / f"trial{number}")
        process = drill.start(data, pages, point if isinstance(point, Aim) else None)
        if isinstance(point, float):
            sleep(point * takes)
            process.kill()
        process.join(60)
        told["trials"] += 1
        told["killed"] += process.exitcode == -9
        _add(told, _looked(data, must))
        drill.index(data, pages)
        state = _looked(data, set(new))
        _add(told, state)
        told["wrong"] += state.wrong if state else 0
        told["differ"] += drill.export(data) != expected
        shutil.rmtree(data)
    return told


def _looked(data: Path, must: set[str]) -> State | None:
    try:
        return drill.look(data, must)
    except AssistantError:
        return None


def _add(told: Told, state: State | None) -> None:
    if state is None:
        told["unreadable"] += 1
        return
    told["lost"] += state.lost
    told["twice"] += state.twice


def full_disk(root: Path, count: int) -> Told:
    """No room at so many sizes: one clear line, and all is well once there is room again."""
    old, new = drill.made_papers(_PAPERS), drill.made_papers(2 * _PAPERS)
    before, pages = root / "before", root / "pages"
    drill.index(before, drill.write_pages(pages, old))
    drill.write_pages(pages, new)
    largest = max(path.stat().st_size for path in before.rglob("*") if path.is_file())
    told: Told = {"drill": "no room", "trials": 0, "stopped": 0} | dict.fromkeys(
        ("lost", "wrong", "unclear"), 0
    )
    for number in range(count):
        data = shutil.copytree(before, root / f"trial{number}")
        # From what the smallest file takes to what everything does.
        limit = 512 + largest * 2 * number // max(1, count - 1)
        process = drill.start(data, pages, limit=limit)
        process.join(60)
        said = root / f"trial{number}.error"
        told["trials"] += 1
        told["stopped"] += process.exitcode != 0
        text = said.read_text(encoding="utf-8") if said.exists() else ""
        told["unclear"] += process.exitcode not in (0, 6) or (process.exitcode == 6) > bool(text)
        told["lost"] += drill.look(data, set(old)).lost
        drill.index(data, pages)
        after = drill.look(data, set(new))
        told["lost"] += after.lost
        told["wrong"] += after.wrong
    return told


def two_at_once(root: Path, count: int) -> Told:
    """Two indexers at the same time: the second waits or says who is first; nothing is doubled."""
    told: Told = {"drill": "two indexers", "trials": count, "turned_away": 0}
    told |= dict.fromkeys(("lost", "twice", "wrong", "unclear"), 0)
    for number in range(count):
        data, papers = root / f"data{number}", drill.made_papers(30)
        pages = drill.write_pages(root / f"pages{number}", papers)
        both = [drill.start(data, pages) for _ in range(2)]
        codes = sorted(_finished(process) for process in both)
        told["turned_away"] += codes == [0, Locked.exit_code]
        told["unclear"] += codes not in ([0, 0], [0, Locked.exit_code])
        state = drill.look(data, set(papers))
        for name in ("lost", "twice", "wrong"):
            told[name] += getattr(state, name)
    return told


def page_open(root: Path, count: int) -> Told:
    """A reader that stays open while another process indexes: it finds what is new, and soon."""
    data, papers = root / "data", drill.made_papers(30)
    pages = root / "pages"
    drill.index(data, drill.write_pages(pages, papers))
    told: Told = {"drill": "page open", "trials": count, "missed": 0, "slowest_s": 0.0}
    with _reading(data) as finds:
        for number in range(count):
            title = f"News {number} of zebra{number}"
            papers[title] = f"Zebra{number} is striped."
            _finished(drill.start(data, drill.write_pages(pages, papers)))
            started = monotonic()
            told["missed"] += not finds(title, f"zebra{number}")
            told["missed"] += not finds("Paper 3 on topic3", "topic3")
            told["slowest_s"] = max(told["slowest_s"], monotonic() - started)
    told["missed"] += told["slowest_s"] > 2
    return told


@contextmanager
def _reading(data: Path) -> Iterator[Callable[[str, str], bool]]:
    """A reader that follows the pointer, as the page does."""
    with Catalog.open(data / CATALOG) as catalog:
        index = open_index(catalog, data, Stub.identity)

        def finds(title: str, words: str) -> bool:
            nonlocal index
            if catalog.meta("generation") != index.generation:
                before, index = index, open_index(catalog, data, Stub.identity, before=index)
                before.close()
            near = index.store.nearest(Stub().encode([words])[0], 5)
            ids = [hit.paper_id for hit in index.lexical.search(words, 1)]
            found = {paper.title for paper in catalog.papers(ids)}
            return title in found and ids[0] in {hit.paper_id for hit in near}

        yield finds
        index.close()


def damaged(root: Path, count: int, seed: int) -> Told:
    """Each file of an index flipped and cut at so many places: noticed, or of no consequence."""
    data, papers = root / "data", drill.made_papers(30)
    pages = root / "pages"
    drill.index(data, drill.write_pages(pages, papers))
    papers["One more"] = "It is about quokkas."
    drill.index(data, drill.write_pages(pages, papers))
    rng = random.Random(seed)
    told: Told = {"drill": "damage", "files": 0, "trials": 0, "noticed": 0, "silent": 0}
    for path in sorted((data / "index").rglob("*")):
        if not path.is_file() or path.suffix == ".lock" or not path.stat().st_size:
            continue
        if path.parent.name == "lexical" and path.parent.parent.name == "g0001":
            continue  # Only the vectors of the first generation are still in use.
        told["files"] += 1
        for number in range(count):
            whole = path.read_bytes()
            _hurt(path, whole, rng, cut=bool(number % 2))
            told["trials"] += 1
            noticed = _is_noticed(data)
            told["noticed"] += noticed
            told["silent"] += not noticed and drill.look(data, set(papers)).wrong > 0
            drill.drop(path)
            path.write_bytes(whole)
    told |= {"lost": drill.look(data, set(papers)).lost}
    return told


def _hurt(path: Path, whole: bytes, rng: random.Random, *, cut: bool) -> None:
    at = rng.randrange(len(whole))
    if cut:
        hurt = whole[:at]
    else:
        hurt = whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
    path.unlink()
    path.write_bytes(hurt)


def _is_noticed(data: Path) -> bool:
    try:
        with Catalog.open(data / CATALOG) as catalog:
            open_index(catalog, data, Stub.identity).close()
    except StoreError:
        return True
    return False


def _finished(process: Any) -> int:
    process.join(60)
    return int(process.exitcode)
