"""Libraries -> an error where one is older than its last release with a known weakness."""

from importlib.metadata import PackageNotFoundError, version

from assistant.errors import ConfigError

LEAST = {
    # Before 1.5.9 its server runs code that a stranger sends (CVE-2026-45829).
    "chromadb": (1, 5, 9),
    # Before 6.31 the settings that keep the page to itself are not all there.
    "gradio": (6, 31),
}


def check() -> None:
    """Refuse to start on a library that is not safe."""
    for name, least in LEAST.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            # Whoever needs it says so.
            continue
        if _numbers(found) < least:
            wanted = ".".join(map(str, least))
            raise ConfigError(
                f"{name} {found} is not safe: install {wanted} or newer with"
                f" pip install -U '{name}>={wanted}'"
            )


def _numbers(found: str) -> tuple[int, ...]:
    """The release as numbers; what follows them, a candidate's mark say, does not count.

    >>> _numbers("6.31.0rc1")
    (6, 31, 0)
    """
    numbers: list[int] = []
    for part in found.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
