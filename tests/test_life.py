"""Catalog, vectors and words together, driven at random against a model of a few lines."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from assistant.catalog import Catalog
from assistant.generation import building, open_index
from assistant.indexer import Indexer
from evals.drill import CATALOG, STEPS, Stub

pytestmark = pytest.mark.usefixtures("untraced")
NAMES = st.integers(0, 5).map("Paper {}".format)
WORDS = st.sampled_from(["owls", "bees", "whales", "moss"])


class Unplugged(BaseException):
    """The machine goes off."""


class Life(RuleBasedStateMachine):
    """Papers come, change and go; runs end or break off; somebody opens and rebuilds."""

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a place: nothing is unplugged here but by exceptions.
        place = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(dir=place if place.is_dir() else None))
        self.page = self.root / "page.jsonl"
        self.model: dict[str, str] = {}
        self.known: dict[str, str] = {}
        """What a run that ended has acknowledged."""
        self.broken_off: list[dict[str, str]] = []
        """What the runs that broke off since were to make of it."""
        self.catalog = Catalog.open(self.root / CATALOG)

    def teardown(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.root)

    @rule(name=NAMES, word=WORDS)
    def put(self, name: str, word: str) -> None:
        """Add a paper, or give one other words."""
        self.model[name] = f"{name} is about {word}."

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Take a paper out."""
        del self.model[data.draw(st.sampled_from(sorted(self.model)))]

    @rule()
    def index(self) -> None:
        """A run that ends well."""
        self.run()
        self.known, self.broken_off = dict(self.model), []
        self.check_index()

    @rule(step=st.sampled_from(sorted(STEPS)), after=st.booleans())
    def crash(self, step: str, after: bool) -> None:
        """A run that breaks off, if it comes to that step at all."""
        owner, name = STEPS[step]
        real = getattr(owner, name)
        setattr(owner, name, breaking(real, after=after))
        try:
            self.run()
            self.known, self.broken_off = dict(self.model), []
        except Unplugged:
            self.broken_off.append(dict(self.model))
        finally:
            setattr(owner, name, real)
        self.reopen()

    @rule()
    def reopen(self) -> None:
        """As another process would."""
        self.catalog.close()
        self.catalog = Catalog.open(self.root / CATALOG)

    @precondition(lambda self: self.known)
    @rule()
    def rebuild(self) -> None:
        """Out of the catalog alone: this settles what a crash left, too."""
        Indexer(self.catalog, Stub(), self.root).rebuild()
        self.check_index()

    def run(self) -> None:
        rows = [json.dumps({"title": t, "abstract": text}) for t, text in self.model.items()]
        # A page in which nothing is found takes nothing out.
        rows.append(json.dumps({"title": "Always here", "abstract": "It stays."}))
        self.page.write_text("\n".join(rows), encoding="utf-8")
        Indexer(self.catalog, Stub(), self.root).index([self.page])

    @invariant()
    def nothing_is_lost_doubled_or_made_up(self) -> None:
        found = {paper.title: paper.abstract for paper in self.catalog.papers()}
        assert self.catalog.count() == len(found)
        found.pop("Always here", None)
        assert found in (self.known, *self.broken_off)

    def check_index(self) -> None:
        with open_index(self.catalog, self.root, Stub.identity) as it:
            assert it.store.ids() == self.catalog.chunk_ids()
            assert it.lexical.ids() == self.catalog.paper_ids()
            for paper in self.catalog.papers():
                text = f"{paper.title}\n{paper.abstract}"
                (hit,) = it.store.nearest(Stub().encode([text])[0], 1)
                assert hit.score > 0.99
                assert paper.paper_id in {hit.paper_id for hit in it.lexical.search(text, 9)}


def breaking(real: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def broken(*given: Any, **named: Any) -> Any:
        if after:
            real(*given, **named)
        raise Unplugged

    return broken


class FewAreMany(Life):
    """The same where hardly any change is small, so that indexes are mostly built anew."""

    def run(self) -> None:
        before = building._FEW
        building._FEW = 3
        try:
            super().run()
        finally:
            building._FEW = before


QUICK = settings(
    deadline=None,
    stateful_step_count=6,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
TestLife.settings = settings(QUICK, max_examples=150)
TestFewAreMany = FewAreMany.TestCase
TestFewAreMany.settings = settings(QUICK, max_examples=50)
