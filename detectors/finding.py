"""What a detector or rule states, in the shape other programs read (see docs/contracts.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

VERSION = 1
"""Wire version of the JSON form; readers take this and the one before."""

ALERT_KINDS = ("drift", "fast", "rule", "volume", "silence", "slo", "anomaly", "policy", "pipeline")
STATUSES = ("provisional", "confirmed", "withdrawn")
SEVERITIES = ("page", "ticket", "info")
ALL = "all"
"""Text form of the empty slice."""
SEVERAL = "*"
"""Service of a finding about several services; ``services_hit`` names those that take part for sure, largest
first, ``services_spared`` those that surely do not."""

_LISTS = ("cleared", "services_hit", "services_spared", "compared", "notes", "receivers")
_TIMES = ("made_at", "onset", "onset_low", "onset_high", "ended_at")
_LATER = (
    *("inputs_moved", "inputs_moved_high", "compared", "measure", "window_s"),
    *("compare", "factor", "window", "conditions"),
    *("rule_name", "owner", "runbook", "receivers"),
)
"""Keys that came after the first release: written only where they say something, so that a finding of before
is written as it was."""


@dataclass(frozen=True, slots=True)
class SliceEffect:
    """How much one slice explains: ``share`` of the change in 0..1, ``effect`` in the finding's unit."""

    slice: str
    share: float | None
    effect: float | None


