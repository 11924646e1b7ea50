"""Where shipped data, our own version and the platform's data folder are found."""

import importlib.metadata
import tomllib
from pathlib import Path

import platformdirs

from assistant.errors import ConfigError


def resource(name: str) -> Path:
    """Where shipped data lies: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "data" / name, package.parent / name):
        if place.exists():
            return place
    raise ConfigError(f"{name} is missing from the installation: install assistant again")


def version() -> str:
    """Our own version, from the installed package or the checkout."""
    try:
        return importlib.metadata.version("assistant")
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads(resource("pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])


def default_data_folder() -> Path:
    """The platform's own folder for our data."""
    try:
        return platformdirs.user_data_path("assistant", appauthor=False)
    except RuntimeError:
        raise ConfigError("no home folder to keep data in: set ASSISTANT_DATA__FOLDER") from None
