"""A person called a finding false: its series spends half of what it did, and an eighth after three of them.

Half of the budget is ln 2 more of evidence: a series that is wrong about its world (traffic that does what no
model of it allows) pages less, and one that was right after all still pages for what is gross. What it does
not spend nobody else does, so the budget holds as before. A new series starts without doubts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.drift.service.controls import text_of
from detectors.drift.service.fold import SeriesKey

if TYPE_CHECKING:
    from detectors.drift.service.watch_config import WatchConfig
    from detectors.drift.service.watching import WatchList
    from detectors.observation import Control

DOUBT = "doubt"
"""The action of the record."""


def doubt(record: Control, watch: WatchList, config: WatchConfig) -> None:
    """Obey such a record; one that was obeyed before, or of a series that is gone, changes nothing."""
    key = SeriesKey(*(text_of(record.body, name) for name in ("unit", "score", "slice")))
    watched = watch.find(key)
    if watched is not None and watch.shares.doubt(watched.number, text_of(record.body, "finding_id")):
        watch.spend(config)
