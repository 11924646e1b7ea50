"""Machines that share one Chroma server, each with pages and a data folder of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from whole import one_encoder

from assistant import Assistant, build, config
from assistant.generation import remote

OWLS = {
    "title": "OwlEar: Hearing Owls at Night",
    "abstract": "OwlEar hears 81 percent of owls.\nIt costs little.",
    "date": "2021-03",
    "authors": ["Ann Owl", "Bo Bird"],
    "url": "https://example.org/owls",
    "venue": "Nights",
}
BATS = {"title": "BatEar: Hearing Bats at Dusk", "abstract": "BatEar hears 64 percent of bats."}
BEES = {"title": "BeeEye: Seeing Bees at Noon", "abstract": "BeeEye sees 99 percent of bees."}

Machine = Callable[..., Assistant]


def settings_of(name: str, folder: Path, url: str, key: str = "") -> config.Settings:
    """What that machine is told: its own folders, and the server's address."""
    flags = {
        "data.folder": str(folder / f"{name} data"),
        "corpus.paths": str(folder / name),
        "store.url": url,
        "server.port": 0,
    }
    return config.load(flags=flags, environ={"ASSISTANT_STORE__API_KEY": key} if key else {})


@pytest.fixture(name="machine")
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Makes machines of a name, an address and papers."""
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    monkeypatch.setattr(build, "_FOLLOW_S", 0.0)
    monkeypatch.setattr(remote, "_AGAIN_S", 0.0)
    opened: list[Assistant] = []

    def made(name: str, url: str, *papers: dict[str, object], key: str = "") -> Assistant:
        write(tmp_path / name, *papers)
        opened.append(Assistant(settings_of(name, tmp_path, url, key)))
        return opened[-1]

    yield made
    for assistant in opened:
        assistant.close()


def write(folder: Path, *papers: dict[str, object], page: str = "page.jsonl") -> None:
    """Puts these papers on a page of a machine."""
    folder.mkdir(exist_ok=True)
    (folder / page).write_text("\n".join(map(json.dumps, papers)), encoding="utf-8")
