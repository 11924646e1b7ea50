import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import IO, Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from provider import Provider, hangs
from whole import CORPUS, NOT_HERE, ROOT, S_LORA, SERVING, ready  # noqa: F401

COMMAND = (sys.executable, "-m", "assistant", "mcp")
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    },
}
BEGUN: "list[subprocess.Popen[bytes]]" = []
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def environment(home: Path, data: Path, **more: str) -> dict[str, str]:
    own = {"HOME": str(home), "PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    return {**own, "ASSISTANT_DATA__FOLDER": str(data), **more}


def started(home: Path, data: Path, **more: str) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        COMMAND,
        cwd=home,
        env=environment(home, data, **more),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )
    BEGUN.append(process)
    return process


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    yield
    while BEGUN:
        with BEGUN.pop() as process:
            process.kill()


def tell(process: "subprocess.Popen[bytes]", *messages: dict[str, Any]) -> None:
    assert process.stdin
    for message in messages:
        process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def heard(process: "subprocess.Popen[bytes]") -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def greeted(home: Path, data: Path, **more: str) -> "subprocess.Popen[bytes]":
    process = started(home, data, **more)
    tell(process, HELLO)
    assert heard(process)["result"]["serverInfo"]["name"] == "assistant"
    tell(process, READY)
    return process


def asked(question: str) -> dict[str, Any]:
    call = {"name": "ask", "arguments": {"question": question}}
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    """How it ended, and what it still said."""
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


async def _conversation(home: Path, data: Path, mode: str, errors: IO[str]) -> dict[str, Any]:
    own = environment(home, data)
    parameters = StdioServerParameters(
        command=COMMAND[0], args=list(COMMAND[1:]), env=own, cwd=home
    )
    async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
        tools = await client.list_tools()
        answer = await client.call_tool("ask", {"question": SERVING})
        refusal = await client.call_tool("ask", {"question": NOT_HERE})
        bad = await client.call_tool("ask", {"question": ""})
    return {"tools": tools, "answer": answer, "refusal": refusal, "bad": bad}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_program_that_starts_it_gets_a_cited_answer(
    ready: Path,  # noqa: F811
    tmp_path: Path,
    mode: str,
) -> None:
    with tempfile.TemporaryFile("w+") as errors:
        said = anyio.run(_conversation, tmp_path, ready, mode, errors)
        errors.seek(0)
        assert errors.read() == ""
    assert [tool.name for tool in said["tools"].tools] == ["ask", "search", "verify", "get_paper"]
    assert said["answer"].structured_content["citations"][0]["title"] == S_LORA
    assert said["refusal"].structured_content["refused"]
    assert said["bad"].is_error


def test_it_indexes_first_and_says_so_beside_the_protocol(tmp_path: Path) -> None:
    some = sorted(CORPUS.iterdir())[0]
    process = started(tmp_path, tmp_path / "data", ASSISTANT_CORPUS__PATHS=str(some))
    tell(process, HELLO)
    assert heard(process)["id"] == 1
    code, out, err = ended(process)
    assert (code, out) == (0, b"")
    assert err.decode().strip() == "Indexing the corpus, this once …"


def test_the_end_of_its_input_ends_it(ready: Path, tmp_path: Path) -> None:  # noqa: F811
    assert ended(greeted(tmp_path, ready)) == (0, b"", b"")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_without_a_word(
    ready: Path,  # noqa: F811
    tmp_path: Path,
    sent: signal.Signals,
    code: int,
) -> None:
    process = greeted(tmp_path, ready)
    process.send_signal(sent)
    # Its input stays open: nothing but the signal ends it.
    assert process.wait(30) == code
    assert ended(process)[1:] == (b"", b"")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_while_a_model_keeps_it_waiting(
    ready: Path,  # noqa: F811
    tmp_path: Path,
    sent: signal.Signals,
    code: int,
) -> None:
    with Provider() as provider:
        provider.default = hangs()
        model = {"ASSISTANT_ANSWER__MODEL": "test-model", "OPENAI_API_KEY": "sk-test"}
        process = greeted(tmp_path, ready, **model, ASSISTANT_ANSWER__BASE_URL=provider.url)
        tell(process, asked(SERVING))
        while not provider.questions:
            sleep(0.02)
        process.send_signal(sent)
        assert process.wait(30) == code
        ended(process)


def test_what_is_no_message_is_answered_with_an_error_and_does_not_end_it(
    ready: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    process = greeted(tmp_path, ready)
    assert process.stdin
    process.stdin.write(b"\xff\xfe what?\n{}\n")
    tell(process, asked(SERVING))
    reply = heard(process)
    while reply.get("id") != 2:
        reply = heard(process)
    assert reply["result"]["structuredContent"]["citations"]
    assert ended(process)[0] == 0
