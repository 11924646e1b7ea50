"""What we stand on is safe: no library below its last known weakness, and a lock that is whole."""

import re
import tomllib

import pytest
from whole import ROOT

from assistant import Assistant, least
from assistant.errors import ConfigError

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(("name", "old"), [("chromadb", "1.5.8"), ("gradio", "6.30.9")])
def test_an_assistant_does_not_open_on_an_unsafe_library(
    monkeypatch: pytest.MonkeyPatch, name: str, old: str
) -> None:
    monkeypatch.setattr(least, "version", lambda one: old if one == name else "99.0")
    with pytest.raises(ConfigError, match=rf"{name} {old} is not safe: install .* or newer"):
        Assistant.open()


def test_a_library_that_is_not_there_is_not_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise least.PackageNotFoundError(name)

    monkeypatch.setattr(least, "version", missing)
    least.check()


@pytest.mark.parametrize("found", ["6.31", "6.31.0rc1", "6.32.dev0+local", "10.0"])
def test_newer_ones_are_safe(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(least, "version", lambda _: found)
    least.check()


def test_no_install_asks_for_less() -> None:
    for name, numbers in least.LEAST.items():
        wanted = next(one for one in PROJECT["dependencies"] if one.startswith(name))
        assert least._numbers(wanted.partition(">=")[2]) >= numbers


def test_every_package_of_the_lock_is_pinned_by_hash_and_comes_from_no_address() -> None:
    pins = re.findall(r"^([\w.-]+)==\S+(?: ; .*)? \\$", LOCK, re.MULTILINE)
    packages = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(pins) == len(packages) > 80
    assert [one for one in packages if "--hash=sha256:" not in one] == []
    assert "://" not in LOCK
