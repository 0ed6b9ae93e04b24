"""What a shift over several services is called: a finding whose service is `SEVERAL`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.change.effect import Explanation
from detectors.change.recovery import Recovery
from detectors.counts.aggregate import SeriesKey
from detectors.engine.baseline import FLAG, Baseline
from detectors.engine.ticks import time_of
from detectors.finding import Finding, SliceEffect, finding_id
from detectors.fleet.fleet_pool import Pool
from detectors.fleet.fleet_shift import Shift
from detectors.observation import ServiceKey, series_id
from detectors.series.severity import severity_of
from detectors.watch_config import WatchConfig

DETECTOR = "fleet.1"


@dataclass(frozen=True, slots=True)
class Crossed:
    """A pooled channel that reached its threshold. ``evidence`` and ``threshold`` are logarithms."""

    key: SeriesKey
    channel: int
    evidence: float
    threshold: float


def fleet_finding(
    fleet: ServiceKey,
    config: WatchConfig,
    crossed: Crossed,
    pool: Pool,
    baseline: Baseline,
    told: Explanation,
    judged: Shift,
    services: Mapping[int, str],
    version: str,
    tick: int,
) -> tuple[Finding, Recovery]:
    """The finding of a shared shift, and what would end it. Rates are what the pool as a whole would show."""
    key, spec, tick_s = crossed.key, config.specs[crossed.key.score], config.tick_s
    own_id = series_id(fleet, key.unit, key.score, spec.generation, key.slice)
    rises = told.direction > 0 if pool.name != "below" else told.direction < 0
    behind_s = config.counted_after_s(key.unit)
    stated = Finding(
        finding_id=finding_id(own_id, DETECTOR, told.onset, tick),
        alert_kind="drift",
        status="confirmed",
        tenant=fleet.tenant,
        lineage=fleet.lineage,
        environment=fleet.environment or None,
        service=fleet.service,
        unit=key.unit,
        score=key.score,
        slice=key.slice,
        series=own_id,
        made_at=time_of(tick + 1, tick_s),
        severity=severity_of(spec, rises=rises),
        onset=time_of(told.onset, tick_s, behind_s),
        onset_low=time_of(told.onset_low, tick_s, behind_s),
        onset_high=time_of(told.onset_high + 1, tick_s, behind_s),
        effect=told.effect,
        effect_low=told.effect_low,
        effect_high=told.effect_high,
        effect_unit="rate" if pool.form == FLAG else "standard deviations",
        direction="rise" if rises else "fall",
        baseline_value=told.baseline_value,
        current_value=told.current_value,
        n=told.n,
        n_baseline=told.n_baseline,
        evidence=round(crossed.evidence, 9),
        threshold=round(crossed.threshold, 9),
        slices=(SliceEffect(key.slice, 1.0, told.effect),),
        detector=DETECTOR,
        config_hash=config.config_hash,
        baseline_version=version,
        services_hit=tuple(services[n] for n in judged.hit),
        services_spared=tuple(sorted(services[n] for n in judged.spared)),
        notes=() if pool.name in ("rate", "location") else (f"share of values: {pool.name}",),
    )
    event_var = float(baseline.event_var[0])
    return stated, Recovery.of(told, pool.form, event_var=event_var, tick_s=tick_s)
