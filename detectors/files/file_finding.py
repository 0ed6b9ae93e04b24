"""Findings about a file: one series, whose owner and series key nobody said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from detectors.change.effect import Explanation
from detectors.engine.ticks import time_of
from detectors.files.native_unit import NativeUnit
from detectors.files.points import Point
from detectors.finding import ALL, Finding, finding_id

DETECTOR = "shiryaev-roberts/1"
POINT_DETECTOR = "points/2"
STILL_DETECTOR = "still/1"


@dataclass(frozen=True, slots=True)
class Frame:
    """What every finding of one call says of itself."""

    score: str
    service: str
    kind: str
    tick_s: int
    config_hash: str

    def change(
        self,
        told: Explanation,
        own: NativeUnit,
        *,
        channel: str,
        tick: int,
        made_at_s: float,
        evidence: float,
        threshold: float,
        baseline_version: str,
        note: str,
    ) -> Finding:
        """A change that crossed at ``tick``."""
        return Finding(
            finding_id=finding_id(self.config_hash, channel, told.onset, tick),
            alert_kind="volume" if self.kind == "volume" else "drift",
            made_at=datetime.fromtimestamp(made_at_s, UTC),
            severity="page",
            onset=self._at(told.onset),
            onset_low=self._at(told.onset_low),
            onset_high=self._at(told.onset_high + 1),
            effect=own.effect,
            effect_low=own.low,
            effect_high=own.high,
            effect_unit=own.unit,
            direction="rise" if told.direction > 0 else "fall",
            baseline_value=own.before,
            current_value=own.after,
            n=told.n,
            n_baseline=told.n_baseline,
            evidence=round(evidence, 9),
            threshold=round(threshold, 9),
            detector=DETECTOR,
            baseline_version=baseline_version,
            notes=(f"channel {channel}", note),
            **self._common(),
        )

    def point(self, point: Point, made_at_s: float) -> Finding:
        """A single far value."""
        return Finding(
            finding_id=finding_id(self.config_hash, "point", point.tick, point.side),
            alert_kind="anomaly",
            made_at=datetime.fromtimestamp(made_at_s, UTC),
            severity="ticket",
            onset=self._at(point.tick),
            onset_low=self._at(point.tick),
            onset_high=self._at(point.tick + 1),
            effect=point.value - point.level,
            effect_unit="value",
            direction="rise" if point.side > 0 else "fall",
            baseline_value=point.level,
            current_value=point.value,
            n=1,
            detector=POINT_DETECTOR,
            **self._common(),
        )

    def still(self, since: int, tick: int, value: float, made_at_s: float) -> Finding:
        """A value that has not moved from tick ``since`` to ``tick``."""
        return Finding(
            finding_id=finding_id(self.config_hash, "still", since),
            alert_kind="anomaly",
            made_at=datetime.fromtimestamp(made_at_s, UTC),
            severity="ticket",
            onset=self._at(since),
            onset_low=self._at(since),
            onset_high=self._at(since + 1),
            current_value=value,
            n=tick - since + 1,
            detector=STILL_DETECTOR,
            notes=(f"has been {value:g} without a change for {tick - since + 1} ticks",),
            **self._common(),
        )

    def _at(self, tick: int) -> datetime:
        return time_of(tick, self.tick_s)

    def _common(self) -> dict[str, Any]:
        return {
            "status": "confirmed",
            "tenant": "default",
            "lineage": "file",
            "environment": None,
            "service": self.service,
            "unit": "interaction",
            "score": self.score,
            "slice": ALL,
            "series": None,
            "config_hash": self.config_hash,
        }
