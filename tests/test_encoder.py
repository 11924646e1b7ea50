import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.encoder import MODELS, MiniLM, OpenAIEncoder, counting
from assistant.errors import (
    ConfigError,
    ProviderAuthError,
    ProviderError,
    ProviderInterrupted,
    ProviderRateLimit,
    ProviderTimeout,
    ProviderUnreachable,
)

WORDS = "transformers attend to every token of a sequence and so cost grows with its square "

_SIGNS = "aZ9 -.[]SEP'\t\n\u00a0\u0301\u00e9\u4e2d\u2028\x00\x1c"
_TWO_AT_ONCE = MiniLM(threads=2)


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM(threads=1)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def test_vectors_are_of_unit_length_and_near_where_the_meaning_is(minilm: MiniLM) -> None:
    vectors = minilm.encode(["a cat sat on a mat", "a kitten rests on a rug", "tax law of 1986"])
    assert vectors.shape == (3, minilm.identity.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]


def test_the_vector_of_a_text_does_not_depend_on_its_neighbours(minilm: MiniLM) -> None:
    texts = [WORDS * (number % 7) + str(number) for number in range(20)]
    together = _TWO_AT_ONCE.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.array_equal(minilm.encode([text])[0], vector)


def test_no_texts_give_no_vectors(minilm: MiniLM) -> None:
    assert minilm.encode([]).shape == (0, 384)


def test_pieces_are_counted_without_the_special_ones(minilm: MiniLM) -> None:
    assert minilm.count("hello world") == 2
    assert minilm.count("") == 0
    assert minilm.count("word " * 1000) == 1000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.text(), st.text(_SIGNS)), max_size=4))
def test_pieces_of_many_texts_are_as_many_as_those_of_each(texts: list[str]) -> None:
    assert _TWO_AT_ONCE.counts(texts) == [_TWO_AT_ONCE.count(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "Text is cut at [SEP] and [CLS] alone, not at [sep].",
        "x" * 101 + " is no word, U-Net's 3.5x is 5",
        "caf\u00e9s of\u00a0Krak\u00f3w\u2014\u2018quotes\u2019 a\u0301 \u0301b \u795e\u7ecf net",
        "tabs\tand\nlines, a\x00b and a\x1cb, a \ud800 half",
    ],
)
def test_pieces_are_those_of_the_tokenizer_in_any_script(text: str) -> None:
    assert _TWO_AT_ONCE.counts([text, text[3:]]) == [
        _TWO_AT_ONCE.count(text),
        _TWO_AT_ONCE.count(text[3:]),
    ]


