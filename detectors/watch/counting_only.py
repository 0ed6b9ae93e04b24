"""A service whose ticks are counted while no detector watches it.

What is counted needs nothing that has been learned, so it goes on where a detector failed: pages and reports
keep their numbers. Ticks close as they do in `detectors.watch.watcher`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.closed_ticks import SharedRow
from detectors.counts.aggregate import Aggregate, TickCounts
from detectors.counts.series_rows import CellRow
from detectors.counts.shared_counts import shared_counts
from detectors.observation import Observation, ServiceKey
from detectors.watch.service_series import ServiceSeries
from detectors.watch_config import WatchConfig


class CountedService(ServiceSeries):
    """Counts of one service.

    Parameters
    ----------
    key
        The service.
    config
        The same for all services.
    next_tick
        Rows before this tick are late.
    counts
        Open ticks to go on from; none for a service that begins.
    """

    def __init__(
        self, key: ServiceKey, config: WatchConfig, next_tick: int, counts: Aggregate | None = None
    ) -> None:
        self.key = key
        self.next_tick = next_tick
        self._config = config
        self._fold = (
            counts if counts is not None else Aggregate(config.specs, config.tick_s, config.max_values)
        )

    def observe(self, observation: Observation, log_offset: int) -> list[CellRow]:
        """Count one observation; cells of its late rows."""
        late = self._fold.add(observation, self.next_tick)
        self._fold.take_renewed()
        return [row for counts in late for row in self._cells(counts, log_offset + 1)]

    def advance(self, until: int) -> tuple[list[CellRow], list[SharedRow]]:
        """Close the ticks before ``until``: their cells, and what the service shares with others."""
        if until <= self.next_tick:
            return [], []
        closed = self.closed(self._fold.advance(until))
        self.next_tick = until
        return closed

    def closed(self, ticks: Sequence[TickCounts]) -> tuple[list[CellRow], list[SharedRow]]:
        """Cells and shared rows of ticks that have closed."""
        names = self._fold.names()
        cells = [row for counts in ticks for row in self._cells(counts, 0)]
        shared = [row for counts in ticks for row in shared_counts(self.key, counts, names, self._config)]
        return cells, shared

    def state(self) -> dict[str, Any]:
        """Facts for a snapshot."""
        return {"next_tick": self.next_tick, "fold": self._fold.state()}

    @classmethod
    def restore(cls, key: ServiceKey, config: WatchConfig, facts: Mapping[str, Any]) -> CountedService:
        """Inverse of `state`."""
        service = cls(key, config, facts["next_tick"])
        service._fold.restore(facts["fold"])
        return service
