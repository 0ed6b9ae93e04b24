"""Which counts of a service's closed tick services have in common: those by model and by provider."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.closed_ticks import SharedRow
from detectors.drift.service.fold import SeriesKey, TickCounts
from detectors.observation import ServiceKey
from detectors.scorers.protocol import ScoreSpec

SHARED = ("request_model=", "provider=")
"""Slices whose cause lies outside a service, nearest to the cause first."""


def shared_counts(
    key: ServiceKey, counts: TickCounts, names: Mapping[int, SeriesKey], specs: Mapping[str, ScoreSpec]
) -> list[SharedRow]:
    """Rows of one closed tick of one service; categories, whose names are a service's own, are left out."""
    rows = []
    for number, begin, end in counts.parts:
        series = names[number]
        if series.slice.startswith(SHARED) and specs[series.score].grid is not None:
            cells, numbers = counts.cells[begin:end], counts.counts[begin:end]
            name = (series.unit, series.score, series.slice)
            rows.append(
                SharedRow(key.environment, key.service, counts.tick, *name, tuple(cells), tuple(numbers))
            )
    return rows
