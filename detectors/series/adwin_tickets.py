"""ADWIN beside our statistics, live: it may file a ticket on what has not crossed (off by default).

Purpose: some small shifts of location after a short learning period are seen earlier by river's ADWIN (Bifet
and Gavalda 2007). It is fed the standardised residual of each watched series over the whole of the traffic,
one value a closed tick with events. Nothing of the budget pays for it, so it never pages, and no number of
false tickets is promised: of unchanged series of a fortnight it takes 0-10 % for changed, with heavy tails,
storms or days that differ 15-82 %. Independence of neighbouring ticks breaks first. One ticket a series and
week.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.change.second_opinion import BOUND, CLOCK, DELTA
from detectors.engine.baseline import FLAG, bounded_rate
from detectors.engine.river_detectors import RiverRows
from detectors.engine.snapshot import Arrays
from detectors.engine.ticks import DAY_S, Ints
from detectors.finding import ALL, Finding, finding_id, rfc3339
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import Crossing, Watched

DETECTOR = "river.adwin.1"
QUIET_S = 7 * DAY_S


@dataclass(slots=True)
class AdwinTickets:
    """One ADWIN a series, by number."""

    rows: dict[int, RiverRows] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)

    def update(
        self, tick: int, watch: WatchList, series: Ints, cells: Ints, counts: Ints
    ) -> list[tuple[Watched, Crossing]]:
        """Feed one closed tick; the series to file a ticket on, as if their first channel had crossed."""
        found = []
        for watched, residual in _residuals(tick, watch, series, cells, counts):
            number = watched.number
            if watched.open is not None:  # told already; what follows is another level
                self.rows.pop(number, None)
                continue
            if number not in self.rows:
                self.rows[number] = RiverRows("ADWIN", 1, delta=DELTA, clock=CLOCK)
            saw = bool(self.rows[number].update(tick, np.ones(1), np.full(1, residual))[0])
            rested = tick - self.told.get(number, -QUIET_S) >= QUIET_S // watch.tick_s
            if saw and rested:
                self.told[number] = tick
                found.append((watched, Crossing(0, 0.0, 0.0, 1 if residual > 0 else -1)))
        return found

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        arrays: Arrays = {}
        for number, rows in self.rows.items():
            arrays |= {f"adwin.{number}.{k}": v for k, v in rows.snapshot().items()}
        return {"rows": sorted(self.rows), "told": sorted(self.told.items())}, arrays

    @classmethod
    def restore(cls, facts: Mapping[str, Any], arrays: Arrays) -> AdwinTickets:
        """Inverse of `state`."""
        rows = {}
        for number in facts.get("rows", ()):
            prefix = f"adwin.{number}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            rows[number] = RiverRows.restore(own)
        return cls(rows, dict(facts.get("told", ())))


def ticket(stated: Finding) -> Finding:
    """What our report says of the change, as ADWIN's: without the evidence that is not there."""
    assert stated.series is not None  # noqa: S101 - a finding of the stream has one
    own = finding_id(stated.series, DETECTOR, rfc3339(stated.made_at))
    return replace(
        stated, finding_id=own, detector=DETECTOR, severity="ticket", evidence=None, threshold=None
    )


def _residuals(
    tick: int, watch: WatchList, series: Ints, cells: Ints, counts: Ints
) -> list[tuple[Watched, float]]:
    """What baselines leave unexplained of this tick, in standard deviations: first channels of roll-ups."""
    if not watch.series:
        return []
    flat = watch.side_by_side()
    n, s = flat.sums(series, cells, counts)
    out = []
    for at in np.flatnonzero((flat.places == 0) & (n > 0)).tolist():
        watched = watch.series[int(flat.series[at])]
        if watched.key.slice != ALL:
            continue
        b = watch.baseline(watched, 0)
        expected = float(bounded_rate(b.expected(tick), b.level, b.form)[0])
        observed = n[at] - s[at] if b.mirrored[0] else s[at]
        per_event = expected * (1 - expected) if b.form == FLAG else float(b.event_var[0])
        deviation = max(n[at] * per_event, 1e-12) ** 0.5
        value = float(np.clip((observed - n[at] * expected) / deviation, -BOUND, BOUND))
        out.append((watched, value))
    return out
