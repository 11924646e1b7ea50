"""Four papers on two pages, indexed once a session, and commands on a copy of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from whole import Commands, one_encoder, place_of_all

from assistant import build, config
from assistant.catalog import Catalog
from assistant.corpus import paper_id

OWLS, BATS, MOTHS, WORMS = "OwlEar: Hearing Owls", "BatEar: Hearing Bats", "MothEye", "WormNet"
TEXTS = {
    OWLS: "OwlEar hears 81 percent of owls at night. It needs a cheap microphone.",
    BATS: "BatEar hears 64 percent of bats at dusk. It builds on OwlEar.",
    MOTHS: "MothEye counts moths at street lamps with a camera. It runs on a phone.",
    WORMS: "WormNet follows earthworms through wet soil. It was tried in three gardens.",
}
DATES = {OWLS: "2021-03-12", BATS: "2022", MOTHS: "2023-05", WORMS: None}
PAGES = {"first.jsonl": (OWLS, BATS), "second.jsonl": (BATS, MOTHS, WORMS)}


def record(title: str, **other: Any) -> dict[str, Any]:
    return {"title": title, "abstract": TEXTS[title], "date": DATES[title], **other}


def write_page(path: Path, *records: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def write_pages(folder: Path) -> Path:
    for name, titles in PAGES.items():
        write_page(folder / name, *map(record, titles))
    return folder


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pages` and `data`; who changes it takes `keep`."""
    folder = place_of_all(tmp_path_factory) / "kept"
    with FileLock(folder.with_suffix(".lock")):
        _make(folder, tmp_path_factory)
    return folder


def _make(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not folder.exists():
        making = tmp_path_factory.mktemp("keeping")
        flags = {"data.folder": str(making / "data"), "corpus.paths": str(folder / "pages")}
        write_pages(folder / "pages")
        settings = config.load(flags=flags, environ={})
        with build.Assistant(settings, encoder=one_encoder()) as assistant:
            assistant.index()
        (making / "data").rename(folder / "data")


@pytest.fixture(name="keep")
def keeping(kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> "Keeping":
    """Commands on a copy of it."""
    shutil.copytree(kept / "data", tmp_path / "data")
    shutil.copytree(kept / "pages", tmp_path / "pages")
    with Catalog.open(tmp_path / "data" / build.CATALOG) as catalog:
        moved = (str((kept / "pages").resolve()), str((tmp_path / "pages").resolve()))
        catalog.database.change("UPDATE pages SET path = replace(path, ?, ?)", moved)
    return Keeping(monkeypatch, capsys, tmp_path, tmp_path / "data")


class Keeping(Commands):
    """Runs commands on the four papers."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.pages = self.folder / "pages"
        self.set("ASSISTANT_CORPUS__PATHS", str(self.pages))

    def open(self, name: str = "") -> Catalog:
        return Catalog.open(self.data / name / build.CATALOG)

    def titles(self, name: str = "") -> set[str]:
        with self.open(name) as catalog:
            return {paper.title for paper in catalog.papers()}

    def id_of(self, title: str) -> str:
        with self.open() as catalog:
            return next(one.paper_id for one in catalog.papers() if one.title == title)

    def id_of_any(self, title: str) -> str:
        """The id of a paper that may have been removed."""
        return paper_id(title)

    def found(self, words: str, *options: str) -> list[str]:
        """The titles that a search gives, best first."""
        ran = self("search", words, "--json", *options)
        assert ran.code == 0, ran.err
        return [paper["title"] for paper in ran.json["papers"]]
