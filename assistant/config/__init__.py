"""Files, environment and flags into frozen settings; each value knows where it came from."""

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from assistant import redact
from assistant.config import sources
from assistant.config.resources import default_data_folder, resource, version
from assistant.config.settings import (
    CORPORA,
    DEFAULT,
    EMBEDDED,
    UPLOADS,
    Keys,
    Settings,
    corpus_name,
)
from assistant.config.sources import Given
from assistant.errors import ConfigError

__all__ = [
    "CORPORA",
    "DEFAULT",
    "EMBEDDED",
    "UPLOADS",
    "Keys",
    "Origin",
    "Settings",
    "corpus_name",
    "default_data_folder",
    "load",
    "provenance",
    "resource",
    "version",
]


class Origin(NamedTuple):
    """A setting's value, fit to be shown, and where it comes from."""

    name: str
    value: str
    source: str


def load(
    config: Path | None = None,
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings; `flags` holds what the caller insists on, as {"retrieval.top_k": 8}.

    >>> load(flags={"retrieval.top_k": 8}).retrieval.top_k
    8
    """
    environ = os.environ if environ is None else environ
    local = sources.from_dotenv(Path(".env"))
    given: dict[str, Given] = {}
    for file in sources.files(config or sources.chosen_file({**local, **environ})):
        given |= sources.from_file(file)
    given |= sources.from_environment(local, ".env")
    given |= sources.from_environment(environ, "environment")
    given |= sources.from_flags(flags or {})
    return _validated(given)


def provenance(settings: Settings) -> list[Origin]:
    """Every setting in the order of config.toml, with its source; keys by their last four."""
    shown = []
    for section in type(settings).model_fields:
        for key, value in getattr(settings, section):
            name = f"{section}.{key}"
            shown.append(Origin(name, _shown(value), settings._sources.get(name, "not set")))
    return shown


def _validated(given: dict[str, Given]) -> Settings:
    if not given["data.folder"].value:
        given["data.folder"] = Given(default_data_folder(), given["data.folder"].source)
    tables: dict[str, dict[str, object]] = {}
    for name, (value, _) in given.items():
        section, _, key = name.partition(".")
        tables.setdefault(section, {})[key] = value
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(_fault(error.errors()[0], given)) from None
    if name := settings.corpus.name:
        # The folder that was given is the one above all corpora.
        plain = settings.corpus.model_copy(update={"name": ""})
        settings = settings.model_copy(update={"corpus": plain}).of_corpus(name)
    settings._sources = {name: source for name, (_, source) in given.items()}
    for _, key in settings.keys:
        if isinstance(key, SecretStr):
            redact.remember(key.get_secret_value())
    return settings


def _fault(error: Any, given: dict[str, Given]) -> str:
    name = ".".join(map(str, error["loc"][:2]))
    value, source = given.get(name, Given(None, "config.toml"))
    # An address may hold a password.
    shown = "…" if "@" in repr(value) else shorten(repr(value), 80, placeholder="…")
    wants = error["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return f"{source}: {name} = {shown}: {wants}"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return f"…{secret[-4:]}" if len(secret) >= 12 else "…"
    if isinstance(value, tuple):
        return os.pathsep.join(map(str, value))
    return "" if value is None else str(value)
