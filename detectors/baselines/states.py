"""What a series is doing: one of four states, which follow from its baseline and its last rows alone.

::

    learning --enough rows over the learning window--> watching
    watching --a person accepts its level, or a change for the new one--> accepted
    accepted --a baseline is learned anew--> watching
    any --nothing for `STALE_S`--> stale --rows come--> as before

A stale series keeps its baseline: its evidence stands still but for the share that time adds, and when rows
come back they are compared with what it knew.
"""

from __future__ import annotations

from typing import Any

from detectors.baselines.outlook import NAMES, outlook
from detectors.baselines.proposal import verdict
from detectors.change.level import Level
from detectors.engine.ticks import DAY_S
from detectors.scorers.protocol import ScoreSpec
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import Watched

LEARNING, WATCHING, STALE, KEPT = "learning", "watching", "stale", "accepted"
STATES = (LEARNING, WATCHING, STALE, KEPT)

STALE_S = 8 * DAY_S
"""A series that comes once a week is not stale in between."""


def state_of(watched: Watched | None, silent_s: int) -> str:
    """State of a series whose last row is ``silent_s`` seconds old; ``watched`` is None while it learns."""
    if silent_s > STALE_S:
        return STALE
    if watched is None:
        return LEARNING
    return KEPT if watched.origin.by else WATCHING


def watched_columns(
    watch: WatchList,
    watched: Watched | None,
    spec: ScoreSpec,
    level: Level,
    tick: int,
    limit: float | None = None,
) -> dict[str, Any]:
    """What a series row says of the baseline, by column, ``tick`` being the last one closed.

    ``limit`` is the declared one of the score.
    """
    if watched is None:
        nothing: dict[str, Any] = dict.fromkeys(
            ("evidence", "threshold", *NAMES, "detectable_unit", "examples")
        )
        nothing["level_limit"] = limit
        return {**nothing, **dict.fromkeys(("origin", "level_verdict", "accepted_by", "accepted_reason"), "")}
    evidence, threshold = watch.evidence(watched, tick)
    origin = watched.origin
    return {
        "evidence": round(evidence, 9),
        "threshold": threshold,
        **outlook(watch, watched, spec),
        "examples": _examples(watched, spec),
        "origin": origin.kind,
        "level_limit": limit,
        "level_verdict": verdict(level, limit, origin),
        "accepted_by": origin.by,
        "accepted_reason": origin.reason,
    }


def _examples(watched: Watched, spec: ScoreSpec) -> int | None:
    """Hits in the baseline of a flag."""
    if spec.kind != "flag" or spec.grid is None:
        return None
    cells, counts = watched.histogram()
    return int(counts[cells == spec.grid.cell(1.0)].sum())
