"""An incident as the dashboard reads it: the stored transition, with the facts of its JSON body.

The body is written by the alerts service. Every key may be missing, null or of an unexpected type (an older
version wrote it): such a fact is absent, and the view leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.incidents.intake import EARLIEST, LATEST
from dashboard import palette
from dashboard.measures.measures import Measure, measured
from dashboard.measures.scores import known
from dashboard.palette import State
from dashboard.queries.incidents import StoredIncident
from dashboard.queries.store import SeriesKey
from detectors.finding import parse_rfc3339

OPEN_STATES = ("pending", "firing", "recovering")
SILENCE = frozenset({"silence", "volume"})
"""Kinds of alert that are about how much arrives, not about what it says."""
LARGEST = 2.0**64


@dataclass(frozen=True, slots=True)
class Share:
    """One slice of the change: its share of the whole (0..1) and its effect."""

    slice: str
    share: float | None
    effect: float | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """What changed near the onset."""

    kind: str
    value: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Incident:
    """What people handle. Times are aware UTC; levels and effects in ``effect_unit``; absent is ``None``.

    Numbers are about ``own_slice``; ``slice`` is the one that explains them, often the same.
    """

    stored: StoredIncident
    alert_kind: str
    unit: str
    score: str
    slice: str
    own_slice: str
    onset: datetime
    onset_low: datetime
    onset_high: datetime
    onset_known: bool
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    effect_unit: str | None
    baseline_value: float | None
    current_value: float | None
    n: int | None
    n_baseline: int | None
    slices: tuple[Share, ...]
    cleared: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    evidence: float | None
    threshold: float | None
    detector: str | None
    hits: int | None
    n_users: int | None
    n_conversations: int | None
    largest_share: float | None
    inputs_changed: bool | None
    notes: tuple[str, ...]
    config_hash: str | None
    baseline_version: str | None
    log_to: int | None
    held_by: str | None = None
    silenced: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.stored.incident_id

    @property
    def key(self) -> SeriesKey:
        """The series its numbers are about."""
        return SeriesKey(self.stored.service, self.stored.environment, self.unit, self.score, self.own_slice)

    @property
    def explained(self) -> SeriesKey:
        """The series of the slice that explains it: where to look for examples."""
        return SeriesKey(self.stored.service, self.stored.environment, self.unit, self.score, self.slice)

    @property
    def measure(self) -> Measure:
        """What of the score its numbers are about."""
        return measured(known(self.score), self.effect_unit, self.notes)

    @property
    def is_open(self) -> bool:
        """Whether someone may still have to act."""
        return self.stored.state in OPEN_STATES

    @property
    def is_silent(self) -> bool:
        """Whether it is about data that does not arrive."""
        return self.alert_kind == "silence" or self.stored.evidence == "no_data"

    @property
    def about_volume(self) -> bool:
        """Whether its picture is the number of outputs."""
        return self.is_silent or self.alert_kind in SILENCE or self.score == "volume"

    @property
    def state(self) -> State:
        """Its state in the words and colours of every view."""
        stored = self.stored
        if not self.is_open:
            return palette.OK
        if stored.state == "pending":
            return palette.PENDING
        if stored.state == "recovering":
            return palette.RECOVERING
        if stored.evidence == "error" or self.alert_kind == "pipeline":
            return palette.FAILED
        if self.is_silent:
            return palette.NO_DATA
        return palette.PAGE if stored.severity == "page" else palette.TICKET


def read(stored: StoredIncident) -> Incident:
    """The incident behind a stored row."""
    body = _object(stored.body)
    finding = _spokesman(body)

    def pick(name: str) -> Any:
        return body[name] if body.get(name) is not None else finding.get(name)

    onset = _time(pick("onset"))
    start = onset or stored.opened
    low, high = _time(pick("onset_low")) or start, _time(pick("onset_high")) or start
    return Incident(
        stored=stored,
        alert_kind=_text(pick("alert_kind")) or "drift",
        unit=_text(pick("unit")) or "interaction",
        score=_text(pick("score")) or "",
        slice=_text(pick("slice")) or "all",
        own_slice=_text(finding.get("slice")) or _text(body.get("slice")) or "all",
        onset=start,
        onset_low=min(low, start),
        onset_high=max(high, start),
        onset_known=onset is not None,
        effect=_number(pick("effect")),
        effect_low=_number(pick("effect_low")),
        effect_high=_number(pick("effect_high")),
        effect_unit=_text(pick("effect_unit")),
        baseline_value=_number(pick("baseline_value")),
        current_value=_number(pick("current_value")),
        n=_count(pick("n")),
        n_baseline=_count(pick("n_baseline")),
        slices=tuple(
            Share(name, _number(item.get("share")), _number(item.get("effect")))
            for item in _objects(pick("slices"))
            if (name := _text(item.get("slice")))
        ),
        cleared=_texts(pick("cleared")),
        suspects=tuple(
            Suspect(_text(item.get("kind")) or "change", value, _time(item.get("since")))
            for item in _objects(pick("suspects"))
            if (value := _text(item.get("value")))
        ),
        evidence=_number(finding.get("evidence")),
        threshold=_number(finding.get("threshold")),
        detector=_text(pick("detector")),
        hits=_count(body.get("hits")) if isinstance(body.get("hits"), int) else None,
        n_users=_count(pick("n_users")),
        n_conversations=_count(pick("n_conversations")),
        largest_share=_number(pick("largest_share")),
        inputs_changed=found if isinstance(found := pick("inputs_changed"), bool) else None,
        notes=_texts(finding.get("notes")),
        config_hash=_text(finding.get("config_hash")),
        baseline_version=_text(finding.get("baseline_version")),
        log_to=_count(finding.get("log_to")),
        held_by=_text(body.get("held_by")),
        silenced=_text(body.get("silence")) is not None,
    )


def _spokesman(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finding whose numbers the incident shows: the one whose effect and score it repeats."""
    found = _objects(body.get("findings"))
    same = [f for f in found if f.get("score") == body.get("score") and f.get("effect") == body.get("effect")]
    return next(iter(same or found), {})


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _number(value: Any) -> float | None:
    """A number that pages can compute with: a count of 64 bits at most, or a finite one of no larger size."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -LARGEST <= value <= LARGEST:
        return None
    return float(value)


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number < 0 else round(number)


def _time(value: Any) -> datetime | None:
    """A time that pages can compute with: of this era, as those that findings may name."""
    try:
        found = parse_rfc3339(value) if isinstance(value, str) else None
        return found if found is not None and EARLIEST <= found <= LATEST else None
    except (ValueError, OverflowError, TypeError):
        return None
