import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chroma_server import running
from fakes import FakeEncoder

from assistant.catalog import Catalog
from assistant.errors import (
    CatalogError,
    CorpusError,
    EncoderMismatch,
    IndexMissing,
    Locked,
    StoreError,
)
from assistant.generation import Generations, Server, seal
from assistant.generation import building as generation_module
from assistant.generation.recent import Recent
from assistant.indexer import Index, Indexer, IndexReport, open_index, writing
from assistant.lexical import Lexical
from assistant.schema import Vectors
from assistant.store import Store

CORPUS = Path(__file__).parents[1] / "corpus"
LONG = "This sentence number {} of the abstract of {} holds a few words more than the others do. "


def abstract(name: str, sentences: int = 8) -> str:
    return "".join(LONG.format(number, name) for number in range(sentences)).strip()


def write(path: Path, papers: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"title": title, "abstract": text}) for title, text in papers.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class Home:
    """A data folder with its catalog, an encoder, and pages to index."""

    def __init__(self, root: Path) -> None:
        self.pages = root / "pages"
        self.folder = root / "dä ta"
        self.catalog = Catalog.open(self.folder / "catalog.sqlite3")
        self.encoder = FakeEncoder()
        self.papers = {f"Paper about topic{n}": abstract(f"topic{n}") for n in range(12)}
        write(self.pages / "a.jsonl", self.papers)
        write(self.pages / "b.jsonl", {"Paper about bees": abstract("bees")})

    @property
    def indexer(self) -> Indexer:
        return Indexer(self.catalog, self.encoder, self.folder)

    def index(self, **options: bool) -> IndexReport:
        return self.indexer.index([self.pages], **options)

    def open(self) -> Index:
        return open_index(self.catalog, self.folder, self.encoder.identity)

    def found(self, words: str) -> list[str]:
        """Titles nearest by vector and best by words, one of each."""
        with self.open() as index:
            (vector,) = FakeEncoder().encode([words])
            ids = [index.store.nearest(vector, 1)[0].paper_id]
            ids += [hit.paper_id for hit in index.lexical.search(words, 1)]
        return [paper.title for id_ in ids for paper in self.catalog.papers([id_])]

    def generations(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "index").iterdir())

    def sound(self) -> bool:
        """Whether the index in use holds exactly what the catalog does."""
        with self.open() as index:
            return (
                index.store.ids() == self.catalog.chunk_ids() != set()
                and index.lexical.ids() == self.catalog.paper_ids()
            )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.catalog.close()


def test_pages_become_papers_that_both_indexes_find(home: Home) -> None:
    report = home.index()
    assert (report.pages, report.listings, report.papers, report.added) == (2, 13, 13, 13)
    assert report.chunks == report.encoded == len(home.catalog.chunk_ids()) >= 26
    assert report.generation == "g0001"
    assert home.found("topic3 paper") == ["Paper about topic3"] * 2
    assert home.found("bees") == ["Paper about bees"] * 2
    assert home.sound()


def test_nothing_changed_nothing_is_read_by_the_encoder_and_the_index_stays(home: Home) -> None:
    home.index()
    home.encoder.read.clear()
    report = home.index()
    assert (report.pages, report.pages_unchanged, report.papers) == (2, 2, 13)
    assert (report.added, report.changed, report.removed, report.encoded) == (0, 0, 0, 0)
    assert report.generation == "g0001"
    assert home.encoder.read == []


def test_only_what_changed_is_encoded_and_the_rest_is_taken_over(home: Home) -> None:
    home.index()
    home.encoder.read.clear()
    home.papers["Paper about topic0"] = abstract("whales")
    write(home.pages / "a.jsonl", home.papers)
    report = home.index()
    assert (report.changed, report.added, report.pages_unchanged) == (1, 0, 1)
    assert home.encoder.read
    assert all("whales" in text for text in home.encoder.read)
    assert report.generation == "g0002"
    assert home.generations() == ["g0001", "g0002"]
    assert home.found("whales") == ["Paper about topic0"] * 2
    assert home.sound()


def test_a_generation_is_kept_for_its_readers_until_the_next_but_one(home: Home) -> None:
    home.index()
    with home.open() as reader:
        for number in range(3):
            write(home.pages / f"new{number}.jsonl", {f"New {number}": abstract(f"new{number}")})
            home.index()
            if number == 0:
                assert reader.store.count() < len(home.catalog.chunk_ids())
    assert home.generations() == ["g0001", "g0003", "g0004"], "the first one has the vectors"
    assert home.sound()


