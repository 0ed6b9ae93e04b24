"""One watched series: its channels, where their statistics stand, and its open finding."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from detectors.change.comparison import LevelEstimate
from detectors.change.recovery import Recovery
from detectors.counts.aggregate import SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.engine.ticks import Ints, time_of
from detectors.finding import Finding
from detectors.series.baseline_origin import Origin


@dataclass(frozen=True, slots=True)
class Crossing:
    """A channel that reached its threshold. ``evidence`` and ``threshold`` are logarithms."""

    channel: int
    evidence: float
    threshold: float
    direction: int


@dataclass(slots=True)
class OpenFinding:
    """A finding that has not ended: what was said (``None``: a roll-up said it), and what would end it."""

    finding: Finding | None
    channel: int
    recovery: Recovery


@dataclass(slots=True)
class Watched:
    """One watched series.

    ``rows`` are its channels' rows in the bank of each channel's form. ``start`` and ``since`` bound its
    learning window, in ticks. While a finding is open the banks rest. ``anchor`` is how the channels stood
    when the level was last learned or accepted, where the baseline has been refreshed since; ``calm_since``
    the tick after the last finding that ended.
    """

    number: int
    key: SeriesKey
    channels: tuple[Channel, ...]
    rows: tuple[int, ...]
    start: int
    since: int
    version: str
    cells: Ints
    counts: Ints
    open: OpenFinding | None = None
    origin: Origin = field(default_factory=Origin)
    anchor: tuple[LevelEstimate, ...] = ()
    calm_since: int = 0

    def histogram(self) -> tuple[Ints, Ints]:
        """Cells and counts of the baseline."""
        return self.cells, self.counts


def life_of(watched: Watched) -> list[Any]:
    """Plain form of how it came to its baseline, for a snapshot."""
    w = watched
    return [w.number, w.origin.packed(), w.calm_since, [list(astuple(a)) for a in w.anchor]]


def relive(watched: Watched, origin: list[Any], calm_since: int, anchor: list[Any]) -> None:
    """Inverse of `life_of`."""
    watched.origin, watched.calm_since = Origin.unpacked(origin), calm_since
    watched.anchor = tuple(LevelEstimate(*a) for a in anchor)


def packed(opened: OpenFinding | None) -> list[Any] | None:
    """Plain form for a snapshot."""
    if opened is None:
        return None
    said = None if opened.finding is None else opened.finding.to_json()
    return [said, opened.channel, list(astuple(opened.recovery))]


def unpacked(state: list[Any] | None) -> OpenFinding | None:
    """Inverse of `packed`."""
    if state is None:
        return None
    said, channel, recovery = state
    finding = None if said is None else Finding.from_dict(json.loads(said))
    return OpenFinding(finding, channel, Recovery(*recovery))


def closed(ended: Iterable[Watched], tick: int, tick_s: int) -> list[Finding]:
    """Findings whose change has ended with ``tick``, with the time; their series are watched on."""
    findings = []
    for watched in ended:
        if watched.open is not None and watched.open.finding is not None:
            findings.append(replace(watched.open.finding, ended_at=time_of(tick + 1, tick_s)))
        watched.open, watched.calm_since = None, tick + 1
    return findings
