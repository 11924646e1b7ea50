import json
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from uuid import uuid4

import numpy as np
import pytest
from chroma_server import running

from assistant.errors import ConfigError, EncoderMismatch, StoreError
from assistant.schema import Chunk, EncoderIdentity, Vectors
from assistant.store import Store
from assistant.store import client as store_module

ME = EncoderIdentity("fake", 16, "a" * 64)
OTHER = EncoderIdentity("other", 16, "b" * 64)

Opener = Callable[[EncoderIdentity], Store]


def chunks(papers: int, each: int = 2) -> list[Chunk]:
    return [
        Chunk(f"p{n:03}-{part}", f"p{n:03}", f"Title {n}", f"Text {part}.", part, part + 7)
        for n in range(papers)
        for part in range(each)
    ]


def vectors(count: int, seed: int = 0) -> Vectors:
    made = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(params=["local", "server"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[Store] = []
    name = f"test-{uuid4().hex[:8]}"

    def open_(identity: EncoderIdentity) -> Store:
        if request.param == "local":
            opened.append(Store.open(tmp_path / "ein ordner 🧪", identity))
        else:
            url = request.getfixturevalue("server")
            opened.append(Store.connect(url, name, identity))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


def test_the_nearest_come_first_with_their_cosine(opener: Opener) -> None:
    store, made, known = opener(ME), chunks(20), vectors(40)
    store.add(made, known)
    hits = store.nearest(known[7], 5)
    order = np.argsort(-(known @ known[7]))[:5]
    assert [hit.chunk_id for hit in hits] == [made[n].chunk_id for n in order]
    assert [hit.paper_id for hit in hits] == [made[n].paper_id for n in order]
    assert np.allclose([hit.score for hit in hits], (known @ known[7])[order], atol=1e-5)


def test_a_filter_gives_what_filtering_by_hand_gives(opener: Opener) -> None:
    store, made, known = opener(ME), chunks(150), vectors(300)
    store.add(made, known)
    rng = random.Random(1)
    for share in (1, 5, 30, 80, 140, 150):
        among = {f"p{n:03}" for n in rng.sample(range(150), share)}
        for question in vectors(5, seed=share):
            order = [n for n in np.argsort(-(known @ question)) if made[n].paper_id in among]
            hits = store.nearest(question, 10, among)
            assert [hit.chunk_id for hit in hits] == [made[n].chunk_id for n in order[:10]]


def test_a_filter_to_nothing_finds_nothing(opener: Opener) -> None:
    store = opener(ME)
    store.add(chunks(3), vectors(6))
    assert store.nearest(vectors(1)[0], 5, set()) == []
    assert store.nearest(vectors(1)[0], 5, {"unknown"}) == []
    assert store.nearest(vectors(1)[0], 0) == []
    assert len(store.nearest(vectors(1)[0], 50)) == 6


def test_an_empty_store_finds_nothing(opener: Opener) -> None:
    store = opener(ME)
    assert (store.count(), store.ids(), store.nearest(vectors(1)[0], 5)) == (0, set(), [])
    store.add([], vectors(0))
    store.remove([])


def test_a_chunk_put_in_again_replaces_itself(opener: Opener) -> None:
    store, made, known = opener(ME), chunks(5), vectors(10)
    store.add(made, known)
    store.add(made[:1], known[9:])
    assert store.count() == 10
    assert {hit.chunk_id for hit in store.nearest(known[9], 2)} == {
        made[0].chunk_id,
        made[9].chunk_id,
    }


def test_a_removed_chunk_is_found_no_more(opener: Opener) -> None:
    store, made, known = opener(ME), chunks(5), vectors(10)
    store.add(made, known)
    assert store.nearest(known[0], 1, {"p000"})[0].chunk_id == "p000-0"
    store.remove(["p000-0", "never-there"])
    assert store.ids() == {chunk.chunk_id for chunk in made[1:]}
    assert store.nearest(known[0], 1, {"p000"})[0].chunk_id == "p000-1"


def test_it_is_there_after_reopening(opener: Opener) -> None:
    store, made, known = opener(ME), chunks(5), vectors(10)
    store.add(made, known)
    store.close()
    again = opener(ME)
    assert again.ids() == {chunk.chunk_id for chunk in made}
    assert again.nearest(known[3], 1)[0].chunk_id == made[3].chunk_id


def test_vectors_of_another_encoder_are_refused(opener: Opener) -> None:
    opener(ME).add(chunks(1), vectors(2))
    with pytest.raises(EncoderMismatch, match=r"made by fake/16/aaaa.*not by other/16.*--rebuild"):
        opener(OTHER)


def test_more_than_one_batch_is_taken(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opener(ME)
    monkeypatch.setattr(store._client, "get_max_batch_size", lambda: 7)
    store.add(chunks(10), vectors(20))
    assert store.count() == 20
    store.remove([chunk.chunk_id for chunk in chunks(8)])
    assert store.count() == 4


def test_texts_stay_in_the_catalog_but_travel_to_a_server(tmp_path: Path, server: str) -> None:
    with Store.open(tmp_path, ME) as local:
        local.add(chunks(1), vectors(2))
        assert local._collection.get("p000-1")["documents"] == [None]
        assert local._collection.get("p000-1")["metadatas"] == [None]
    with Store.connect(server, "texts", ME) as remote:
        remote.add(chunks(1), vectors(2))
        kept = remote._collection.get("p000-1")
        assert kept["documents"] == ["Text 1."]
        assert kept["metadatas"] == [{"paper_id": "p000", "title": "Title 0", "start": 1, "end": 8}]


def test_reading_changes_no_file_of_the_graph(tmp_path: Path) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.rglob("*.bin")}

    for count in (1, 37, 120):
        with Store.open(tmp_path, ME) as store:
            store.add(chunks(count), vectors(2 * count))
        before = files()
        with Store.open(tmp_path, ME) as store:
            store.nearest(vectors(1)[0], 5)
        assert files() == before


def test_many_who_ask_at_once_open_ten_connections_and_no_more(tmp_path: Path) -> None:
    """Each waits for none that is not given back yet, so that under load there are more of them."""

    def connections() -> int:
        files = (one.readlink().name for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
        return sum(name == "chroma.sqlite3" for name in files)

    before = connections()
    with Store.open(tmp_path, ME) as store, ThreadPoolExecutor(16) as many:
        store.add(chunks(100), vectors(200))
        for _ in range(3):
            found = list(many.map(lambda one: store.nearest(one, 3), vectors(100)))
            assert all(len(hits) == 3 for hits in found)
            assert 1 <= connections() - before <= 10
    deadline = monotonic() + 60
    # Threads of Chroma's own close them.
    while connections() != before and monotonic() < deadline:
        sleep(0.02)
    assert connections() == before


def test_a_damaged_store_names_its_folder_and_the_cure(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"no database at all, but long enough" * 100)
    with pytest.raises(StoreError, match=r"vector index at .* failed .*--rebuild"):
        Store.open(tmp_path, ME)


def test_a_damaged_graph_is_an_error_and_no_empty_answer(tmp_path: Path) -> None:
    with Store.open(tmp_path, ME) as store:
        store.add(chunks(60), vectors(120))
    for path in tmp_path.rglob("*.bin"):
        path.write_bytes(b"")
    with Store.open(tmp_path, ME) as store, pytest.raises(StoreError):
        store.nearest(vectors(1)[0], 5)


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(
        StoreError, match=r"Chroma server at http://127\.0\.0\.1:9 .*store\.url"
    ) as it:
        Store.connect("http://127.0.0.1:9", "chunks", ME)
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", ""])
def test_a_bad_address_says_how_to_write_one(url: str) -> None:
    with pytest.raises(ConfigError, match="write it as http://host:8000"):
        Store.connect(url, "chunks", ME)


@contextmanager
def pretending(version: str, limits: dict[str, object]) -> Iterator[tuple[str, list[str | None]]]:
    """A server that knows its version and its limits and nothing else, and the keys sent to it."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["x-chroma-token"])
            replies = {"/api/v2/version": version, "/api/v2/pre-flight-checks": limits}
            body = json.dumps(replies.get(self.path)).encode()
            self.send_response(200 if self.path in replies else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", keys
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize(
    ("version", "base64", "safe"),
    [
        ("1.0.0", True, True),
        ("1.0.0", False, False),
        ("0.6.3", False, False),
        ("1.5.9", False, False),
        ("1.10.0", False, True),
    ],
    ids=["rust", "python 1.0.0", "python 0.6.3", "python 1.5.9", "python, mended"],
)
def test_only_servers_without_the_known_hole_are_used(
    version: str, base64: bool, safe: bool
) -> None:
    limits: dict[str, object] = {"supports_base64_encoding": base64}
    with pretending(version, limits) as (url, _), pytest.raises(StoreError) as it:
        Store.connect(url, "chunks", ME)
    assert ("use `chroma run` of 1.5.9" in str(it.value)) is not safe


def test_a_server_that_goes_away_is_named(server: str) -> None:
    store = Store.connect(server, "gone", ME)
    store._place = "http://there"
    store._client.delete_collection("gone")
    with pytest.raises(StoreError, match=r"http://there .*check that the Chroma server is running"):
        store.count()
    store.close()


def test_the_key_is_sent_to_the_server_and_shown_nowhere() -> None:
    limits: dict[str, object] = {"supports_base64_encoding": True}
    with pretending("1.0.0", limits) as (url, keys), pytest.raises(StoreError) as it:
        Store.connect(url, "chunks", ME, "canary-key")
    assert set(keys) == {"canary-key"}
    assert "canary" not in str(it.value)


def test_a_server_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreError):
        Store.connect(f"http://127.0.0.1:{silent.getsockname()[1]}", "chunks", ME)
