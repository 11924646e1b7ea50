"""Tokens -> money: what a run would cost, what it has cost, and where it has to stop."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from assistant.errors import UsageError
from assistant.schema import Usage
from evals.dataset import BadData

_MILLION = 1_000_000


class Price(NamedTuple):
    """US dollars for a million tokens."""

    read: float
    written: float

    def of(self, usage: Usage) -> float:
        """What this usage costs."""
        read, written = usage.prompt_tokens, usage.completion_tokens
        return (read * self.read + written * self.written) / _MILLION


class Planned(NamedTuple):
    """What one part of a run is going to need, about."""

    who: str
    """answerer or judge."""
    model: str
    usage: Usage
    price: Price | None

    @property
    def usd(self) -> float | None:
        """What it costs; none without a price."""
        return None if self.price is None else self.price.of(self.usage)


@dataclass(frozen=True, slots=True)
class Prices:
    """What each model costs; no price is shipped, for they change."""

    by_model: Mapping[str, Price] = field(default_factory=dict)
    otherwise: Price | None = None

    def of(self, model: str) -> Price | None:
        """The price of a model, where one was given."""
        return self.by_model.get(model, self.otherwise)


def load_prices(path: Path) -> dict[str, Price]:
    """The prices in a TOML file: a table a model, each with `in` and `out`.

    A model's name stands in quotes: ["gpt-5-mini"].
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {model: Price(float(row["in"]), float(row["out"])) for model, row in tables.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or repr(error)
        raise BadData(f'{path}: {reason}: write ["model"], in = 1.0, out = 4.0') from None


def total(usages: Iterable[Usage]) -> Usage:
    """All of them together."""
    return Usage(*(sum(column) for column in zip(Usage(), *usages, strict=True)))


def preview(parts: Iterable[Planned]) -> str:
    """What the parts are going to need, a line each."""
    return "\n".join(_line(part) for part in parts)


def _line(part: Planned) -> str:
    usage = part.usage
    tokens = f"about {usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out"
    money = "no price given, so no sum" if part.usd is None else f"about ${part.usd:,.2f}"
    return f"{part.who} {part.model}: {usage.requests:,} requests, {tokens}: {money}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was paid so far, and what is under way."""

    usd: float = 0.0
    reserved: float = 0.0


class Budget:
    """Lets a call begin as long as it may fit under the limit; safe from many threads."""

    def __init__(self, max_usd: float | None, prices: Prices, models: Iterable[str] = ()) -> None:
        missing = sorted({model for model in models if prices.of(model) is None})
        if max_usd is not None and missing:
            raise UsageError(
                f"--max-usd needs the price of {', '.join(missing)}: give"
                " --usd-per-mtok-in and --usd-per-mtok-out, or --prices"
            )
        self._max, self._prices = max_usd, prices
        self._spent = Spent()
        self._lock = Lock()

    @property
    def usd(self) -> float:
        """What was spent."""
        return self._spent.usd

    def reserve(self, model: str, usage: Usage) -> float | None:
        """Set aside what a call may cost; none where it does not fit any more."""
        price = self._prices.of(model)
        usd = price.of(usage) if price else 0.0
        with self._lock:
            spent, reserved = self._spent.usd, self._spent.reserved
            if self._max is not None and spent + reserved + usd > self._max:
                return None
            self._spent = Spent(spent, reserved + usd)
            return usd

    def settle(self, model: str, reserved: float, usage: Usage) -> None:
        """Replace what was set aside by what the call cost."""
        price = self._prices.of(model)
        usd = price.of(usage) if price else 0.0
        with self._lock:
            left = max(0.0, self._spent.reserved - reserved)
            self._spent = Spent(self._spent.usd + usd, left)
