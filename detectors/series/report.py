"""From a crossing to a finding: since when, how much, where, and what else changed.

Everything is read from the service's own history, so the same log gives the same finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from detectors.change.attribution import Attribution, SliceCounts, attribute
from detectors.change.effect import Explanation, explain, quantile_effect
from detectors.change.recovery import Recovery
from detectors.change.second_opinion import second_opinion
from detectors.counts.aggregate import Aggregate, SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.counts.history import CellHistory, Rows
from detectors.counts.user_cap import UNKNOWN, UserCap
from detectors.engine.baseline import VALUE, Baseline
from detectors.engine.ticks import Floats, time_of
from detectors.finding import ALL, Finding, SliceEffect, finding_id
from detectors.observation import ServiceKey, series_id, slice_text
from detectors.scorers.protocol import ScoreSpec
from detectors.series.series_banks import WatchList, dense
from detectors.series.severity import severity_of
from detectors.series.suspects import INPUTS, compared, suspects
from detectors.series.watched_series import Crossing, Watched
from detectors.watch_config import WatchConfig

DETECTOR = "shiryaev_roberts.2"
LEAST_LIFT = 0.25
LIFT_ERRORS = 3.0
"""A slice explains a change when its share of it exceeds its share of the traffic by this much, and by this
many standard errors: a handful of hits falls unevenly by chance."""
OWN_ERRORS = 1.5
"""Standard errors for the slice that crossed by itself, before the whole did."""
CARRIES = 0.05
"""Share of the traffic since it was first seen that a new value needs to be a likely onset."""
LEARNED_LATE_S = 3600
"""The last part of the learning period in which an onset is looked for."""
MOST_SLICES = 10


@dataclass(frozen=True, slots=True)
class History:
    """What a finding is read from: one service's history and names."""

    trail: CellHistory
    fold: Aggregate
    watch: WatchList
    names: Mapping[int, SeriesKey]
    people: UserCap


def finding(
    service: ServiceKey,
    spec: ScoreSpec,
    watched: Watched,
    crossing: Crossing,
    tick: int,
    log_offset: int,
    config: WatchConfig,
    history: History,
    *,
    against: Baseline | None = None,
    told: Explanation | None = None,
    noticed: int | None = None,
) -> tuple[Finding, Recovery]:
    """The finding of one crossing at ``tick``, stated at ``log_offset`` of the log, and what would end it.

    ``against`` is the reference where it is not the series' own baseline; ``told`` what is known already;
    ``noticed`` the tick in which the change was first found, if that was before: it began no later.
    """
    channel = watched.channels[crossing.channel]
    mine = history.trail.of(watched.number, watched.start, tick)
    n, s = dense(channel, mine, watched.start, tick + 1)
    baseline = against or history.watch.baseline(watched, crossing.channel)
    told = told or explain(
        baseline,
        watched.start,
        n,
        s,
        earliest=_earliest(watched, config.tick_s),
        latest=noticed,
        known=_known_changes(watched, tick, history, config.tick_s),
    )
    effect = _effect(spec, channel, mine, told)
    where = _where(watched, crossing.channel, told, tick, history)
    hit = spec.kind == "flag" and told.direction > 0
    who = history.people.affected(spec.name, watched.key.slice, told.onset, tick) if hit else UNKNOWN
    opinion = second_opinion(baseline, watched.start, n, s, told.onset_low)
    rises = told.direction > 0 if channel.name != "below" else told.direction < 0
    at, began = clock(config.tick_s), clock(config.tick_s, config.counted_after_s(watched.key.unit))
    own_id = series_id(service, watched.key.unit, spec.name, spec.generation, watched.key.slice)
    event_var = float(baseline.event_var[0])
    recovery = Recovery.of(told, channel.form, event_var=event_var, tick_s=config.tick_s)
    stated = Finding(
        finding_id=finding_id(own_id, DETECTOR, told.onset, tick),
        alert_kind="drift",
        status="confirmed",
        tenant=service.tenant,
        lineage=service.lineage,
        environment=service.environment or None,
        service=service.service,
        unit=watched.key.unit,
        score=spec.name,
        slice=watched.key.slice,
        series=own_id,
        made_at=at(tick + 1),
        severity=severity_of(spec, rises=rises),
        onset=began(told.onset),
        onset_low=began(told.onset_low),
        onset_high=began(told.onset_high + 1),
        effect=effect.effect,
        effect_low=effect.low,
        effect_high=effect.high,
        effect_unit=effect.unit,
        direction="rise" if rises else "fall",
        baseline_value=effect.before,
        current_value=effect.after,
        n=told.n,
        n_baseline=told.n_baseline,
        n_users=who.users,
        n_conversations=who.conversations,
        largest_share=who.largest_share,
        inputs_changed=where.inputs.changed,
        inputs_moved=_rounded(where.inputs.moved),
        inputs_moved_high=_rounded(where.inputs.moved_high),
        evidence=round(crossing.evidence, 9),
        threshold=round(crossing.threshold, 9),
        slices=where.slices,
        cleared=where.cleared,
        suspects=suspects(
            watched.key, told, tick, history.fold, history.trail, history.names, config.tick_s, began
        ),
        compared=compared(watched.key.unit, history.fold),
        detector=DETECTOR,
        config_hash=config.config_hash,
        baseline_version=watched.version,
        log_to=log_offset,
        notes=(*_notes(spec, channel, history.fold), opinion.note),
    )
    return stated, recovery


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 9)


@dataclass(frozen=True, slots=True)
class _Effect:
    effect: float
    low: float
    high: float
    before: float
    after: float
    unit: str


