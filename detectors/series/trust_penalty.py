"""A person called a finding false: its series spends half of what it did, and an eighth after three of them.

Half of the budget is ln 2 more of evidence: a series that is wrong about its world (traffic that does what no
model of it allows) pages less, and one that was right after all still pages for what is gross. What it does
not spend nobody else does, so the budget holds as before. A new series starts without doubts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.counts.aggregate import SeriesKey
from detectors.counts.pending_controls import text_of

if TYPE_CHECKING:
    from detectors.observation import Control
    from detectors.series.series_banks import WatchList
    from detectors.watch_config import WatchConfig

DOUBT = "doubt"
"""The action of the record."""


def penalise(record: Control, watch: WatchList, config: WatchConfig) -> None:
    """Obey such a record; one that was obeyed before, or of a series that is gone, changes nothing."""
    key = SeriesKey(*(text_of(record.body, name) for name in ("unit", "score", "slice")))
    watched = watch.find(key)
    if watched is not None and watch.shares.penalise(watched.number, text_of(record.body, "finding_id")):
        watch.set_budget(config)
