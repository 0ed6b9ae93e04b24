"""Is the level that a series learned one that people want? A proposal until a limit or a person says so.

What goes wrong from the first day on is learned like anything else. So a learned level is only proposed; it
counts as fine when its whole interval lies within a limit that was declared, or when a person accepts it.
"""

from __future__ import annotations

from detectors.change.level import Level
from detectors.counts.aggregate import SeriesKey
from detectors.counts.pending_controls import text_of
from detectors.observation import Control
from detectors.series.baseline_origin import Origin
from detectors.series.series_banks import WatchList

PROPOSED, WITHIN, BEYOND, BY_PERSON = "proposed", "within limit", "beyond limit", "accepted"
VERDICTS = (PROPOSED, WITHIN, BEYOND, BY_PERSON)
FINE = (WITHIN, BY_PERSON)


def verdict(level: Level, limit: float | None, origin: Origin) -> str:
    """One of `VERDICTS`. ``limit`` bounds from above; a level is beyond it where its whole interval is."""
    if origin.by:
        return BY_PERSON
    if limit is None or level.low is None or level.high is None:
        return PROPOSED
    if level.high <= limit:
        return WITHIN
    return BEYOND if level.low > limit else PROPOSED


def accept_level(record: Control, watch: WatchList) -> None:
    """Obey an ``accept_level`` record, if the series still has the version that the person saw."""
    body = record.body
    watched = watch.find(SeriesKey(*(text_of(body, name) for name in ("unit", "score", "slice"))))
    by = text_of(body, "actor")
    if watched is not None and by and watched.version == text_of(body, "version"):
        origin = watched.origin
        watched.origin = Origin(origin.kind, origin.tick, by, text_of(body, "reason"))