def vectors_of(home: Home) -> str:
    """The generation whose vectors the one in use shares, if not its own."""
    generation = home.catalog.meta("generation") or ""
    return seal.read(home.folder / "index" / generation).vectors


def test_a_small_change_shares_the_vectors_and_a_large_one_is_built_afresh(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_module, "_FEW", 10)
    home.index()
    write(home.pages / "c.jsonl", {"One more": abstract("onemore")})
    assert home.index().generation == "g0002"
    assert vectors_of(home) == "g0001"
    assert home.found("onemore") == ["One more"] * 2
    assert home.sound()
    write(home.pages / "d.jsonl", {f"More {n}": abstract(f"more{n}") for n in range(30)})
    home.index()
    assert vectors_of(home) == "g0003"
    assert home.generations() == ["g0001", "g0002", "g0003"]
    assert home.sound()


def test_papers_come_change_and_go_over_the_same_vectors(home: Home) -> None:
    home.index()
    for number in range(4):
        home.papers[f"Paper about topic{number}"] = abstract(f"whales{number}")
        home.papers.pop(f"Paper about topic{11 - number}")
        home.papers[f"New {number}"] = abstract(f"novelty{number}")
        write(home.pages / "a.jsonl", home.papers)
        home.index()
        assert home.sound()
        assert home.found(f"whales{number}") == [f"Paper about topic{number}"] * 2
        assert home.found(f"novelty{number}") == [f"New {number}"] * 2
    assert vectors_of(home) == "g0001"
    # What was gone and comes back is in the sealed vectors already.
    home.papers["Paper about topic11"] = abstract("topic11")
    write(home.pages / "a.jsonl", home.papers)
    home.index()
    assert home.found("topic11 paper") == ["Paper about topic11"] * 2
    assert home.sound()


def test_a_paper_gone_from_its_page_is_gone_unless_another_page_has_it(home: Home) -> None:
    write(home.pages / "c.jsonl", {"Paper about topic1": home.papers["Paper about topic1"]})
    home.index()
    del home.papers["Paper about topic1"], home.papers["Paper about topic2"]
    write(home.pages / "a.jsonl", home.papers)
    report = home.index()
    assert (report.removed, report.papers) == (1, 12)
    titles = {paper.title for paper in home.catalog.papers()}
    assert "Paper about topic1" in titles
    assert "Paper about topic2" not in titles
    assert home.sound()


def test_pages_that_are_not_given_stay_unless_pruned(home: Home) -> None:
    home.index()
    only_b = [home.pages / "b.jsonl"]
    assert home.indexer.index(only_b).papers == 13
    report = home.indexer.index(only_b, prune=True)
    assert (report.pages_removed, report.papers, report.removed) == (1, 1, 12)
    assert home.sound()
    home.encoder.read.clear()
    assert home.index().papers == 13
    assert home.encoder.read == [], "the vectors of what was removed are still known"


def test_a_page_in_which_nothing_is_found_any_more_takes_nothing_out(home: Home) -> None:
    home.index()
    (home.pages / "b.jsonl").write_text("", encoding="utf-8")
    assert home.index().papers == 13
    assert home.index().pages_unchanged == 1


def test_the_same_pages_in_another_order_or_twice_give_the_same(home: Home) -> None:
    one, two = home.pages / "a.jsonl", home.pages / "b.jsonl"
    home.indexer.index([two, one, two, home.pages])
    first = home.catalog.fingerprint()
    report = home.indexer.index([one, two])
    assert (report.papers, report.encoded) == (13, 0)
    assert home.catalog.fingerprint() == first


def test_two_files_of_one_name_are_two_pages(home: Home) -> None:
    home.index()
    other = write(home.pages.parent / "other" / "b.jsonl", {"Paper about ants": abstract("ants")})
    assert home.indexer.index([other]).papers == 14
    assert set(home.catalog.pages()) == {"a.jsonl", "b.jsonl", "other/b.jsonl"}
    (ants,) = (paper for paper in home.catalog.papers() if "ants" in paper.title)
    assert ants.sightings[0].page == "other/b.jsonl"
    write(other, {"Paper about wasps": abstract("wasps")})
    assert home.indexer.index([other]).papers == 14
    assert home.indexer.index([home.pages.parent / "other", home.pages]).pages_unchanged == 3


