"""`assistant serve` as a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import openai
import pytest
from provider import Provider, dribbles, hangs, serve_provider  # noqa: F401
from whole import ROOT, S_LORA, SERVING, ready, run  # noqa: F401

ASK = {"question": SERVING}
LINE = re.compile(r"The page: (\S+) · API: (\S+)/api · OpenAI: \2/v1 · MCP: \2/mcp\n")
STOPS_S = 3.0
TOKEN = "a-token-that-nobody-knows"


class Served:
    """A running `assistant serve`."""

    def __init__(self, process: "subprocess.Popen[str]", line: str) -> None:
        self.process, self.line = process, line
        found = re.search(r"API: (\S+)/api", line)
        assert found, (line, process.communicate()[1])
        self.url = found[1]

    def ends(self, by: signal.Signals) -> tuple[int, str]:
        """The exit code and what was said on standard error; a signal ends it in time."""
        began = monotonic()
        self.process.send_signal(by)
        _, told = self.process.communicate(timeout=60)
        assert monotonic() - began < STOPS_S
        return self.process.returncode, told


@contextmanager
def serving(
    home: Path,
    data: Path,
    *options: str,
    **environment: str,
) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant", "serve", "--port", "0", *options],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "ASSISTANT_DATA__FOLDER": str(data),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield Served(process, process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def asked(served: Served, path: str, body: Any) -> Iterator[httpx.Response]:
    client = httpx.Client(base_url=served.url, timeout=30)
    with client, client.stream("POST", path, json=body) as response:
        yield response


def model_of(provider: Provider) -> dict[str, str]:
    return {"ASSISTANT_ANSWER__BASE_URL": provider.url, "ASSISTANT_ANSWER__MODEL": "slow"}


def is_open(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


def test_one_line_tells_the_address_and_all_of_it_answers(
    tmp_path: Path,
    ready: Path,  # noqa: F811
) -> None:
    with serving(tmp_path, ready) as served:
        found = LINE.fullmatch(served.line)
        assert found
        assert found[1] == found[2]
        assert not served.url.endswith(":0")
        assert httpx.get(f"{served.url}/api/health", timeout=30).json()["papers"] == 249
        assert "gradio" in httpx.get(served.url, timeout=30).text
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            completion: Any = client.chat.completions.create(
                model="assistant", messages=[{"role": "user", "content": SERVING}]
            )
        assert completion.assistant["citations"][0]["title"] == S_LORA
        # An open page keeps a connection for as long as it is open.
        with httpx.stream("GET", f"{served.url}/gradio_api/heartbeat/x", timeout=30) as page:
            parts = page.iter_text()
            assert next(parts)
            assert served.ends(signal.SIGTERM) == (143, "")
        assert not is_open(served.url)


def test_without_the_page_programs_alone_are_answered(
    tmp_path: Path,
    ready: Path,  # noqa: F811
) -> None:
    with serving(tmp_path, ready, "--no-page") as served:
        assert "The page" not in served.line
        assert httpx.get(f"{served.url}/api/health", timeout=30).status_code == 200
        assert httpx.get(served.url, timeout=30).status_code == 404
        assert served.ends(signal.SIGINT) == (130, "")


def test_a_signal_in_the_middle_of_a_stream_ends_it_with_a_word(
    tmp_path: Path,
    ready: Path,  # noqa: F811
    provider: Provider,
) -> None:
    provider.default = dribbles()
    with (
        serving(tmp_path, ready, "--no-page", **model_of(provider)) as served,
        asked(served, "/api/ask", {**ASK, "stream": True}) as response,
    ):
        parts = response.iter_text()
        assert next(parts).startswith("event: piece")
        assert served.ends(signal.SIGTERM) == (143, "")
        name, data = "".join(parts).strip().split("\n\n")[-1].split("\n")
        assert name == "event: error"
        assert json.loads(data.removeprefix("data: "))["kind"] == "Stopping"


def test_ctrl_c_in_the_middle_of_a_stream_raises_in_an_openai_client(
    tmp_path: Path,
    ready: Path,  # noqa: F811
    provider: Provider,
) -> None:
    provider.default = dribbles()
    with (
        serving(tmp_path, ready, "--no-page", **model_of(provider)) as served,
        openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client,
    ):
        stream = client.chat.completions.create(
            model="assistant", messages=[{"role": "user", "content": SERVING}], stream=True
        )
        assert next(iter(stream)).choices[0].delta.role == "assistant"
        assert served.ends(signal.SIGINT) == (130, "")
        with pytest.raises(openai.APIError, match="the server is stopping"):
            list(stream)


def test_a_signal_does_not_wait_for_a_silent_model(
    tmp_path: Path,
    ready: Path,  # noqa: F811
    provider: Provider,
) -> None:
    provider.default = hangs()
    with (
        serving(tmp_path, ready, "--no-page", **model_of(provider)) as served,
        ThreadPoolExecutor(1) as pool,
    ):
        asking = pool.submit(httpx.post, f"{served.url}/api/ask", json=ASK, timeout=60)
        while not provider.questions:
            assert not asking.done()
            sleep(0.02)
        assert served.ends(signal.SIGTERM) == (143, "")
        response = asking.result()
    assert response.status_code == 503
    assert response.json()["kind"] == "Stopping"


def test_nothing_that_is_secret_is_logged(tmp_path: Path, ready: Path) -> None:  # noqa: F811
    secrets = {
        "ASSISTANT_TOKEN": TOKEN,
        "ASSISTANT_PASSWORD": "pass-word",
        "OPENAI_API_KEY": "k1k2",
    }
    with serving(tmp_path, ready, "-v", "--no-page", **secrets) as served:
        head = {"Authorization": f"Bearer {TOKEN}"}
        asked = httpx.get(f"{served.url}/api/health", headers=head, timeout=30)
        assert asked.status_code == 200
        assert httpx.get(f"{served.url}/api/health", timeout=30).status_code == 401
        code, told = served.ends(signal.SIGTERM)
    assert code == 143
    assert '"GET /api/health HTTP/1.1" 401' in told
    assert not [one for one in secrets.values() if one in told]


def test_a_port_in_use_is_one_line_with_its_cure(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("serve", "--port", str(port), home=tmp_path)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(f"error: port {port} of 127.0.0.1 cannot be used")
    assert "--port" in ran.err
    assert ran.err.count("\n") == 1


def test_elsewhere_without_a_login_is_refused_in_one_line(tmp_path: Path) -> None:
    ran = run("serve", "--host", "0.0.0.0", home=tmp_path, ASSISTANT_TOKEN=TOKEN)
    assert (ran.code, ran.out) == (4, "")
    assert "ASSISTANT_PASSWORD" in ran.err
    assert ran.err.count("\n") == 1
    assert TOKEN not in ran.err


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_refused_in_one_line(tmp_path: Path, host: str) -> None:
    ran = run("serve", "--host", host, home=tmp_path, ASSISTANT_SERVER__OPEN="true")
    assert (ran.code, ran.out) == (4, "")
    assert "--host" in ran.err
    assert ran.err.count("\n") == 1