def _effect(spec: ScoreSpec, channel: Channel, rows: Rows, told: Explanation) -> _Effect:
    """The change as a rate, or of the median in the score's own unit."""
    if channel.name != "location" or spec.grid is None:
        return _Effect(
            told.effect, told.effect_low, told.effect_high, told.baseline_value, told.current_value, "rate"
        )
    values = np.array([spec.grid.value(c) for c in range(spec.grid.cells)])
    onsets = [told.onset, *(int(c) for c in told.candidates if c != told.onset)]
    afters = [_histogram(rows[rows[:, 0] >= onset], len(values)) for onset in onsets]
    before = _histogram(rows[rows[:, 0] < told.onset], len(values))
    effect, low, high, old, new = quantile_effect(values, before, afters, kappa=told.kappa)
    return _Effect(effect, low, high, old, new, spec.value_unit or "median")


def _histogram(rows: Rows, cells: int) -> Floats:
    counts: Floats = np.bincount(rows[:, 2], weights=rows[:, 3], minlength=cells)[:cells].astype(float)
    return counts


def _where(watched: Watched, place: int, told: Explanation, tick: int, history: History) -> Attribution:
    """Slices of the same score ranked by what they explain; the whole where it moved as one."""
    channel = watched.channels[place]
    rows = history.trail.by_series(watched.start, tick)
    parts: dict[str, SliceCounts] = {}
    for number, mine in rows.items():
        key = history.names[number]
        if (key.unit, key.score) == (watched.key.unit, watched.key.score):
            old, new = mine[mine[:, 0] < told.onset], mine[mine[:, 0] >= told.onset]
            parts[key.slice] = SliceCounts(
                key.slice, *channel.sums(old[:, 2], old[:, 3]), *channel.sums(new[:, 2], new[:, 3])
            )
    whole = parts.pop(ALL)
    event_var = None
    if channel.form == VALUE:
        event_var = float(history.watch.baseline(watched, place).event_var[0])
    found = attribute(whole, [parts[k] for k in sorted(parts)], event_var=event_var, kappa=told.kappa)
    own = watched.key.slice
    slices = [
        e
        for e in found.slices
        if _lift(e, parts[e.slice], whole)
        >= max(
            LEAST_LIFT,
            (OWN_ERRORS if e.slice == own else LIFT_ERRORS)
            * _lift_error(parts[e.slice], whole, event_var, told.kappa),
        )
    ]
    if not slices:
        slices = [SliceEffect(ALL, 1.0, _mean_change(whole))]
    return Attribution(tuple(slices[:MOST_SLICES]), found.cleared, found.mix_share, found.inputs)


def _mean_change(c: SliceCounts) -> float:
    return c.s_after / max(c.n_after, 1.0) - c.s_before / max(c.n_before, 1.0)


def _lift(effect: SliceEffect, part: SliceCounts, whole: SliceCounts) -> float:
    """Share of the change beyond the share of the traffic."""
    return (effect.share or 0.0) - part.n_after / max(whole.n_after, 1.0)


def _lift_error(part: SliceCounts, whole: SliceCounts, event_var: float | None, kappa: float) -> float:
    """Standard error of a slice's lift if the whole moved as one."""
    weight = part.n_after / max(whole.n_after, 1.0)
    if event_var is None:
        rates = whole.s_before / max(whole.n_before, 1.0), whole.s_after / max(whole.n_after, 1.0)
        event_var = max(p * (1 - p) for p in rates)
    change = max(abs(_mean_change(whole)), 1e-12)
    return float(weight * np.sqrt(event_var * kappa / max(part.n_after, 1.0)) / change)


def _earliest(watched: Watched, tick_s: int) -> int:
    """First tick that can be an onset: a change may begin just before learning ends and hardly be learned."""
    return max(watched.since - LEARNED_LATE_S // tick_s, watched.start + 1)


def _known_changes(watched: Watched, tick: int, history: History, tick_s: int) -> list[int]:
    """Ticks at which values of a dimension began that now carry traffic: models, releases, prompts."""
    unit, score = watched.key.unit, watched.key.score
    earliest = _earliest(watched, tick_s)
    rows = history.trail.by_series(earliest, tick)
    numbers = {history.names[n]: n for n in rows}
    whole = numbers.get(SeriesKey(unit, score, ALL))
    found = set()
    for dimension, values in history.fold.seen(unit).items():
        if dimension in INPUTS or whole is None:
            continue
        for value, seen in values.items():
            mine = numbers.get(SeriesKey(unit, score, slice_text(**{dimension: value})))
            if mine is None or not earliest <= seen.first <= tick:
                continue
            since = rows[whole][rows[whole][:, 0] >= seen.first]
            if rows[mine][:, 3].sum() >= CARRIES * since[:, 3].sum():
                found.add(seen.first)
    return sorted(found)


def _notes(spec: ScoreSpec, channel: Channel, fold: Aggregate) -> tuple[str, ...]:
    """What the channel measured, where that is not the score itself."""
    if channel.name in ("above", "below", "tail", "far") and spec.grid is not None:
        cells = np.flatnonzero(channel.table == 0)
        edge = int(cells.min() if channel.name == "below" else cells.max())
        side = "below" if channel.name == "below" else "above"
        return (f"share of values {side} {spec.grid.value(edge):.4g}",)
    if channel.name.startswith("level:"):
        return (f"share of {fold.category_names(spec.name)[int(channel.name.removeprefix('level:'))]}",)
    if channel.name == "other":
        return ("share of values outside the commonest",)
    return ()


def clock(tick_s: int, behind_s: float = 0) -> Callable[[int], datetime]:
    """`time_of` a tick, with the rest given."""
    return lambda tick: time_of(tick, tick_s, behind_s)
