"""One watched series: its channels, where their statistics stand, and its open finding."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import Any

from detectors.drift.fold import SeriesKey
from detectors.drift.plan import Channel
from detectors.drift.recovery import Recovery
from detectors.drift.ticks import Ints
from detectors.finding import Finding


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
    learning window, in ticks. While a finding is open the banks rest.
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

    def histogram(self) -> tuple[Ints, Ints]:
        """Cells and counts of the baseline."""
        return self.cells, self.counts


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
