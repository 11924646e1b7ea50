"""Who asks too fast is told when to come again; nobody hangs, and nobody else is held up."""

import pytest
from api_address import Address, raw, served
from stub_assistant import StubAssistant

from assistant.api import frame
from assistant.api.rate import Rate

QUESTION = {"question": "What is LoRA?"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_share_fills_up_again_evenly_and_no_further() -> None:
    clock = Clock()
    rate = Rate(60, clock)
    assert [rate.wait("a") for _ in range(61)] == [0] * 60 + [1]
    clock.now = 2.0
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 1]
    clock.now = 10_000.0
    assert [rate.wait("a") for _ in range(61)] == [0] * 60 + [1]


def test_nothing_is_counted_where_any_number_is_allowed() -> None:
    rate = Rate(0)
    assert not any(rate.wait("a") for _ in range(1000))


@pytest.mark.parametrize("a_second", [100, 100_000])
def test_names_without_number_take_no_memory_without_number(a_second: int) -> None:
    clock = Clock()
    rate = Rate(60, clock)
    for number in range(25_000):
        clock.now = number / a_second
        rate.wait(str(number))
    assert len(rate._left) <= 10_000
    assert rate.wait("24999") == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ask", QUESTION),
        ("/api/search", QUESTION),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "LoRA?"}]}),
        ("/mcp", {}),
        ("/gradio_api/queue/join", {"session_hash": "a"}),
    ],
)
def test_an_address_that_asks_too_fast_is_429_with_a_time(path: str, body: object) -> None:
    with served(StubAssistant(), server_per_minute=2) as address:
        first = [address.post(path, body).status_code for _ in range(2)]
        late = address.post(path, body)
        assert 429 not in first
        assert late.status_code == 429
        # On a slow machine a part of the pause is over by then.
        pause = int(late.headers["retry-after"])
        assert 0 < pause <= 30
        assert f"this address asks too fast: try again in {pause} s" in late.text
        # To look is free.
        assert address.get("/api/health").status_code == 200


def test_one_page_that_asks_too_fast_holds_up_no_other() -> None:
    def join(address: Address, session: object) -> int:
        return address.post("/gradio_api/queue/join", {"session_hash": session}).status_code

    with served(StubAssistant(), server_per_session=2) as address:
        assert [join(address, "a") for _ in range(3)][1:] == [404, 429]
        assert join(address, "b") == 404
        assert join(address, ["odd", {}]) == 404
        assert address.post("/api/ask", QUESTION).status_code == 200


def test_the_limit_of_a_body_can_be_set() -> None:
    with served(StubAssistant(), server_body_kb=16) as address:
        late = address.post("/api/ask", {"question": "x" * 17_000})
        assert late.status_code == 413
        assert "larger than 0.016 MB" in late.text


def test_the_limit_of_a_body_can_be_set_higher_than_libraries_set_it() -> None:
    with served(StubAssistant(), server_body_kb=6_000) as address:
        for path in ("/api/ask", "/v1/chat/completions", "/mcp"):
            taken = address.post(path, {"question": "x" * 5_000_000})
            assert taken.status_code == 400, path


@pytest.mark.parametrize("path", ["/api/ask", "/gradio_api/queue/join"])
def test_a_body_that_does_not_come_to_its_end_is_given_up(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "_BODY_S", 0.2)
    with served(StubAssistant()) as address:
        head = f"POST {path} HTTP/1.1\nHost: localhost\nContent-Length: 100"
        assert raw(address, head, b"{") == 408


def test_the_number_of_failed_logins_can_be_set() -> None:
    settings = {"server_failed_logins": 1, "environ": {"ASSISTANT_TOKEN": "right-token"}}
    from api_address import settings_of

    with served(StubAssistant(), settings_of(**settings)) as address:  # type: ignore[arg-type]
        wrong = {"Authorization": "Bearer wrong"}
        assert [address.get("/api/health", **wrong).status_code for _ in range(2)] == [401, 429]