@dataclass(frozen=True, slots=True)
class Child:
    """A slice that shows its whole's change too: logarithms of its own statistic and threshold."""

    slice: str
    evidence: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that changed close to the onset: ``kind`` is a dimension or marker kind.

    ``replaced`` is the value whose place it took, ``None`` where it took nobody's or that is not known.
    """

    kind: str
    value: str
    since: datetime
    replaced: str | None = None


@dataclass(frozen=True, slots=True)
class FulfilledCondition:
    """What held besides the measure of a rule: ``value`` of another score against ``limit``.

    ``measure``, ``direction`` and ``factor`` as of a `Finding`.
    """

    score: str
    measure: str
    direction: str
    value: float
    limit: float
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement about one series. Times are aware UTC; values in ``effect_unit``; absent is ``None``.

    ``evidence`` and ``threshold`` are natural logarithms of the statistic. The statement rests on the
    messages ``log_from`` to ``log_to`` of partition ``log_partition`` of the observation log, the last of
    which it was made at; ``log_digest`` is the head of the chain of digests there. ``onset`` lies in
    ``[onset_low, onset_high]``, the effect in ``[effect_low, effect_high]`` (95 %).

    ``inputs_changed`` is ``None`` where the mix of inputs was not compared; where it was, ``inputs_moved`` is
    the share of the traffic that moved between their values, and at most ``inputs_moved_high`` (95 %).
    ``compared`` names the dimensions in which suspects were looked for. ``measure`` and ``window_s`` are
    those of an operator's rule, whose limit is ``baseline_value``: ``factor`` times the measure a week before
    where ``compare`` is ``week``; ``window`` is the calendar ``day`` or ``month``, where no span is
    meant, ``conditions`` what held besides; ``rule_name``, ``owner``, ``runbook`` (an address) and
    ``receivers`` are what it says of itself.
    """

    finding_id: str
    alert_kind: str
    status: str
    tenant: str
    lineage: str
    environment: str | None
    service: str
    unit: str
    score: str
    slice: str
    series: str | None
    made_at: datetime
    severity: str
    onset: datetime | None = None
    onset_low: datetime | None = None
    onset_high: datetime | None = None
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    effect_unit: str | None = None
    direction: str | None = None
    baseline_value: float | None = None
    current_value: float | None = None
    n: int | None = None
    n_baseline: int | None = None
    n_users: int | None = None
    n_conversations: int | None = None
    largest_share: float | None = None
    inputs_changed: bool | None = None
    evidence: float | None = None
    threshold: float | None = None
    slices: tuple[SliceEffect, ...] = ()
    cleared: tuple[str, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    ended_at: datetime | None = None
    detector: str | None = None
    config_hash: str | None = None
    baseline_version: str | None = None
    log_from: int | None = None
    log_to: int | None = None
    log_partition: int | None = None
    log_digest: str | None = None
    children: tuple[Child, ...] = ()
    services_hit: tuple[str, ...] = ()
    services_spared: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    inputs_moved: float | None = None
    inputs_moved_high: float | None = None
    compared: tuple[str, ...] = ()
    measure: str | None = None
    window_s: int | None = None
    rule_name: str | None = None
    owner: str | None = None
    runbook: str | None = None
    receivers: tuple[str, ...] = ()
    compare: str | None = None
    factor: float | None = None
    window: str | None = None
    conditions: tuple[FulfilledCondition, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: RFC 3339 times with ``Z``, tuples as lists, ``v`` added."""
        out: dict[str, Any] = {"v": VERSION, **asdict(self)}
        for name in _TIMES:
            out[name] = None if out[name] is None else rfc3339(out[name])
        out["suspects"] = [suspect_to_dict(s) for s in self.suspects]
        for name in ("slices", "children", "conditions", *_LISTS):
            out[name] = list(out[name])
        for name in _LATER:
            if out[name] in (None, []):
                del out[name]
        return out

    def to_json(self) -> str:
        """One JSON line, keys in a fixed order."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        """Read the JSON form.

        Raises
        ------
        ValueError
            If the version is unknown or a required key is missing; the message names it.
        """
        if data.get("v") != VERSION:
            raise ValueError(f"finding version {data.get('v')!r} is not readable, expected {VERSION}")
        known = {f.name for f in fields(cls)}
        values = {k: v for k, v in data.items() if k in known}
        for name in _TIMES:
            if values.get(name) is not None:
                values[name] = parse_rfc3339(values[name])
        values["slices"] = tuple(SliceEffect(**s) for s in values.get("slices") or ())
        values["children"] = tuple(Child(**c) for c in values.get("children") or ())
        values["conditions"] = tuple(FulfilledCondition(**c) for c in values.get("conditions") or ())
        values["suspects"] = tuple(suspect_of(s) for s in values.get("suspects") or ())
        for name in _LISTS:
            values[name] = tuple(values.get(name) or ())
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a finding: {error}") from error


def suspect_to_dict(suspect: Suspect) -> dict[str, Any]:
    """JSON-ready form of a suspect; ``replaced`` only where it is known."""
    out = {"kind": suspect.kind, "value": suspect.value, "since": rfc3339(suspect.since)}
    return out if suspect.replaced is None else {**out, "replaced": suspect.replaced}


def suspect_of(data: Mapping[str, Any]) -> Suspect:
    """Inverse of `suspect_to_dict`."""
    return Suspect(data["kind"], data["value"], parse_rfc3339(data["since"]), data.get("replaced"))


def finding_id(*parts: str | int) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of ``parts``."""
    canonical = json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def same_change(one: Finding, other: Finding) -> bool:
    """Whether two findings of one score tell of the same change: same direction, and onsets that meet."""
    if (one.unit, one.score, one.direction) != (other.unit, other.score, other.direction):
        return False
    ends = (one.onset_low, one.onset_high, other.onset_low, other.onset_high)
    low, high, other_low, other_high = ends
    if low is None or high is None or other_low is None or other_high is None:
        return False
    return low <= other_high and other_low <= high


def began_by(finding: Finding, noticed: datetime) -> Finding:
    """The finding of a change that was noticed at a time: its onset and interval lie no later."""
    onset, low, high = (
        None if at is None else min(at, noticed)
        for at in (finding.onset, finding.onset_low, finding.onset_high)
    )
    return replace(finding, onset=onset, onset_low=low, onset_high=high)


def rfc3339(at: datetime) -> str:
    """``2026-11-24T02:05:00Z``; microseconds only where there are any.

    Raises
    ------
    ValueError
        If ``at`` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"time without a zone: {at!r}")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Inverse of `rfc3339`.

    Raises
    ------
    ValueError
        If ``text`` is not an RFC 3339 time with a zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"time without a zone: {text!r}")
    return at.astimezone(UTC)