def test_a_file_that_was_moved_is_the_same_page(home: Home) -> None:
    home.index()
    moved = home.pages.parent / "moved"
    home.pages.rename(moved)
    write(moved / "b.jsonl", {"Paper about ants": abstract("ants")})
    report = home.indexer.index([moved])
    assert (report.pages_unchanged, report.papers, report.removed) == (1, 13, 1)


def test_a_page_that_cannot_be_read_leaves_everything_as_it_was(home: Home) -> None:
    home.index()
    bad = home.pages.parent / "bad.txt"
    bad.write_bytes(b"%PDF-1.4 binary \x00\x01")
    with pytest.raises(CorpusError):
        home.indexer.index([bad])
    assert home.index().generation == "g0001"


def test_progress_tells_each_stage_to_its_end(home: Home) -> None:
    told: list[tuple[str, int, int]] = []
    home.indexer.index([home.pages], lambda *at: told.append(at))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "read",
        "encode",
        "store",
    ]
    last = {stage: (done, total) for stage, done, total in told}
    assert all(done == total > 0 for done, total in last.values())


def test_every_run_is_recorded(home: Home) -> None:
    home.index()
    home.index()
    latest, first = home.catalog.runs()
    assert (first.report["added"], latest.report["added"]) == (13, 0)
    assert "notes" not in first.report


def test_the_notes_of_the_pages_are_in_the_report(home: Home) -> None:
    with (home.pages / "b.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n{broken")
    ((page, note),) = home.index().notes
    assert (page, note.line) == ("b.jsonl", 2)


# Encoders and versions


def test_another_encoder_is_refused_before_anything_is_read(home: Home) -> None:
    home.index()
    before = home.catalog.chunk_ids()
    home.encoder = FakeEncoder("other")
    with pytest.raises(
        EncoderMismatch, match=r"made by fake/256.*: run `assistant index --rebuild`"
    ):
        home.index()
    with pytest.raises(EncoderMismatch):
        home.open()
    assert home.encoder.read == []
    assert home.catalog.chunk_ids() == before


def test_with_rebuild_another_encoder_takes_over_wholly(home: Home) -> None:
    home.index()
    home.encoder = FakeEncoder("other", dimension=64, max_pieces=128)
    report = home.index(rebuild=True)
    assert report.encoded == report.chunks
    assert home.sound()
    with pytest.raises(EncoderMismatch):
        open_index(home.catalog, home.folder, FakeEncoder().identity)
    home.encoder = FakeEncoder()
    assert home.index(rebuild=True).encoded == 0, "the old vectors are still known"
    assert home.found("bees") == ["Paper about bees"] * 2


def test_an_index_of_a_newer_version_is_refused(home: Home) -> None:
    home.index()
    home.catalog.set_meta("index_format", "99")
    with pytest.raises(CatalogError, match=r"newer assistant \(format 99.*upgrade assistant"):
        home.index()
    with pytest.raises(CatalogError):
        home.open()


def test_nothing_indexed_is_said_so(home: Home) -> None:
    with pytest.raises(IndexMissing, match="nothing is indexed yet: run `assistant index`"):
        home.open()


