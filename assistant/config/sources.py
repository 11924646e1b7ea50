"""Files and environments into given values: known names only, each with its source."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import platformdirs
from dotenv import dotenv_values

from assistant.config.resources import resource
from assistant.config.settings import Settings
from assistant.errors import ConfigError

PREFIX = "ASSISTANT_"
# The names other tools use already, and the settings they stand for.
STANDARD = {
    "OPENAI_API_KEY": ("keys.openai",),
    "AZURE_OPENAI_API_KEY": ("keys.azure",),
    "ASSISTANT_STORE__API_KEY": ("keys.chroma",),
    "OPENAI_BASE_URL": ("answer.base_url", "encoder.base_url"),
    "ASSISTANT_CORPUS": ("corpus.name",),
    "ASSISTANT_TOKEN": ("keys.token",),
    "ASSISTANT_PASSWORD": ("keys.password",),
}
# Lists of words: one variable holds several, with commas between.
LISTS = {"answer.models", "server.names"}


class Given(NamedTuple):
    """A value as someone gave it, and where."""

    value: object
    source: str


FILE_KEYS = {
    f"{section}.{key}"
    for section, field in Settings.model_fields.items()
    if section != "keys"
    for key in field.annotation.model_fields  # type: ignore[union-attr]
}
SECTIONS = {name.partition(".")[0] for name in FILE_KEYS}
ENVIRONMENT = {f"{PREFIX}{name.replace('.', '__').upper()}": name for name in sorted(FILE_KEYS)}


def chosen_file(environ: Mapping[str, str]) -> Path | None:
    """The file that ASSISTANT_CONFIG names."""
    return Path(environ[f"{PREFIX}CONFIG"]) if environ.get(f"{PREFIX}CONFIG") else None


def files(chosen: Path | None) -> Iterator[Path]:
    """The files to read, the strongest last."""
    shipped = resource("config.toml")
    yield shipped
    # Without a home there is no file of one's own.
    with suppress(RuntimeError):
        own = platformdirs.user_config_path("assistant", appauthor=False) / "config.toml"
        if _readable(own):
            yield own
    if chosen:
        yield _expanded(chosen)
    # In a checkout ./config.toml is the shipped default itself, and must not beat one's own.
    elif _readable(Path("config.toml")) and not shipped.samefile("config.toml"):
        yield Path("config.toml")


def _readable(path: Path) -> bool:
    return os.access(path, os.R_OK) and path.is_file()


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(f"{path}: there is no home folder: give a path without ~") from None


def from_file(path: Path) -> dict[str, Given]:
    """The values of one TOML file."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a readable --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    shipped = path == resource("config.toml")
    given = {}
    for section, table in tables.items():
        _check_section(path, text, section, table)
        for key, value in table.items():
            where = f"{path}:{_line(text, section, key)}"
            name = _check_key(where, section, key)
            given[name] = _rooted(
                name, value, path.resolve().parent, "default" if shipped else where
            )
    return given


_SECRETS = {
    "store.api_key": "ASSISTANT_STORE__API_KEY",
    "key": "OPENAI_API_KEY",
    "token": "ASSISTANT_TOKEN",
    "password": "ASSISTANT_PASSWORD",
}


def _check_section(path: Path, text: str, section: str, table: object) -> None:
    if section not in SECTIONS:
        where = f"{path}:{_line(text, section)}"
        raise ConfigError(f"{where}: unknown section [{section}]{_known(section, SECTIONS)}")
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {section} is a section: write [{section}] above its keys")


def _check_key(where: str, section: str, key: str) -> str:
    if variable := _SECRETS.get(f"{section}.{key}") or _SECRETS.get(key.rpartition("_")[2]):
        raise ConfigError(f"{where}: secrets stand in no file: set {variable} in the environment")
    if f"{section}.{key}" not in FILE_KEYS:
        known = {name.partition(".")[2] for name in FILE_KEYS if name.startswith(f"{section}.")}
        raise ConfigError(f"{where}: unknown key {key!r} in [{section}]{_known(key, known)}")
    return f"{section}.{key}"


def _known(wrong: str, known: set[str]) -> str:
    near = get_close_matches(wrong, sorted(known), 1)
    hint = f": did you mean {near[0]}?" if near else ":"
    return f"{hint} known: {', '.join(sorted(known))}"


def _line(text: str, section: str, key: str | None = None) -> int:
    """Where a key stands; tomllib does not tell. Falls back to its section, then to line 1."""
    found, here = 1, None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*[\"']?([^\]\"'.]*?)[\"']?\s*[\].]", line):
            here = header[1]
            found = number if here == section else found
        elif _assigns(line, key if here == section else section if here is None else None):
            return number
    return found


def _assigns(line: str, key: str | None) -> bool:
    return key is not None and line.partition("=")[0].strip().strip("\"'") == key


def from_dotenv(path: Path) -> dict[str, str]:
    """The variables of a file .env; none where there is no such file."""
    try:
        values = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return {name: value for name, value in values.items() if value is not None}


def from_environment(environ: Mapping[str, str], label: str) -> dict[str, Given]:
    """The values among some variables: ours, and those that other tools use too."""
    given: dict[str, Given] = {}
    for variable, names in STANDARD.items():
        if environ.get(variable):
            given |= {name: Given(environ[variable], f"{label} {variable}") for name in names}
    for variable in sorted(environ):
        ours = variable.startswith(PREFIX) and variable not in STANDARD
        if ours and variable != f"{PREFIX}CONFIG":
            name = _variable(variable, label)
            given[name] = _rooted(name, environ[variable], Path.cwd(), f"{label} {variable}")
    return given


def _variable(variable: str, label: str) -> str:
    if variable not in ENVIRONMENT:
        near = get_close_matches(variable, ENVIRONMENT, 1, cutoff=0.75)
        hint = f": did you mean {near[0]}?" if near else ""
        known = (
            "known: ASSISTANT_CONFIG, and ASSISTANT_<SECTION>__<KEY> for the keys of config.toml"
        )
        raise ConfigError(f"{label}: unknown variable {variable}{hint or ':'} {known}")
    return ENVIRONMENT[variable]


def from_flags(flags: Mapping[str, object]) -> dict[str, Given]:
    """The values that the caller insists on; None leaves a setting alone."""
    return {
        name: _rooted(name, value, Path.cwd(), "flag")
        for name, value in flags.items()
        if value is not None
    }


def _rooted(name: str, value: object, root: Path, source: str) -> Given:
    """The given value, its paths made absolute from where it was given."""
    if name == "data.folder" and isinstance(value, str | Path):
        return Given(root / _expanded(Path(value)) if str(value) else "", source)
    if name == "corpus.paths":
        # One variable holds several paths, like PATH does.
        parts = value.split(os.pathsep) if isinstance(value, str) else value
        if isinstance(parts, list | tuple) and all(isinstance(part, str | Path) for part in parts):
            value = tuple(root / _expanded(Path(part)) for part in parts if str(part))
    if name in LISTS and isinstance(value, str):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    return Given(value, source)
