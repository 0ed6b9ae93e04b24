"""Which counts of a service's closed tick the services of a tenant are watched by together.

Those by model and by provider, which services have in common, and those that rules add up over services.
"""

from __future__ import annotations

from collections.abc import Mapping

from detectors.closed_ticks import SharedRow
from detectors.counts.aggregate import SeriesKey, TickCounts
from detectors.observation import ServiceKey
from detectors.watch_config import WatchConfig

SHARED = ("request_model=", "provider=")
"""Slices whose cause lies outside a service, nearest to the cause first."""


def shared_counts(
    key: ServiceKey, counts: TickCounts, names: Mapping[int, SeriesKey], config: WatchConfig
) -> list[SharedRow]:
    """Rows of one closed tick of one service; categories, whose names are a service's own, are left out."""
    rules = [rule for rule in config.rules if rule.together and rule.is_for(key.service)]
    added_up = {(rule.unit, rule.score, rule.slice) for rule in rules}
    rows = []
    for number, begin, end in counts.parts:
        series = names[number]
        name = (series.unit, series.score, series.slice)
        is_common = series.slice.startswith(SHARED) and config.specs[series.score].grid is not None
        if is_common or name in added_up:
            cells, numbers = counts.cells[begin:end], counts.counts[begin:end]
            rows.append(
                SharedRow(key.environment, key.service, counts.tick, *name, tuple(cells), tuple(numbers))
            )
    return rows
