"""What models cost: a versioned table of list prices by the beginning of a model's name and by date.

``prices.toml`` holds the table; an operator may have one of the same form.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import re2

from detectors.encodable import encodable

SHIPPED = Path(__file__).with_name("prices.toml")
PER = 1e6
"""Tokens that a price is for."""

LONGEST_NAME = 256

_DAY_S = 86_400
_EPOCH = datetime.date(1970, 1, 1)
_ROUTE = re2.compile(
    r"^(?:[\w.-]+/)*(?:(?:us|eu|apac|global|us-gov)\.)?(?:(?:anthropic|openai|google|amazon)\.)?"
)
"""What gateways and clouds put before a name: ``openai/``, ``models/``, ``us.anthropic.``."""
_VERSION = re2.compile(r"^(?:[-@:](?:\d+|v\d+|latest|preview|exp))*$")
_KNOWN: Mapping[str, type | tuple[type, ...]] = {
    "model": str, "since": str, "input": (int, float), "output": (int, float), "cached": (int, float),
}  # fmt: skip
_OPTIONAL = ("cached",)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens from ``since_day`` (days since 1970) on; ``cached`` is cached input."""

    model: str
    since_day: int
    input: float
    output: float
    cached: float

    def cost_usd(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> float:
        """US dollars of one call; ``input_tokens`` includes cached ones."""
        cached = min(cached_tokens, input_tokens)
        fresh = input_tokens - cached
        return (fresh * self.input + cached * self.cached + output_tokens * self.output) / PER


class PriceTable:
    """Prices of models.

    Parameters
    ----------
    data
        A table as ``prices.toml`` holds it.

    Raises
    ------
    ValueError
        If a row is not of that form.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        rows = data.get("price")
        if not isinstance(rows, list):
            raise ValueError("a table of prices has a list `price`")
        self.version = data.get("version", 0)
        self._by_model: dict[str, list[Price]] = {}
        for row in rows:
            price = _price(row)
            self._by_model.setdefault(price.model, []).append(price)
        for prices in self._by_model.values():
            prices.sort(key=lambda price: price.since_day)
        self._longest_first = sorted(self._by_model, key=len, reverse=True)
        self._named = lru_cache(4096)(self._find)

    def of(self, model: str, at_s: int | None = None) -> Price | None:
        """What ``model`` costs at ``at_s`` (seconds since 1970; ``None``: today's price), if it is known.

        Before its first known price a model costs that.
        """
        prices = self._named(model)
        if not prices:
            return None
        if at_s is None:
            return prices[-1]
        day = at_s // _DAY_S
        return next((p for p in reversed(prices) if p.since_day <= day), prices[0])

    def _find(self, model: str) -> list[Price]:
        name = encodable(model[:LONGEST_NAME]).strip().lower()
        name = name[_ROUTE.search(name).end() :]
        for beginning in self._longest_first:
            if name.startswith(beginning) and _VERSION.search(name[len(beginning) :]):
                return self._by_model[beginning]
        return []


def _price(row: Any) -> Price:
    if not isinstance(row, Mapping):
        raise ValueError(f"a price is a table, got {row!r:.80}")
    for key, value in row.items():
        if key not in _KNOWN or not isinstance(value, _KNOWN[key]) or isinstance(value, bool):
            raise ValueError(f"{key} = {value!r:.80} in a price: expected {', '.join(_KNOWN)}")
    missing = [key for key in _KNOWN if key not in row and key not in _OPTIONAL]
    if missing:
        raise ValueError(f"{missing[0]} is missing in the price of {row.get('model', '?')!r}")
    amounts = [float(row[key]) for key in ("input", "output")]
    cached = float(row.get("cached", amounts[0]))
    if not all(0 <= amount < 1e6 for amount in (*amounts, cached)):
        raise ValueError(f"the price of {row['model']!r} must be 0 to a million dollars")
    since = datetime.date.fromisoformat(row["since"])
    return Price(row["model"].lower(), (since - _EPOCH).days, amounts[0], amounts[1], cached)


@cache
def shipped() -> PriceTable:
    """The table that comes with Lightship."""
    return PriceTable(tomllib.loads(SHIPPED.read_text(encoding="utf-8")))
