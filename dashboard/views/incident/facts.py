"""The five numbers at the top of an incident, each with what qualifies it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from alerts.briefs import figures
from dashboard import formats, strings
from dashboard.queries.incidents import Trust
from dashboard.safe_text import clean
from dashboard.tables.incident import Incident


class Fact(NamedTuple):
    """Label, value, note. All three are cleaned."""

    label: str
    value: str
    note: str


def facts(incident: Incident, trust: Trust, now: datetime) -> list[Fact]:
    """Effect, onset, size, certainty, suspect; of a silence only what can be said of one."""
    if incident.is_silent:
        return [_effect(incident), _onset(incident, now), _sure(incident, trust)]
    return [
        _effect(incident),
        _onset(incident, now),
        _size(incident),
        _sure(incident, trust),
        _suspect(incident, now),
    ]


def _effect(incident: Incident) -> Fact:
    if incident.is_silent:
        usual = incident.baseline_value
        note = strings.FACT_SILENT_NOTE.format(usual=formats.count(usual)) if usual else ""
        return Fact(strings.FACT_SILENT, strings.FACT_SILENT_VALUE, note)
    if incident.alert_kind == "policy" and incident.hits:
        return Fact(strings.FACT_HITS, formats.count(incident.hits), strings.FACT_SURE_COUNTED)
    if incident.effect is None:
        return Fact(strings.FACT_EFFECT, formats.NONE, strings.FACT_EFFECT_UNKNOWN)
    measure = incident.measure
    value, interval = formats.split_interval(
        measure.change(incident.effect, incident.effect_low, incident.effect_high)
    )
    step = ""
    if incident.baseline_value is not None and incident.current_value is not None:
        step = measure.step(incident.baseline_value, incident.current_value)
    return Fact(strings.FACT_EFFECT, value, " · ".join(filter(None, (interval, step))))


def _onset(incident: Incident, now: datetime) -> Fact:
    low, high = (formats.moment(at, now) for at in (incident.onset_low, incident.onset_high))
    fired = ""
    if incident.stored.fired is not None:
        fired = strings.FACT_FIRED.format(at=formats.moment(incident.stored.fired, now))
    label = strings.FACT_SILENT_SINCE if incident.is_silent else strings.FACT_ONSET
    note = strings.FACT_ONSET_NOTE.format(low=low, high=high, fired=fired)
    if incident.is_silent:
        note = strings.FACT_ONSET_EXACT.format(fired=fired)
    return Fact(label, f"{formats.moment(incident.onset, now)} UTC", note)


def _size(incident: Incident) -> Fact:
    label = strings.FACT_N_OF.get(incident.unit, strings.FACT_N)
    if incident.n is None:
        return Fact(label, formats.NONE, strings.FACT_N_UNKNOWN)
    note = strings.FACT_N_UNKNOWN
    if incident.n_baseline is not None:
        note = strings.FACT_N_NOTE.format(n=formats.count(incident.n_baseline))
    return Fact(label, formats.count(incident.n), note)


def _sure(incident: Incident, trust: Trust) -> Fact:
    history = ""
    if trust.incidents:
        history = strings.FACT_SURE_TRUST.format(false=trust.false_alarms, n=trust.incidents)
    if incident.evidence is None or incident.threshold is None:
        note = strings.FACT_SURE_COUNTED_NOTE.format(trust=history)
        return Fact(strings.FACT_SURE, strings.FACT_SURE_COUNTED, note)
    value = figures.times(incident.evidence - incident.threshold)
    return Fact(strings.FACT_SURE, value, strings.FACT_SURE_NOTE.format(trust=history))


def _suspect(incident: Incident, now: datetime) -> Fact:
    if not incident.suspects:
        return Fact(strings.FACT_SUSPECT, strings.FACT_NO_SUSPECT, strings.FACT_NO_SUSPECT_NOTE)
    first, *rest = incident.suspects
    more = strings.FACT_SUSPECT_MORE.format(n=len(rest)) if rest else strings.FACT_SUSPECT_ONLY
    at = formats.moment(first.since, now) if first.since else formats.NONE
    kind = clean(first.kind.replace("_", " "), 30)
    return Fact(
        strings.FACT_SUSPECT,
        clean(first.value, 24),
        strings.FACT_SUSPECT_NOTE.format(kind=kind, at=at, only=more),
    )
