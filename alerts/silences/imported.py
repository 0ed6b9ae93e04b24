"""Silences made in an Alertmanager, as silences here. Pure.

Only those are taken over that could match an alert of ours. Each becomes a silence of its own in the log of
silences when it is first seen there and ends in it when it is seen to have ended there, so what is silent
never depends on whether the Alertmanager answers just now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from alerts.briefs.words import plain
from alerts.incidents.incident import DETECTOR
from alerts.silences.alert_labels import ALERTNAME, NAMES
from alerts.silences.matchers import BadMatcher, Matcher, read_matchers
from alerts.silences.silence import MAX_SILENCES, Silence, Silences
from infra.clock import to_ns

TENANT = "default"
"""Whose they are here: an Alertmanager knows no tenants but by a label."""
MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer."""
MAX_NAME, MAX_REASON, MAX_ID = 80, 300, 100
MAX_TYPED = 5_000
"""Characters of what somebody typed there that are looked at."""
FOREVER = datetime.fromisoformat("2200-01-01T00:00:00+00:00")
"""The latest end that is kept."""


class BadAnswer(ValueError):
    """What the Alertmanager answered cannot be read as its silences."""


class Typed(Protocol):
    """Redaction of what people type (`alerts.access.typed_text`)."""

    def text(self, tenant: str, text: str) -> str:
        """A reason."""

    def name(self, tenant: str, text: str) -> str:
        """A name."""

    def actor(self, tenant: str, text: str) -> str:
        """Who acts."""


@dataclass(frozen=True, slots=True)
class Found:
    """A silence that is active in an Alertmanager, as it was typed; times are ns since 1970 by its clock."""

    source_id: str
    matchers: tuple[Matcher, ...]
    actor: str
    reason: str
    begins_ns: int
    ends_ns: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Those that may match alerts of ours, how many more are active, and what is wrong with others."""

    found: tuple[Found, ...]
    others: int = 0
    unusable: tuple[str, ...] = ()


def read_silences(answer: bytes) -> Answer:
    """Active silences of an answer of ``GET /api/v2/silences``.

    Raises
    ------
    BadAnswer
        If it is not one, or is too large.
    """
    if len(answer) >= MAX_ANSWER:
        raise BadAnswer(f"the answer is larger than {MAX_ANSWER // 1024**2} MiB: delete old silences there")
    try:
        rows = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("the answer is no JSON: is the url that of an Alertmanager (API v2)?") from error
    if not isinstance(rows, list):
        raise BadAnswer("the answer is no list: is the url that of an Alertmanager (API v2)?")
    found, unusable, others = [], [], 0
    for row in rows:
        try:
            one = _found(row)
        except (BadMatcher, KeyError, TypeError, ValueError, OverflowError) as error:
            unusable.append(f"silence {_id(row)}: {plain(str(error), MAX_REASON)}")
            continue
        if one is not None and _may_match(one.matchers):
            found.append(one)
        else:
            others += one is not None
    if len(found) > MAX_SILENCES:
        raise BadAnswer(f"{len(found)} active silences may match alerts of ours, more than {MAX_SILENCES}")
    return Answer(tuple(found), others, tuple(unusable))


def redacted(answer: Answer, typed: Typed) -> Answer:
    """An answer without what is not to be kept of what people typed.

    Names are redacted as those of telemetry are, so they go on matching. A pattern that would become another
    by it is not usable.
    """
    found, unusable = [], [typed.text(TENANT, why) for why in answer.unusable]
    for one in answer.found:
        matchers = [
            replace(m, value=m.value if m.is_regex else typed.name(TENANT, m.value)) for m in one.matchers
        ]
        if any(m.is_regex and typed.name(TENANT, m.value) != m.value for m in matchers):
            unusable.append(f"silence {plain(one.source_id, 60)}: a pattern holds what is redacted in labels")
            continue
        actor, reason = typed.actor(TENANT, one.actor), typed.text(TENANT, one.reason)
        found.append(replace(one, matchers=tuple(matchers), actor=actor, reason=reason))
    return replace(answer, found=tuple(found), unusable=tuple(unusable))


def _id(row: Any) -> str:
    return plain(str(row.get("id", "without an id")), 60) if isinstance(row, dict) else "that is no object"


def _found(row: Any) -> Found | None:
    """A silence; ``None`` for one that is not active."""
    if row["status"]["state"] != "active":
        return None
    source_id = row["id"]
    if not isinstance(source_id, str) or not 0 < len(source_id) <= MAX_ID:
        raise ValueError(f"an id is a text of at most {MAX_ID} characters")
    return Found(
        source_id,
        read_matchers(row["matchers"]),
        str(row.get("createdBy") or "unknown")[:MAX_TYPED],
        str(row.get("comment") or "no comment")[:MAX_TYPED],
        *(to_ns(min(datetime.fromisoformat(row[key]), FOREVER)) for key in ("startsAt", "endsAt")),
    )


def _may_match(matchers: Sequence[Matcher]) -> bool:
    """Whether an alert of ours can have such labels: those it never has are without a value."""
    known = {"alertname": ALERTNAME}
    return all(m.matches(known) for m in matchers if m.name not in NAMES or m.name == "alertname")


def brought_in_line(known: Silences, origin: str, found: Iterable[Found], now_ns: int) -> list[Silence]:
    """Silences that are new, other or over, now that these are active in the Alertmanager ``origin``."""
    current = {s.source_id: s for s in known.in_force if s.origin == origin}
    out = []
    for one in found:
        old = current.pop(one.source_id, None)
        new = _silence(origin, one, old, now_ns)
        if new != old and one.ends_ns > now_ns:
            out.append(new)
    return [*out, *(ended(gone, f"it ended in {origin}", now_ns) for gone in current.values())]


def ended(silence: Silence, reason: str, now_ns: int) -> Silence:
    """A silence that is over now."""
    return replace(silence, ended_ns=now_ns, ended_by=DETECTOR, ended_reason=reason)


def _silence(origin: str, one: Found, old: Silence | None, now_ns: int) -> Silence:
    actor, reason = plain(one.actor, MAX_NAME), plain(one.reason, MAX_REASON)
    if old is not None:
        return replace(old, matchers=one.matchers, actor=actor, reason=reason, ends_ns=one.ends_ns)
    key = json.dumps([origin, one.source_id, now_ns])
    return Silence(
        silence_id=hashlib.sha256(key.encode()).hexdigest()[:16],
        tenant=TENANT,
        actor=actor,
        reason=reason,
        made_ns=now_ns,
        begins_ns=min(one.begins_ns, now_ns),
        ends_ns=one.ends_ns,
        origin=origin,
        source_id=one.source_id,
        matchers=one.matchers,
    )
