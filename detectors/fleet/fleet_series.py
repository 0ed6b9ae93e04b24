"""One series over services: its pools, where their statistics stand, and its open finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectors.counts.aggregate import SeriesKey
from detectors.counts.shared_counts import SHARED
from detectors.fleet.fleet_pool import Member, Pool
from detectors.series.watched_series import OpenFinding, packed, unpacked


@dataclass(slots=True)
class FleetSeries:
    """One series over services. ``rows`` are its channels' rows in the bank of each channel's form."""

    number: int
    key: SeriesKey
    pools: list[Pool]
    rows: list[int]
    start: int
    since: int
    version: str
    open: OpenFinding | None = None


def packed_series(s: FleetSeries) -> list[Any]:
    """Plain form for a snapshot."""
    pools = [[p.name, p.form, p.level, list(p.members)] for p in s.pools]
    key = [s.key.unit, s.key.score, s.key.slice]
    return [s.number, key, pools, s.rows, s.start, s.since, s.version, packed(s.open)]


def unpacked_series(state: list[Any], fitted: Mapping[int, Mapping[str, Member]]) -> FleetSeries:
    """Inverse of `packed_series`; ``fitted`` are the channels of the services by number."""
    number, key, pools, rows, start, since, version, opened = state
    made = [Pool(name, form, level, {n: fitted[n][name] for n in ns}) for name, form, level, ns in pools]
    return FleetSeries(number, SeriesKey(*key), made, list(rows), start, since, version, unpacked(opened))


def nearest_cause(series: FleetSeries) -> tuple[int, SeriesKey]:
    """Series by model before series by provider: of two that say the same the first one speaks."""
    return next(i for i, dim in enumerate(SHARED) if series.key.slice.startswith(dim)), series.key
