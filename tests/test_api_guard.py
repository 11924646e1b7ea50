import base64
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_address import (
    LORA,
    Address,
    one_address,  # noqa: F401
    one_as_new,  # noqa: F401
    raw,
    served,
    settings_of,
    stub_behind,  # noqa: F401
)
from stub_assistant import StubAssistant
from whole import one_encoder, ready  # noqa: F401

from assistant import build
from assistant.api.frame import POLICY
from assistant.api.guard import Failures, check_binding, is_for_programs, is_loopback
from assistant.build import Assistant
from assistant.errors import ConfigError

TOKEN = "a-token-that-nobody-knows-é"
PASSWORD = "correct horse, battery: staple"
SECRETS = {"ASSISTANT_TOKEN": TOKEN, "ASSISTANT_PASSWORD": PASSWORD}
ASK = {"question": "What is LoRA?"}
PROGRAMS = [
    ("POST", "/api/ask"),
    ("POST", "/api/search"),
    ("POST", "/api/verify"),
    ("GET", "/api/papers"),
    ("GET", "/api/papers/0123"),
    ("GET", "/api/health"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/nothing"),
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/mcp"),
]
# What Gradio leaves open, or asks for a login of its own, and what it does not have.
PAGE = [
    ("GET", "/"),
    ("GET", "/config"),
    ("GET", "/assets/index.js"),
    ("GET", "/static/x"),
    ("GET", "/theme.css"),
    ("GET", "/manifest.json"),
    ("GET", "/robots.txt"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/monitoring"),
    ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/token"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/gradio_api/heartbeat/x"),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/reset"),
    ("POST", "/gradio_api/vibe-edit"),
    ("GET", "//api/health"),
    ("GET", "/apis"),
    ("GET", "/nothing"),
]


@pytest.fixture(scope="module")
def page(ready: Path) -> Iterator[Address]:  # noqa: F811
    """The real page, behind a login."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "MiniLM", one_encoder)
        settings = settings_of(SECRETS, data_folder=str(ready), server_upload_mb=1)
        with Assistant.open(settings=settings) as assistant, served(assistant, page=True) as it:
            yield it


@pytest.fixture
def locked() -> Iterator[Address]:
    with served(StubAssistant(), settings_of(SECRETS)) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": b"Bearer " + token.encode()}  # type: ignore[dict-item]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


# Who may come in


@pytest.mark.parametrize(("method", "path"), PROGRAMS)
def test_programs_need_the_token_everywhere(page: Address, method: str, path: str) -> None:
    response = page.client.request(method, path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in response.text


@pytest.mark.parametrize(("method", "path"), PAGE)
def test_nothing_of_the_page_is_open_without_a_login(page: Address, method: str, path: str) -> None:
    response = page.client.request(method, path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic realm=")


def test_with_the_password_the_page_is_there(page: Address) -> None:
    response = page.get("/", **basic("reader", PASSWORD))
    assert response.status_code == 200
    assert "gradio" in response.text


def test_with_the_token_programs_are_answered(locked: Address) -> None:
    response = locked.client.post("/api/ask", json=ASK, headers=bearer(TOKEN))
    assert response.json()["answer"] == LORA


def test_the_password_does_not_open_what_the_token_closes_nor_the_other_way(
    locked: Address,
) -> None:
    assert locked.get("/api/health", **basic("reader", PASSWORD)).status_code == 401
    assert locked.client.get("/", headers=bearer(TOKEN)).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer  x"},
        {"Authorization": f"Basic {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN[:-2]}"},
        {"Authorization": "Bearer x"},
    ],
)
def test_a_wrong_token_is_401(locked: Address, given: dict[str, str]) -> None:
    assert locked.get("/api/health", **given).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        basic("reader", "wrong"),
        basic("other", PASSWORD),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic"},
    ],
)
def test_a_wrong_name_or_password_is_401(locked: Address, given: dict[str, str]) -> None:
    assert locked.get("/", **given).status_code == 401


def test_the_sixth_wrong_token_in_a_minute_is_429(locked: Address) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    found = [locked.get("/v1/models", **wrong) for _ in range(6)]
    assert [one.status_code for one in found] == [401] * 5 + [429]
    assert 0 < int(found[-1].headers["retry-after"]) <= 60
    # Else who guesses would learn of the right one all the same.
    assert locked.client.get("/v1/models", headers=bearer(TOKEN)).status_code == 429
    assert locked.get("/", **basic("reader", PASSWORD)).status_code == 429


def test_the_sixth_wrong_password_in_a_minute_is_429(locked: Address) -> None:
    found = [locked.get("/", **basic("reader", str(n))).status_code for n in range(6)]
    assert found == [401] * 5 + [429]


def test_to_come_without_a_token_is_no_failed_attempt(locked: Address) -> None:
    assert {locked.get("/api/health").status_code for _ in range(9)} == {401}
    assert locked.client.get("/api/health", headers=bearer(TOKEN)).status_code == 200


def test_secrets_are_compared_in_constant_time(
    locked: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []
    monkeypatch.setattr(
        "assistant.api.guard.hmac.compare_digest",
        lambda given, wanted: compared.append(given) or given == wanted,
    )
    assert locked.client.get("/api/health", headers=bearer(TOKEN)).status_code == 200
    assert locked.get("/", **basic("reader", "wrong")).status_code == 401
    assert compared == [TOKEN.encode(), b"reader:wrong"]


def test_failures_are_forgotten_after_a_minute() -> None:
    now = [0.0]
    failures = Failures(5, lambda: now[0])
    for _ in range(5):
        failures.add("a")
    assert failures.locked("a") == 60
    assert failures.locked("b") == 0
    now[0] = 59.0
    assert failures.locked("a") == 1
    now[0] = 60.0
    assert failures.locked("a") == 0


@pytest.mark.parametrize("pause", [0.01, 0.0])
def test_clients_without_number_take_no_memory_without_number(pause: float) -> None:
    now = [0.0]
    failures = Failures(1, lambda: now[0])
    for number in range(30_000):
        now[0] += pause
        failures.add(str(number))
    assert len(failures._times) <= 10_000
    assert failures.locked("29999") == 60


def test_without_token_and_password_everything_is_open(address: Address) -> None:
    assert address.post("/api/ask", ASK, Authorization="Bearer none").status_code == 200


def test_what_is_for_programs_is_told_by_whole_names() -> None:
    assert is_for_programs("/api")
    assert is_for_programs("/mcp")
    assert is_for_programs("/v1/models")
    assert not is_for_programs("/apis")
    assert not is_for_programs("/gradio_api/info")
    assert not is_for_programs("//api")


# Which names, and whose pages


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST:7860",
        "[::1]:7860",
        "papers.example.org",
        "papers.example.org:443",
    ],
)
def test_our_own_names_are_answered(address: Address, host: str) -> None:
    assert address.get("/api/health", Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:7860",
        "evil.example:127.0.0.1",
        "user@localhost",
        "localhost:x",
        "[::2]",
        "",
        "localhost, evil.example",
    ],
)
def test_another_name_is_421(address: Address, host: str) -> None:
    response = address.get("/api/health", Host=host)
    assert response.status_code == 421
    assert "server.names" in response.text


def test_two_names_or_none_are_421(address: Address) -> None:
    both = "GET /api/health HTTP/1.1\nHost: localhost\nHost: evil.example"
    assert raw(address, both) == 421
    assert raw(address, "GET /api/health HTTP/1.0") == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:7860",
        "https://papers.example.org.evil.example",
        "file://",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/api/ask", "/v1/chat/completions", "/mcp", "/gradio_api/x"])
def test_another_site_s_page_may_post_nothing(
    address: Address,
    stub: StubAssistant,
    origin: str,
    path: str,
) -> None:
    response = address.post(path, ASK, Origin=origin)
    assert response.status_code == 403
    assert stub.asked == []


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH"])
def test_another_site_s_page_may_use_no_other_method(address: Address, method: str) -> None:
    response = address.client.request(method, "/api/ask", headers={"Origin": "http://evil.example"})
    assert response.status_code == 403


def test_our_own_page_may_post(address: Address) -> None:
    assert address.post("/api/ask", ASK, Origin=address.url).status_code == 200


def test_a_page_under_a_further_name_may_post(address: Address) -> None:
    origin = "https://papers.example.org"
    response = address.post("/api/ask", ASK, Origin=origin, Host="papers.example.org")
    assert response.status_code == 200


def test_no_other_page_may_read(page: Address) -> None:
    login = basic("reader", PASSWORD)
    for path in ("/", "/config", "/gradio_api/info"):
        for origin in ("http://localhost:3000", "http://evil.example"):
            headers = page.get(path, Origin=origin, **login).headers
            assert [name for name in headers if name.startswith("access-control")] == []


# What browsers are told


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/assets/nothing.js", "/nothing"])
def test_everything_of_the_page_carries_the_policy(page: Address, path: str) -> None:
    secured(page.get(path, **basic("reader", PASSWORD)))


@pytest.mark.parametrize("path", ["/api/health", "/v1/models", "/api/nothing", "/api/openapi.json"])
def test_everything_for_programs_carries_the_policy_and_is_not_kept(
    address: Address, path: str
) -> None:
    response = address.get(path)
    secured(response)
    assert response.headers["cache-control"] == "no-store"


def test_refusals_and_streams_carry_the_policy(address: Address, page: Address) -> None:
    secured(address.get("/api/health", Host="evil.example"))
    secured(address.post("/api/ask", ASK, Origin="null"))
    secured(page.get("/"))
    stream = address.post("/api/ask", {**ASK, "stream": True})
    secured(stream)
    assert stream.headers["cache-control"] == "no-store"


def secured(response: Any) -> None:
    headers = response.headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_an_unexpected_error_carries_the_policy(
    stub: StubAssistant,
    address: Address,
) -> None:
    stub.fault = RuntimeError("x")
    secured(address.post("/api/ask", ASK))


# Sizes of the page's requests


def test_an_upload_beyond_the_limit_is_413(page: Address) -> None:
    login = basic("reader", PASSWORD)["Authorization"]
    head = (
        "POST /gradio_api/upload HTTP/1.1\nHost: localhost\nContent-Length: {}\nAuthorization: {}"
    )
    assert raw(page, head.format(22 * 1024 * 1024, login)) == 413


def test_a_file_beyond_the_limit_is_413_though_its_request_is_within_it(page: Address) -> None:
    """A request may be a megabyte longer than a file, for what stands around it."""
    head = basic("reader", PASSWORD)
    sent = {
        size: page.client.post(
            "/gradio_api/upload", files={"files": ("a.txt", b"x" * size)}, headers=head
        ).status_code
        for size in (1_000_000, 1_500_000)
    }
    assert sent == {1_000_000: 200, 1_500_000: 413}


def test_the_page_takes_no_body_of_unknown_length(page: Address) -> None:
    head = basic("reader", PASSWORD)
    response = page.client.post("/gradio_api/queue/join", content=iter([b"x"]), headers=head)
    assert response.status_code == 411


# Where it may be reached from


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_this_machine_alone_needs_no_login(host: str) -> None:
    assert is_loopback(host)
    check_binding(settings_of(server_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.evil"])
@pytest.mark.parametrize(
    "given", [{}, {"ASSISTANT_TOKEN": TOKEN}, {"ASSISTANT_PASSWORD": PASSWORD}]
)
def test_elsewhere_needs_both_secrets(host: str, given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="ASSISTANT_PASSWORD and ASSISTANT_TOKEN") as caught:
        check_binding(settings_of(given, server_host=host))
    assert TOKEN not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_elsewhere_is_allowed_with_both_or_when_told_explicitly() -> None:
    check_binding(settings_of(SECRETS, server_host="0.0.0.0"))
    check_binding(settings_of(server_host="0.0.0.0", server_open=True))


def test_a_forged_address_does_not_escape_the_count(locked: Address) -> None:
    found = [
        locked.get("/api/health", **{"Authorization": "Bearer x", "X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(6)
    ]
    assert [one.status_code for one in found] == [401] * 5 + [429]


def test_the_page_shows_no_words_of_a_fault_and_counts_nobody(page: Address) -> None:
    head = basic("reader", PASSWORD)
    assert page.get("/config", **head).json()["show_error"] is False
    for route in ("/monitoring", "/monitoring/summary", "/gradio_api/monitoring"):
        assert page.get(route, **head).status_code >= 400


SECRET_FILES = [
    "/etc/passwd",
    "/etc%2Fpasswd",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fetc%252fpasswd",
    "....//....//etc/passwd",
    "file:///etc/passwd",
    "/proc/self/environ",
    "config.toml",
    "\\\\host\\share",
    "%00/etc/passwd",
    "http://127.0.0.1:9/x",
]


@pytest.mark.parametrize("path", SECRET_FILES)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/static/", "/assets/"])
def test_no_file_of_the_machine_is_given_out(page: Address, route: str, path: str) -> None:
    given = page.get(f"{route}{path}", **basic("reader", PASSWORD))
    assert 400 <= given.status_code < 500


def test_large_bodies_take_no_memory() -> None:
    with served(StubAssistant(), server_upload_mb=1) as address:
        # What the client itself takes to send such a body is taken by now.
        for size in (900_000, 3_000_000):
            address.post("/api/ask", {"question": "x" * size})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(30):
            refused = address.post("/api/ask", {"question": "x" * 3_000_000})
            assert refused.status_code == 413
            assert "is larger than" in refused.text
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 50_000