# Damage


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[len(data) // 2] ^= 0x10
    path.unlink()
    if how != "delete":
        path.write_bytes(data[: len(data) // 2] if how == "truncate" else data)


@pytest.mark.parametrize("how", ["flip", "truncate", "delete"])
@pytest.mark.parametrize(
    "pattern", ["chroma/*/data_level0.bin", "lexical/*.term", "lexical/meta.json", "seal.json"]
)
def test_a_damaged_file_is_noticed_and_mended_from_the_catalog(
    home: Home, pattern: str, how: str
) -> None:
    home.index()
    home.encoder.read.clear()
    (path,) = (home.folder / "index" / "g0001").glob(pattern)
    damage(path, how)
    with pytest.raises(StoreError, match=r"g0001 is damaged .*: run `assistant index --rebuild`"):
        home.open()
    assert home.indexer.rebuild().generation == "g0002"
    assert home.encoder.read == []
    assert home.sound()


@pytest.mark.parametrize("how", ["truncate", "delete"])
def test_a_damaged_database_of_chroma_is_noticed_and_mended(home: Home, how: str) -> None:
    home.index()
    damage(home.folder / "index" / "g0001" / "chroma" / "chroma.sqlite3", how)
    with pytest.raises(StoreError):
        home.open()
    assert home.index().generation == "g0002", "indexing mends it too"
    assert home.sound()


def test_a_lost_index_is_made_again(home: Home) -> None:
    home.index()
    shutil.rmtree(home.folder / "index")
    with pytest.raises(StoreError):
        home.open()
    home.indexer.rebuild()
    assert home.sound()


def test_chunks_missing_from_a_store_are_noticed(home: Home) -> None:
    home.index()
    with Store.open(home.folder / "index" / "g0001" / "chroma", home.encoder.identity) as store:
        store.remove(sorted(store.ids())[:1])
    with pytest.raises(StoreError, match="is damaged"):
        home.open()


def test_a_generation_that_fails_its_check_is_not_put_in_place(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.index()
    write(home.pages / "c.jsonl", {"One more": abstract("onemore")})
    change = Lexical.change
    monkeypatch.setattr(Lexical, "change", lambda self, gone, papers: None)
    with pytest.raises(StoreError, match="new index g0002 does not hold its papers"):
        home.index()
    assert home.catalog.meta("generation") == "g0001"
    home.open().close()
    monkeypatch.setattr(Lexical, "change", change)
    assert home.index().generation == "g0002"
    assert home.sound()


def test_a_reader_follows_the_pointer_when_it_moves_while_it_opens(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.index()
    home.indexer.rebuild()
    names = iter(["g0001", "g0002", "g0002"])
    shutil.rmtree(home.folder / "index" / "g0001")
    meta = home.catalog.meta
    monkeypatch.setattr(
        home.catalog, "meta", lambda key: next(names) if key == "generation" else meta(key)
    )
    with home.open() as index:
        assert index.generation == "g0002"


# Interruption


class Unplugged(Exception):
    """The machine goes off."""


class BreakingEncoder(FakeEncoder):
    """Stops for good after so many calls."""

    def __init__(self, calls: int, error: type[BaseException] = Unplugged) -> None:
        super().__init__()
        self.calls = calls
        self.error = error

    def encode(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        self.calls -= 1
        if self.calls < 0:
            raise self.error
        return super().encode(texts)


@pytest.mark.parametrize("error", [Unplugged, KeyboardInterrupt])
def test_an_interrupted_run_goes_on_where_it_was(home: Home, error: type[BaseException]) -> None:
    write(home.pages / "many.jsonl", {f"Many {n}": abstract(f"many{n}") for n in range(60)})
    whole = home.encoder = BreakingEncoder(2, error)
    with pytest.raises(error):
        home.index()
    assert home.catalog.meta("generation") is None
    home.encoder = FakeEncoder()
    report = home.index()
    assert not set(whole.read) & set(home.encoder.read)
    assert len(whole.read) + report.encoded == report.chunks
    assert home.sound()
    ended, stopped = home.catalog.runs()
    assert (ended.report["kind"], ended.report["added"]) == ("index", 0)
    assert (stopped.report["kind"], stopped.report["added"]) == ("stopped", report.papers)
    home.index()
    assert len(home.catalog.runs()) == 3


def test_what_an_interrupted_build_left_is_swept_away(home: Home) -> None:
    home.index()
    (home.folder / "index" / "g0002" / "chroma").mkdir(parents=True)
    write(home.pages / "c.jsonl", {"One more": abstract("onemore")})
    home.index()
    assert home.generations() == ["g0001", "g0002"]
    assert home.sound()


@pytest.mark.parametrize(
    "where",
    [
        "Store.having", "Lexical.clone", "Lexical.change", "Recent.save", "seal.to_disk",
        "seal.write", "Catalog.keep_fingerprint", "Store.add", "Generations._verify",
    ],
)  # fmt: skip
def test_a_crash_anywhere_in_a_change_leaves_the_old_index_in_use(
    home: Home, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    home.index()
    if where in ("Store.add", "Generations._verify"):
        monkeypatch.setattr(generation_module, "_FEW", 0)
    del home.papers["Paper about topic1"]
    write(home.pages / "a.jsonl", {**home.papers, "One more": abstract("onemore")})
    owner, name = where.split(".")
    owners = {one.__name__: one for one in (Store, Lexical, Generations, Recent, Catalog)}
    with monkeypatch.context() as patch:

        def crash(*_: object) -> None:
            raise Unplugged

        patch.setattr(owners.get(owner, seal), name, crash)
        with pytest.raises(Unplugged):
            home.index()
    assert home.catalog.meta("generation") == "g0001"
    home.open().close()
    home.index()
    assert home.sound()


def test_killed_at_any_moment_it_ends_as_if_undisturbed(home: Home) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        "from fakes import FakeEncoder\n"
        "from assistant.catalog import Catalog\nfrom assistant.indexer import Indexer\n"
        f"folder = Path({str(home.folder)!r})\n"
        "catalog = Catalog.open(folder / 'catalog.sqlite3')\n"
        "def told(*at):\n    print(*at, flush=True)\n"
        f"Indexer(catalog, FakeEncoder(), folder).index([{str(home.pages)!r}], told)\n"
    )
    write(home.pages / "many.jsonl", {f"Many {n}": abstract(f"many{n}") for n in range(80)})
    for stage in ("encode 0", "encode 2", "encode 4", "store 0", "store"):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        ) as it:
            assert it.stdout
            for line in it.stdout:
                if line.startswith(stage):
                    it.send_signal(signal.SIGKILL)
                    break
    report = home.index()
    assert report.papers == 93
    assert report.encoded < report.chunks
    assert home.sound()
    undisturbed = Home(home.folder.parent / "undisturbed")
    write(undisturbed.pages / "many.jsonl", {f"Many {n}": abstract(f"many{n}") for n in range(80)})
    undisturbed.index()
    assert undisturbed.catalog.chunk_ids() == home.catalog.chunk_ids()
    assert undisturbed.catalog.fingerprint() == home.catalog.fingerprint()
    undisturbed.catalog.close()


# The lock


def hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with writing(folder):
        held.set()
        time.sleep(30)


def test_a_second_writer_is_told_who_is_first(home: Home) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    first = context.Process(target=hold, args=(home.folder, held))
    first.start()
    assert held.wait(30)
    with pytest.raises(Locked, match=rf"process {first.pid}, since \d{{4}}-.*wait until") as it:
        home.index()
    assert it.value.exit_code == 75
    first.kill()
    first.join()
    assert home.index().papers == 13, "the lock of a dead process is no lock"


def test_a_first_writer_without_a_name_is_respected_all_the_same(home: Home) -> None:
    with writing(home.folder):
        (home.folder / "index.owner").unlink()
        with pytest.raises(Locked, match="another process is indexing: wait until"):
            home.index()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match=r"data folder .*file.* cannot be written"),
        writing(tmp_path / "file" / "data"),
    ):
        pass


def test_readers_are_not_disturbed_by_twenty_runs_of_a_writer(home: Home) -> None:
    home.index()
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                if home.found("bees") != ["Paper about bees"] * 2:
                    wrong.append("missed")
            except Exception as error:
                wrong.append(repr(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        write(home.pages / "c.jsonl", {f"New {number}": abstract(f"new{number}")})
        home.index()
    stop.set()
    reader.join()
    assert wrong == []
    assert home.found("new19") == ["New 19"] * 2


# A server for the vectors


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with running(tmp_path / "server") as url:
        yield url


def test_the_vectors_may_live_on_a_server(home: Home, server: str) -> None:
    at: Callable[[], Indexer] = lambda: Indexer(  # noqa: E731
        home.catalog, home.encoder, home.folder, Server(server, "papers")
    )
    at().index([home.pages])
    write(home.pages / "b.jsonl", {"Paper about wasps": abstract("wasps")})
    assert at().index([home.pages]).generation == "g0002"
    with open_index(
        home.catalog, home.folder, home.encoder.identity, Server(server, "papers")
    ) as it:
        assert it.store.ids() == home.catalog.chunk_ids()
        (vector,) = home.encoder.encode(["wasps"])
        (hit,) = it.store.nearest(vector, 1)
        assert home.catalog.paper(hit.paper_id).title == "Paper about wasps"
        assert not (home.folder / "index" / "g0002" / "chroma").exists()


# The real corpus


def test_the_shipped_corpus_is_306_listings_of_249_papers(home: Home) -> None:
    report = home.indexer.index([CORPUS])
    assert (report.pages, report.listings, report.papers) == (5, 306, 249)
    assert home.sound()
    assert os.listdir(home.folder / "index") == ["g0001"]  # noqa: PTH208
