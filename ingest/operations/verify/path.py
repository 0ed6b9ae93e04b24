"""How a finding was computed again: what it was computed from, and the statistic on the way. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from detectors.counts.aggregate import SeriesKey
from detectors.finding import Finding, rfc3339
from detectors.series.baseline_reference import Reference
from detectors.series.series_banks import WatchList

TICKS = 600
"""Latest ticks of a series whose statistic is kept in mind."""
BEFORE_S = 3600
"""How long before the onset's interval the statistic is shown."""


@dataclass(slots=True)
class Path:
    """What one finding was computed from.

    ``start`` says from where: ``beginning`` of the log, ``snapshot`` or ``rows`` (of interactions). ``first``
    and ``last`` are offsets of the log, ``messages`` how many of them were applied.
    """

    start: str
    partition: int | None = None
    first: int | None = None
    last: int | None = None
    messages: int = 0
    snapshot_offset: int | None = None
    snapshot_digest: str | None = None
    chain: str | None = None
    config: str | None = None
    references: tuple[Reference, ...] = ()
    ticks: tuple[tuple[datetime, float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "start": self.start,
            "partition": self.partition,
            "from": self.first,
            "to": self.last,
            "messages": self.messages,
            "snapshot_offset": self.snapshot_offset,
            "snapshot_digest": self.snapshot_digest,
            "chain": self.chain,
            "config": self.config,
            "baseline": [
                {"channel": r.channel, "version": r.channel_version, "n": sum(r.counts)}
                for r in self.references
            ],
            "ticks": [
                {"at": rfc3339(at), "evidence": evidence, "threshold": threshold}
                for at, evidence, threshold in self.ticks
            ],
        }


@dataclass(slots=True)
class Statistic:
    """The statistic of a finding's series, tick by tick, from an hour before the onset's interval."""

    finding: Finding
    tick_s: int
    _ticks: deque[tuple[int, float, float]] = field(default_factory=lambda: deque(maxlen=TICKS))
    _first: int = field(init=False)

    def __post_init__(self) -> None:
        begin = self.finding.onset_low or self.finding.onset or self.finding.made_at
        self._first = int(begin.timestamp() - BEFORE_S) // self.tick_s

    def closed(self, tick: int, watch: WatchList) -> None:
        """A tick has closed, nothing of what crossed in it is stated yet."""
        if tick < self._first:
            return
        f = self.finding
        watched = watch.find(SeriesKey(f.unit, f.score, f.slice))
        if watched is not None:
            self._ticks.append((tick, *watch.evidence(watched, tick)))

    def ticks(self) -> tuple[tuple[datetime, float, float], ...]:
        """Time, evidence and threshold of each until it was stated."""
        timed = [(datetime.fromtimestamp(t * self.tick_s, UTC), e, h) for t, e, h in self._ticks]
        return tuple((at, round(e, 6), round(h, 6)) for at, e, h in timed if at < self.finding.made_at)


def explain(finding: Finding, path: Path, limit: int = 40) -> list[str]:
    """The path in words, a line each; of the ticks the last ``limit``.

    Ticks are of the engine's statistic of the series: the fast path's, within them, is a line of its own.
    """
    if path.start == "rows":
        return [f"  from stored interactions: {finding.notes[0] if finding.notes else ''}"]
    start = (
        "the beginning of the log"
        if path.start == "beginning"
        else f"the snapshot at offset {path.snapshot_offset} (digest {path.snapshot_digest})"
    )
    lines = [
        f"  from {start}",
        f"  log: partition {path.partition}, offsets {path.first} to {path.last}, {path.messages} messages",
        f"  chain {path.chain}",
        f"  config {finding.config_hash} (run {path.config})",
    ]
    lines += [
        f"  baseline {r.version}, channel {r.channel}: {sum(r.counts)} counted in {len(r.cells)} cells"
        for r in path.references
    ]
    lines += _ticks(path.ticks, limit)
    if finding.evidence is not None and (not path.ticks or finding.alert_kind == "fast"):
        lines.append(
            f"  log evidence {finding.evidence:8.3f} of {finding.threshold or 0:.3f}, {finding.detector}"
        )
    if finding.effect is not None:
        lines.append(
            f"  effect {finding.effect:.6g} ({finding.effect_low:.6g} to {finding.effect_high:.6g}) "
            f"{finding.effect_unit or ''}, onset {_time(finding.onset)} "
            f"({_time(finding.onset_low)} to {_time(finding.onset_high)})"
        )
    return lines


def _ticks(ticks: Sequence[tuple[datetime, float, float]], limit: int) -> list[str]:
    shown = ticks[-limit:]
    left_out = [f"  … {len(ticks) - len(shown)} ticks before"] if len(ticks) > len(shown) else []
    return left_out + [
        f"  {_time(at)}  log evidence {evidence:8.3f} of {threshold:.3f}" for at, evidence, threshold in shown
    ]


def _time(at: datetime | None) -> str:
    return "-" if at is None else rfc3339(at)
