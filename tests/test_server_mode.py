"""Several machines and one Chroma server: each has its own data folder and knows the address."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import chromadb
import pytest
from chroma_server import running
from machines import BATS, BEES, OWLS, Machine, machines, write  # noqa: F401
from whole import one_encoder

from assistant import Assistant
from assistant.errors import Locked, StoreError
from assistant.generation import Server, connected, remote
from assistant.mirror import Mirror, lock
from assistant.schema import Filters
from assistant.sightings import versions
from assistant.store import Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def address(server: str) -> str:
    """The server, with nothing on it."""
    empty(server)
    return server


def empty(url: str) -> None:
    client = chromadb.HttpClient(urlsplit(url).hostname or "", urlsplit(url).port or 0)
    for collection in client.list_collections():
        client.delete_collection(collection.name)
    client.close()  # type: ignore[attr-defined]
    for server in (client._server, client._admin_client._server):  # type: ignore[attr-defined]
        server._session.close()


def first(assistant: Assistant, question: str) -> str:
    found = assistant.search(question).papers
    return found[0].paper.title if found else ""


def titles(assistant: Assistant) -> set[str]:
    return {paper.title for paper in assistant.catalog.papers()}


def test_a_machine_that_knows_only_the_address_answers(address: str, machine: Machine) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address)
    one.index()
    assert other.ensure_indexed() is None, "it takes what is there, and indexes nothing of its own"
    answer = other.ask("How many owls does OwlEar hear?").answer()
    assert answer.text == one.ask("How many owls does OwlEar hear?").answer().text
    assert answer.citations[0].title == OWLS["title"]
    (mine,) = (p for p in one.catalog.papers() if p.title == OWLS["title"])
    (theirs,) = (p for p in other.catalog.papers() if p.title == OWLS["title"])
    for name in ("paper_id", "abstract", "date", "authors", "url", "extra"):
        assert getattr(theirs, name) == getattr(mine, name), name
    assert other.search("hearing", filters=Filters(year=2021)).papers[0].paper == theirs
    found = other.search("OwlEar").papers[0]
    assert found.dense
    assert found.lexical
    assert other.catalog.fingerprint() == one.catalog.fingerprint()


def test_it_follows_what_changes(address: str, machine: Machine, tmp_path: Path) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address)
    one.index()
    other.ensure_indexed()
    write(tmp_path / "one", {**OWLS, "abstract": "OwlEar hears all owls."}, BEES)
    one.index()
    assert first(other, "Who sees bees?") == BEES["title"]
    assert titles(other) == {OWLS["title"], BEES["title"]}
    assert "all owls" in other.search("owls").papers[0].paper.abstract
    write(tmp_path / "one", {**OWLS, "abstract": "OwlEar hears all owls.", "date": "1999"}, BEES)
    one.index()
    assert other.search("owls").papers[0].paper.date == "1999"


def test_two_machines_that_index_each_their_own_have_both(address: str, machine: Machine) -> None:
    one, other = machine("one", address, OWLS), machine("other", address, BATS)
    one.index()
    other.index()
    for each in (one, other):
        assert first(each, "Who hears owls?") == OWLS["title"]
        assert first(each, "Who hears bats?") == BATS["title"]
        assert titles(each) == {OWLS["title"], BATS["title"]}
    assert one.index().encoded == 0


def test_one_machine_at_a_time_changes_the_server(
    address: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine("one", address, OWLS), machine("other", address, BATS)
    one.index()
    with connected(Server(address), one_encoder().identity) as store, lock(store):
        with pytest.raises(Locked, match=r"another machine is indexing \(.*process \d+\)") as it:
            other.index()
        assert it.value.exit_code == 75
        assert first(one, "Who hears owls?") == OWLS["title"], "reading goes on"
    other.index()
    monkeypatch.setattr("assistant.mirror._LEASE_S", -1.0)
    store = connected(Server(address), one_encoder().identity)
    store.take_lock({"by": "one that was killed", "until": 0.0})
    store.close()
    other.index()


def test_a_server_that_comes_back_is_used_again(address: str, machine: Machine) -> None:
    one = machine("one", address, OWLS)
    one.index()
    one.search("owls")
    parts = one._pipeline
    assert parts
    assert isinstance(parts.opened.store, remote.Remote)
    parts.opened.store._is_away(StoreError("gone for a while"))
    parts.opened.store.close()
    assert one.trouble == "found by words alone: gone for a while"
    assert one.search("owls").papers[0].dense
    assert one.trouble == ""


def test_with_no_server_and_nothing_here_it_is_one_clear_line(machine: Machine) -> None:
    alone = machine("alone", "http://127.0.0.1:9", OWLS)
    with pytest.raises(StoreError, match=r"Chroma server at http://127.0.0.1:9 .*store\.url"):
        alone.ensure_indexed()


def test_a_server_that_was_emptied_takes_nothing_away(
    address: str, machine: Machine, tmp_path: Path
) -> None:
    one = machine("one", address, OWLS, BATS)
    one.index()
    empty(address)
    assert first(one, "Who hears owls?") == OWLS["title"]
    write(tmp_path / "one", OWLS, BATS, BEES)
    one.index()
    assert titles(one) == {OWLS["title"], BATS["title"], BEES["title"]}
    other = machine("other", address)
    other.ensure_indexed()
    assert titles(other) == titles(one)


def test_the_abstract_is_put_together_again_from_many_chunks(
    address: str, machine: Machine
) -> None:
    said = "Sentence {} of the owls' long tale has quite a few words."
    long = "  ".join(said.format(n) for n in range(60))
    one, other = machine("one", address, {**OWLS, "abstract": long}), machine("other", address)
    one.index()
    other.ensure_indexed()
    (mine,), (theirs,) = one.catalog.papers(), other.catalog.papers()
    assert len(one.catalog.chunks_of([mine.paper_id])) > 2
    assert theirs.abstract == mine.abstract


def test_what_is_sent_is_all_there_is(address: str, machine: Machine) -> None:
    one = machine("one", address, OWLS)
    one.index()
    with Store.connect(address, _name(), one_encoder().identity) as store:
        ((chunk, beside),) = store.chunks_of([one.catalog.papers()[0].paper_id])
    assert chunk.text == one.catalog.papers()[0].abstract
    assert json.loads(str(beside["paper"]))["authors"] == OWLS["authors"]


OLD = {**OWLS, "abstract": "OwlEar hears 11 percent of owls.", "date": "2019"}


def pages_of(assistant: Assistant, title: object) -> list[str]:
    """Where that paper was seen, but for whose page it is."""
    (paper,) = (p for p in assistant.catalog.papers() if p.title == title)
    return [seen.page.rpartition("/")[2] for seen in paper.sightings]


def test_listings_and_earlier_words_travel(address: str, machine: Machine, tmp_path: Path) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address)
    write(tmp_path / "one", OLD, page="old.jsonl")
    one.index()
    other.ensure_indexed()
    (mine,), (theirs,) = ([p for p in a.catalog.papers() if p.date] for a in (one, other))
    assert pages_of(other, OWLS["title"]) == ["old.jsonl", "page.jsonl"]
    for here, there in zip(mine.sightings, theirs.sightings, strict=True):
        assert replace(there, page=here.page) == here
    told = versions(other.catalog.database, theirs)
    assert [one.abstract for one in told] == [OLD["abstract"], mine.abstract]
    found = other.search("hearing", filters=Filters(page="old")).papers
    assert [hit.paper.title for hit in found] == [OWLS["title"]]
    (run,) = other.catalog.runs()
    assert (run.report["kind"], run.report["added"], run.report["papers"]) == ("follow", 2, 2)


def test_what_another_machine_lists_too_is_not_dropped_for_it(
    address: str, machine: Machine, tmp_path: Path
) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address, OLD, BEES)
    one.index()
    other.index()
    for each in (one, other):
        assert first(each, "owls") == OWLS["title"]
        assert "81" in each.search("owls").papers[0].paper.abstract, "the newest"
    write(tmp_path / "one", BATS)
    assert one.index().removed == 0
    for each in (one, other):
        assert each.search("owls").papers[0].paper.abstract == OLD["abstract"]
        assert pages_of(each, OWLS["title"]) == ["page.jsonl"]
    write(tmp_path / "other", BEES)
    assert other.index(prune=True).removed == 1, "now nobody lists it"
    for each in (one, other):
        each.search("owls")
        assert titles(each) == {BATS["title"], BEES["title"]}


def test_a_listing_that_adds_no_word_is_told_of_too(
    address: str, machine: Machine, tmp_path: Path
) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address, OWLS, BEES)
    one.index()
    other.index()
    one.search("owls")
    write(tmp_path / "other", BEES)
    assert other.index().removed == 0
    one.search("owls")
    write(tmp_path / "one", BATS)
    assert one.index().removed == 1, "the other's listing has gone, and this is known here"


def test_one_paper_by_its_identifier_is_one_on_all_machines(address: str, machine: Machine) -> None:
    named, other_title = {**OWLS, "arxiv_id": "2101.00001"}, "Listening to Owls with an OwlEar"
    one = machine("one", address, named)
    other = machine("other", address, {**named, "title": other_title, "date": "2022"})
    one.index()
    other.index()
    for each in (one, other):
        assert first(each, "owls") == other_title
        assert titles(each) == {other_title}
        assert len(pages_of(each, other_title)) == 2
    assert one.catalog.papers()[0].paper_id == other.catalog.papers()[0].paper_id


def test_removed_on_one_machine_is_removed_on_all_and_so_is_putting_back(
    address: str, machine: Machine, tmp_path: Path
) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address, OWLS, BEES)
    one.index()
    other.index()
    one.search("owls")
    (gone,) = (p.paper_id for p in one.catalog.papers() if p.title == OWLS["title"])
    one.remove([gone])
    other.search("owls")
    (own,) = other.catalog.sightings([gone])[gone]
    assert own.page == "page.jsonl"
    write(tmp_path / "other", BEES, {**OWLS, "date": "2022"})
    other.index()
    for each in (one, other):
        each.search("owls")
        assert titles(each) == {BATS["title"], BEES["title"]}, "reading its page again is no undo"
    one.put_back([gone])
    assert first(other, "owls") == OWLS["title"]
    write(tmp_path / "other", BEES, {**OWLS, "date": "2023"})
    other.index()
    assert first(one, "owls") == OWLS["title"]


def test_what_was_not_sent_yet_meets_what_another_changed(
    address: str, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine("one", address, OWLS, BATS), machine("other", address, OLD)
    one.index()
    monkeypatch.setattr(Mirror, "push", unplugged)
    with pytest.raises(KeyboardInterrupt):
        other.index()
    monkeypatch.undo()
    write(tmp_path / "one", {**OWLS, "date": "2023"}, BATS)
    one.index()
    other.index()
    for each in (one, other):
        assert each.search("owls").papers[0].paper.date == "2023"
        assert len(pages_of(each, OWLS["title"])) == 2


def unplugged(*_: object) -> None:
    raise KeyboardInterrupt


def test_pages_of_two_machines_do_not_mix(address: str, machine: Machine, tmp_path: Path) -> None:
    one, other = machine("one", address, OWLS, BATS, BEES), machine("other", address)
    one.index()
    other.ensure_indexed()
    # The first listing moves to the place of one that is not sent again.
    write(tmp_path / "one", BATS, BEES, {**OWLS, "date": "2022"})
    one.index()
    other.search("owls")
    assert titles(other) == {OWLS["title"], BATS["title"], BEES["title"]}
    for paper in other.catalog.papers():
        assert len(paper.sightings) == 1, paper.title
    # A page of the same name, read here, is another one.
    write(tmp_path / "other", BATS)
    other.index(prune=True)
    assert titles(other) == {OWLS["title"], BATS["title"], BEES["title"]}
    assert pages_of(other, BATS["title"]) == ["page.jsonl", "page.jsonl"]


def _name() -> str:
    identity = one_encoder().identity
    return f"assistant-{identity.sha256[:8]}-{identity.dimension}"
