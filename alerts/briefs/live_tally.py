"""How many an incident has hit up to now, counted in the store: figures of messages while it goes on.

Interactions and runs are counted once each, whatever the number of their stored versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from alerts.briefs.tally import COUNTED, Tally, counted_as, is_rate_of_hits
from alerts.incidents.identity import POLICY
from alerts.incidents.incident import Incident
from alerts.incidents.multi_service import services_of
from detectors.finding import SEVERAL
from detectors.observation import slice_pairs
from detectors.schema import SCORE_COLUMNS, is_exact, slice_condition
from infra.clock import NS_PER_S, to_datetime

Query = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]
"""Runs a statement with its parameters."""

LONGEST_S = 3 * 86_400
"""An incident that goes on for longer keeps the figures of its findings: to count it takes too long."""
MOST_S = 3
"""Seconds that one count may take in the store: a message does not wait for longer."""
FOREVER_NS = 4_102_444_800 * NS_PER_S
"""The year 2100: an incident that goes on has no end to count to."""

_TRACE_DIMENSIONS = frozenset({"release", "prompt_version", "agent_name", "language"})
_KEYS = {"interaction": "trace_id, span_id", "trace": "trace_id"}
_TABLES = {"interaction": "interactions", "trace": "traces"}

WHERE = """tenant = {tenant:String} AND lineage = {lineage:String} AND service IN {services:Array(String)}
    AND environment = {environment:String} AND observed
    AND start >= fromUnixTimestamp64Nano({low:Int64}) AND start < fromUnixTimestamp64Nano({high:Int64})"""

_COUNT = Template("""
SELECT uniqExactIf($key, $hit), uniqExact($key), uniqExactIf(user_id, $hit AND user_id != ''),
    uniqExactIf(conversation_id, $hit AND conversation_id != ''),
    toUnixTimestamp64Nano(maxIf(start, $hit)), toUnixTimestamp64Nano(max(start))
FROM $table
WHERE $within AND $applies AND $slices
SETTINGS max_execution_time = $seconds
""")


@dataclass(frozen=True, slots=True)
class Counted:
    """What of the store an incident is about: conditions as SQL, and the values of their parameters."""

    table: str
    key: str
    within: str
    applies: str
    hit: str
    slices: str
    values: dict[str, Any]

    def into(self, statement: Template) -> str:
        """A statement with these conditions, which may take `MOST_S` in the store."""
        names = ("table", "key", "within", "applies", "hit", "slices")
        return statement.substitute({name: getattr(self, name) for name in names}, seconds=MOST_S)


def counted(incident: Incident) -> Counted | None:
    """Where to count an incident; ``None`` where there is nothing to count, or too much."""
    finding, place = incident.spokesman, incident.place
    low_ns, end_ns = incident.change_onset_ns, incident.end_ns
    services = services_of(incident)
    if finding.unit not in _TABLES or finding.alert_kind not in (*COUNTED, POLICY) or SEVERAL in services:
        return None
    if (end_ns or incident.clock_ns) - low_ns > LONGEST_S * NS_PER_S:
        return None
    trace = finding.unit == "trace"
    if not is_exact(finding.slice) or (trace and not set(slice_pairs(finding.slice)) <= _TRACE_DIMENSIONS):
        return None
    slices, named = slice_condition(finding.slice)
    column = f"score_{finding.score}"
    if trace or finding.score not in SCORE_COLUMNS:
        scores = "scores" if trace else "other_scores"
        applies, value = f"mapContains({scores}, {{score:String}})", f"{scores}[{{score:String}}]"
    else:
        applies, value = f"{column} IS NOT NULL", column
    has_hits = finding.alert_kind == POLICY or is_rate_of_hits(finding)
    values: dict[str, Any] = {
        **named,
        "tenant": place.tenant,
        "lineage": place.lineage,
        "services": list(services),
        "environment": place.environment or "",
        "score": finding.score,
        "low": low_ns,
        "high": FOREVER_NS if end_ns is None else end_ns + NS_PER_S,
    }
    hit = f"{value} >= 0.5" if has_hits else "1"
    return Counted(_TABLES[finding.unit], _KEYS[finding.unit], WHERE, applies, hit, slices, values)


def live_tally(incident: Incident, query: Query) -> Tally | None:
    """Counts up to the newest data; ``None`` where nothing is counted or nothing is left in the store."""
    about = counted(incident)
    if about is None:
        return None
    ((hits, n, users, conversations, last_ns, newest_ns),) = query(about.into(_COUNT), about.values)
    if not n or not hits:
        return None
    finding = incident.spokesman
    has_hits = about.hit != "1"
    return Tally(
        since=to_datetime(incident.change_onset_ns),
        as_of=to_datetime(int(newest_ns)),
        of=counted_as(finding.score, finding.unit),
        hits=int(hits) if has_hits else None,
        n=int(n),
        users=int(users) or None,
        conversations=int(conversations) or None,
        last=to_datetime(int(last_ns)) if has_hits else None,
    )