def test_what_is_known_of_words_is_bounded_and_stays_right(
    minilm: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_MOST_KNOWN", 3)
    texts = ["unbelievably long words", "of unbelievably many texts", "words of many"]
    for text in texts * 2:
        assert minilm.counts([text]) == [minilm.count(text)]
    assert len(minilm._counting._known) <= 3 + 1


def test_a_question_of_100_000_characters_is_cut_and_quick(minilm: MiniLM) -> None:
    minilm.encode(["warm"])
    started = time.perf_counter()
    long, cut = minilm.encode([WORDS * 1500, WORDS * 40])
    assert time.perf_counter() - started < 2
    assert long @ cut > 0.999


@pytest.mark.parametrize("text", ["", " ", "\ud800 half a pair", "🧪" * 5000, "\x00", "a" * 9999])
def test_any_text_has_a_vector(minilm: MiniLM, text: str) -> None:
    minilm.count(text)
    assert np.all(np.isfinite(minilm.encode([text])))


@pytest.mark.parametrize("name", ["minilm-int8.onnx", "tokenizer.json"])
def test_one_flipped_byte_in_the_model_is_refused(models: Path, name: str) -> None:
    data = bytearray((models / name).read_bytes())
    data[len(data) // 2] ^= 1
    (models / name).write_bytes(data)
    with pytest.raises(ConfigError, match=f"{name} is damaged: reinstall assistant"):
        MiniLM(models).encode(["text"])


@pytest.mark.parametrize("name", ["minilm-int8.onnx", "tokenizer.json", "manifest.json"])
def test_a_missing_model_file_is_named(models: Path, name: str) -> None:
    (models / name).unlink()
    with pytest.raises(ConfigError, match=f"{name} is damaged: reinstall assistant"):
        MiniLM(models).encode(["text"])


def test_a_manifest_of_another_shape_is_damage(models: Path) -> None:
    (models / "manifest.json").write_text('{"name": 1}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"manifest\.json is damaged"):
        _ = MiniLM(models).identity


def test_the_identity_follows_the_files_and_needs_no_model_in_memory() -> None:
    code = (
        "import sys; from assistant.encoder import MiniLM\n"
        "assert MiniLM().identity.dimension == 384\n"
        "assert not {'onnxruntime', 'tokenizers', 'openai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_telemetry_is_off_before_onnxruntime_is_imported() -> None:
    code = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from assistant.encoder import MiniLM; MiniLM().encode(['x'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1"]


class Embedder:
    """A server of embeddings on loopback, which gives what `replies` say, and then vectors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []


@pytest.fixture
def server() -> Iterator[Embedder]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            embedder.asked.append(body)
            embedder.keys.append(self.headers["Authorization"])
            reply = embedder.replies.pop(0) if embedder.replies else vectors(body["input"])
            reply(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    embedder = Embedder(f"http://127.0.0.1:{http.server_port}/v1")
    yield embedder
    http.shutdown()
    http.server_close()


def send(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def vectors(texts: list[str]) -> Callable[[BaseHTTPRequestHandler], None]:
    data = [{"index": n, "embedding": [len(text), 1.0, 0.0]} for n, text in enumerate(texts)]
    return send(200, json.dumps({"data": data[::-1]}).encode())


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
        time.sleep(0.05)


def encoder(server: Embedder, **options: Any) -> OpenAIEncoder:
    return OpenAIEncoder("text-embedding-3-small", server.url, "sk-canary-key", **options)


def test_remote_vectors_come_in_order_and_of_unit_length(server: Embedder) -> None:
    remote = encoder(server)
    found = remote.encode(["a", "bbb"])
    assert np.allclose(found, [[0.7071, 0.7071, 0], [0.9487, 0.3162, 0]], atol=1e-3)
    assert found.dtype == np.float32
    assert server.keys == ["Bearer sk-canary-key"] * len(server.keys)


def test_the_dimension_is_asked_for_once_or_given(server: Embedder) -> None:
    asking, told = encoder(server), encoder(server, dimension=3)
    assert asking.identity.dimension == told.identity.dimension == 3
    assert asking.identity.sha256 == told.identity.sha256
    _ = asking.identity
    assert len(server.asked) == 1


def test_another_address_is_another_encoder(server: Embedder) -> None:
    other = OpenAIEncoder("text-embedding-3-small", "http://elsewhere/v1", dimension=3)
    assert other.identity != encoder(server, dimension=3).identity


def test_many_texts_go_in_batches(server: Embedder) -> None:
    assert encoder(server, dimension=3).encode(["text"] * 150).shape == (150, 3)
    assert [len(asked["input"]) for asked in server.asked] == [64, 64, 22]
    assert encoder(server, dimension=3).encode([]).shape == (0, 3)


def test_texts_are_cut_to_what_the_model_reads_and_none_is_empty(server: Embedder) -> None:
    remote = encoder(server, dimension=3, max_pieces=128)
    remote.encode(["word " * 5000, ""])
    long, empty = server.asked[0]["input"]
    assert remote.count(long) <= 128
    assert empty == " "


@pytest.mark.parametrize(
    ("reply", "error", "requests"),
    [
        (send(401, b"{}"), ProviderAuthError, 1),
        (send(403, b"{}"), ProviderAuthError, 1),
        (send(404, b"{}"), ProviderError, 1),
        (send(400, b"{}"), ProviderError, 1),
        (send(429, b"{}", Retry_After="0.1"), ProviderRateLimit, 3),
        (send(429, b"{}", Retry_After="100"), ProviderRateLimit, 1),
        (send(500, b"oops", Retry_After="0.1"), ProviderError, 3),
        (send(200, b"<html>"), ProviderError, 1),
        (send(200, b'{"data": []}'), ProviderError, 1),
        (send(200, b'{"data": [{"index": 0, "embedding": [0, 0, 0]}]}'), ProviderError, 1),
        (send(200, b'{"data": [{"index": 0, "embedding": [NaN, 0, 0]}]}'), ProviderError, 1),
        (cut_short, ProviderInterrupted, 3),
    ],
)
def test_each_fault_of_the_server_is_one_typed_line(
    server: Embedder,
    reply: Callable[[BaseHTTPRequestHandler], None],
    error: type[ProviderError],
    requests: int,
) -> None:
    server.replies = [reply] * 3
    with pytest.raises(error) as raised:
        encoder(server, dimension=3, timeout_s=20).encode(["text"])
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    assert "sk-canary" not in str(raised.value)
    assert len(server.asked) == requests


def test_a_fault_that_passes_is_not_seen(server: Embedder) -> None:
    server.replies = [send(500, b"{}"), send(503, b"{}")]
    assert encoder(server, dimension=3).encode(["text"]).shape == (1, 3)


def test_drops_that_never_end_do_not_outlast_the_deadline(server: Embedder) -> None:
    server.replies = [drip]
    started = time.monotonic()
    with pytest.raises(ProviderTimeout, match=r"longer than 0\.5 s"):
        encoder(server, dimension=3, timeout_s=0.5).encode(["text"])
    assert time.monotonic() - started < 2


def test_a_silent_server_is_a_timeout(server: Embedder) -> None:
    server.replies = [lambda handler: time.sleep(1)]
    with pytest.raises(ProviderTimeout):
        encoder(server, dimension=3, timeout_s=0.3).encode(["text"])


def test_nothing_at_the_address_is_said_so() -> None:
    nowhere = OpenAIEncoder("m", "http://127.0.0.1:9/v1", dimension=3)
    with pytest.raises(ProviderUnreachable, match=r"nothing answers at .*127\.0\.0\.1:9"):
        nowhere.encode(["text"])


def test_another_dimension_than_the_configured_is_an_error(server: Embedder) -> None:
    with pytest.raises(ConfigError, match="gives 3 numbers a text, not 8"):
        encoder(server, dimension=8).encode(["text"])


def test_a_budget_too_small_for_a_title_is_refused() -> None:
    with pytest.raises(ConfigError, match="set 128 or more"):
        OpenAIEncoder("m", max_pieces=10)


def test_the_key_is_in_no_repr(server: Embedder) -> None:
    class Key:
        def get_secret_value(self) -> str:
            return "sk-canary-secret"

    remote = OpenAIEncoder("m", server.url, Key(), dimension=3)
    remote.encode(["text"])
    assert server.keys == ["Bearer sk-canary-secret"]
    assert "canary" not in repr(remote) + str(remote)


def test_a_server_without_a_key_is_asked_all_the_same(server: Embedder) -> None:
    assert OpenAIEncoder("m", server.url, dimension=3).encode(["text"]).shape == (1, 3)
