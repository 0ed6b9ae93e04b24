"""What limits of an operator have in common: how they read a tick, how what they say begins and ends.

Rules (`detectors.rule_watch.service_rules`) and objectives (`detectors.rule_watch.slo_watch`) differ in
what they compute of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from detectors.counts.aggregate import Aggregate, SeriesKey, TickCounts
from detectors.engine.ticks import time_of
from detectors.finding import Finding, finding_id
from detectors.observation import ServiceKey, series_id
from detectors.rules import TickSum, tick_sum
from detectors.scorers.protocol import ScoreSpec
from detectors.series.report import clock
from detectors.watch_config import WatchConfig

Places = dict[SeriesKey, tuple[int, int]]
"""Where series stand in the counts of a tick."""


class About(Protocol):
    """What a rule or an objective is about."""

    @property
    def unit(self) -> str:
        """What is counted."""

    @property
    def score(self) -> str:
        """Name of the score."""

    @property
    def slice(self) -> str:
        """``all``, or ``dim=value``."""


@dataclass(frozen=True, slots=True)
class LimitStatement:
    """What is said of a window: ``value`` against ``limit``, since the tick ``first`` at the earliest."""

    first: int
    severity: str
    value: float
    limit: float
    effect_unit: str
    direction: str
    n: int
    notes: tuple[str, ...]
    measure: str | None = None
    window_s: int | None = None


def spec_of(about: About, config: WatchConfig, fold: Aggregate) -> ScoreSpec:
    """The score in the generation that is counted now."""
    return replace(config.specs[about.score], generation=fold.generation(about.score))


def read(about: About, counts: TickCounts, places: Places, spec: ScoreSpec) -> TickSum:
    """What the tick that ends has of it."""
    begin, end = places.get(SeriesKey(about.unit, about.score, about.slice), (0, 0))
    return tick_sum(counts.tick, counts.cells[begin:end], counts.counts[begin:end], spec.grid)


def stated(
    about: About,
    said: LimitStatement,
    key: ServiceKey,
    config: WatchConfig,
    *,
    generation: int,
    alert_kind: str,
    detector: str,
    ids: tuple[str, ...],
    tick: int,
) -> Finding:
    """The finding that begins with ``tick``; with its series, ``ids`` and the tick it is told from others."""
    own_id = series_id(key, about.unit, about.score, generation, about.slice)
    began = clock(config.tick_s, config.counted_after_s(about.unit))
    return Finding(
        finding_id=finding_id(own_id, detector, *ids, tick),
        alert_kind=alert_kind,
        status="confirmed",
        tenant=key.tenant,
        lineage=key.lineage,
        environment=key.environment or None,
        service=key.service,
        unit=about.unit,
        score=about.score,
        slice=about.slice,
        series=own_id,
        made_at=time_of(tick + 1, config.tick_s),
        severity=said.severity,
        onset=began(tick),
        onset_low=began(said.first),
        onset_high=began(tick + 1),
        effect=said.value - said.limit,
        effect_unit=said.effect_unit,
        direction=said.direction,
        baseline_value=said.limit,
        current_value=said.value,
        n=said.n,
        detector=detector,
        config_hash=config.config_hash,
        notes=said.notes,
        measure=said.measure,
        window_s=said.window_s,
    )


def ended(finding: Finding, tick: int, tick_s: int, *notes: str) -> Finding:
    """The finding, over with the end of ``tick``."""
    return replace(finding, ended_at=time_of(tick + 1, tick_s), notes=(*finding.notes, *notes))
