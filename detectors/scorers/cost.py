"""What a call cost, in US dollars, by its tokens and a table of list prices.

The price is that of the day of the call, so a change of prices shows as a change. List prices know nothing of
discounts: totals are estimates, the change is real. Left out for a model that is not in the table (a wrong
price is worse than none) and without token counts. Under 1 us. Source: `detectors.scorers.prices`.
"""

from __future__ import annotations

from collections.abc import Sequence

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers.prices import PriceTable, shipped
from detectors.scorers.protocol import Scores, ScoreSpec

COST_SPECS = (
    ScoreSpec(
        "cost_usd", "Cost of a call", "positive", LogGrid(low=1e-7, high=1e4), harmful=1, value_unit="USD"
    ),
)
_MOST_TOKENS = 10**9


class Cost:
    """Implements `Scorer` for a table of prices.

    Parameters
    ----------
    prices
        Whose version is part of the scorer's.
    """

    name = "cost"
    specs = COST_SPECS

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self.version = f"1 prices {prices.version}"

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        return [self._score(record) for record in records]

    def _score(self, record: Record) -> Scores:
        if record.model is None or record.input_tokens is None:
            return {}
        price = self._prices.of(record.model, record.ended_s)
        if price is None:
            return {}
        counts = (record.input_tokens, record.output_tokens or 0, record.cached_tokens or 0)
        if not all(0 <= n <= _MOST_TOKENS for n in counts):
            return {}
        return {"cost_usd": price.cost_usd(*counts)}


COST = Cost(shipped())
