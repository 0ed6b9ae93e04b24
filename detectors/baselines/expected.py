"""Changes that a person announced: at the boundary of a release, say, a new level is expected.

An ``expect`` record names the boundary by its tick, and may name scores. For a week, a change whose onset
interval holds the boundary is taken for the new level as soon as it is found, and told for information
only. A change that would page is not, unless its score is named: that a release is expected does not mean
that what it breaks is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from detectors.counts.pending_controls import text_of
from detectors.engine.ticks import DAY_S, time_of
from detectors.finding import Finding
from detectors.observation import Control
from detectors.series.baseline_origin import EXPECTED, Origin

HOLDS_S = 7 * DAY_S
MAX_BOUNDARIES = 100
"""Announcements kept at a time; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """One announcement: ``scores`` are those named, none for all that do not page."""

    tick: int
    scores: tuple[str, ...]
    by: str
    reason: str

    @classmethod
    def of(cls, record: Control) -> Boundary:
        """Read an ``expect`` record."""
        scores = record.body.get("scores")
        named = tuple(s for s in scores if isinstance(s, str)) if isinstance(scores, list | tuple) else ()
        return cls(record.tick, named, text_of(record.body, "actor"), text_of(record.body, "reason"))

    def covers(self, stated: Finding, tick_s: int) -> bool:
        """Whether a change began with it: its interval of onsets, a tick wider, holds the boundary."""
        if stated.onset_low is None or stated.onset_high is None or self._spares(stated):
            return False
        at_s = self.tick * tick_s
        return (
            stated.onset_low.timestamp() - tick_s <= at_s <= stated.onset_high.timestamp() + tick_s
            and stated.made_at.timestamp() <= at_s + HOLDS_S
        )

    def _spares(self, stated: Finding) -> bool:
        if self.scores:
            return stated.score not in self.scores
        return stated.severity == "page"

    def origin(self, onset: int) -> Origin:
        """Of a baseline that starts at ``onset``."""
        return Origin(EXPECTED, onset, self.by, self.reason)


class Announced:
    """The boundaries of one service."""

    def __init__(self) -> None:
        self._boundaries: list[Boundary] = []

    def add(self, record: Control) -> None:
        """Take an ``expect`` record; the same one again changes nothing."""
        boundary = Boundary.of(record)
        if boundary.by and boundary not in self._boundaries:
            self._boundaries = [*self._boundaries, boundary][-MAX_BOUNDARIES:]

    def covering(self, stated: Finding, tick_s: int) -> Boundary | None:
        """The last announced boundary with which a change began."""
        return next((b for b in reversed(self._boundaries) if b.covers(stated, tick_s)), None)

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [[b.tick, list(b.scores), b.by, b.reason] for b in self._boundaries]

    def restore(self, state: Iterable[tuple[int, Iterable[str], str, str]]) -> None:
        """Inverse of `state`."""
        self._boundaries = [Boundary(tick, tuple(scores), by, why) for tick, scores, by, why in state]


def informed(stated: Finding, tick: int, tick_s: int) -> Finding:
    """The finding of an expected change: over as soon as it is told."""
    ended = time_of(tick, tick_s)
    return replace(stated, severity="info", ended_at=ended, notes=(*stated.notes, "expected: the new level"))


def expect_body(scores: Iterable[str], actor: str, reason: str) -> Mapping[str, Any]:
    """Body of an ``expect`` record."""
    return {"scores": sorted(scores), "actor": actor, "reason": reason}
