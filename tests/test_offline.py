"""The embedded default opens no socket, and writes in its data folder alone."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from whole import NOT_HERE, ROOT, S_LORA, SERVING, data, ready  # noqa: F401

# The kernel ends the process at its first such call, in whatever library and language it is.
FILTER = """
import ctypes

class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte),
                ("value", ctypes.c_uint)]

class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]

LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
steps = (Step * 4)(Step(LOAD_NUMBER, 0, 0, 0), Step(IF_EQUAL, 0, 1, {call}),
                   Step(RETURN, 0, 0, KILL_PROCESS), Step(RETURN, 0, 0, ALLOW))
libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES, SET_SECCOMP, WITH_FILTER = 38, 22, 2
libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
if libc.prctl(SET_SECCOMP, WITH_FILTER, ctypes.byref(Filter(4, steps)), 0, 0):
    raise OSError(ctypes.get_errno(), "this kernel takes no filter")
"""
CALLS = {"x86_64": {"socket": 41, "connect": 42}, "aarch64": {"socket": 198, "connect": 203}}
SIGSYS = 31
OFFLINE = """
import os, sys
from assistant import Assistant
from assistant.records import Source
from assistant.schema import Turn

with Assistant.open() as assistant:
    answer = assistant.ask({serving!r}).answer()
    assert answer.citations[0].title == {title!r}, answer
    assert assistant.ask({not_here!r}).answer().refused
    history = [Turn({serving!r}, answer.text)]
    assert assistant.ask("And what does it cost?", history=history).answer().text
    assert len(assistant.search("diffusion").papers) == 10
    assert assistant.verify(answer.text)[0].verdict.label == "supported"
    assert assistant.verify("It is so.", sources=[Source("A title", "It is not so.")])
    assert assistant.index().encoded == 0

assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
print([name for name in ("openai", "posthog", "llama_index.core") if name in sys.modules])
"""


def in_process(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with an empty home, and nothing else of the machine's."""
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=100,
    )


def without(call: str, home: Path) -> str:
    """Code that gives up a system call for good."""
    numbers = CALLS.get(platform.machine())
    if sys.platform != "linux" or numbers is None:
        pytest.skip("no filter for this kernel at hand")
    code = FILTER.replace("{call}", str(numbers[call]))
    if in_process(code, home).returncode:
        pytest.skip("no kernel that takes filters at hand")
    return code


@pytest.mark.parametrize("call", ["socket", "connect"])
def test_the_filter_ends_a_process_that_makes_the_call(call: str, tmp_path: Path) -> None:
    code = without(call, tmp_path)
    dials = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    assert in_process(f"{code}\n{dials}", tmp_path).returncode == -SIGSYS


def test_everything_embedded_works_without_a_socket_and_calls_nobody(
    data: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    code = OFFLINE.format(serving=SERVING, title=S_LORA, not_here=NOT_HERE)
    environment = {"ASSISTANT_DATA__FOLDER": str(data), "TMPDIR": str(home)}
    ran = in_process(without("socket", tmp_path) + code, home, **environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[]\n", "")
    assert list(home.rglob("*")) == []


def test_importing_the_parts_opens_no_socket(tmp_path: Path) -> None:
    parts = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "assistant").rglob("*.py")
        # llama-index brings urllib3 to whoever plugs it in, which binds a socket to see if there is
        # IPv6 here, and calls nobody.
        if path.stem not in ("__main__", "__init__", "interop")
    ]
    heavy = ["chromadb", "tantivy", "onnxruntime", "openai", "tiktoken"]
    lines = "\n".join(f"import {name}" for name in [*parts, *heavy])
    ran = in_process(f"{without('socket', tmp_path)}\n{lines}", tmp_path, ORT_DISABLE_TELEMETRY="1")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_first_use_opens_no_socket_and_writes_in_the_data_folder_alone(
    tmp_path: Path,
) -> None:
    page, home = tmp_path / "page.jsonl", tmp_path / "home"
    page.write_text('{"title": "A Survey of Owls", "abstract": "Owls hunt at night."}')
    home.mkdir()
    code = f"""{without("socket", tmp_path)}
import sys
from assistant.cli import main
sys.exit(main(["ask", "When do owls hunt?"]))
"""
    environment = {"ASSISTANT_CORPUS__PATHS": str(page), "TMPDIR": str(home)}
    ran = in_process(code, home, **environment)
    assert ran.returncode == 0, ran.stderr
    assert "Owls hunt at night. [1]" in ran.stdout
    written = {path.relative_to(home).parts[:3] for path in home.rglob("*") if path.is_file()}
    assert written == {(".local", "share", "assistant")}
