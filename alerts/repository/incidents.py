"""Incidents in ClickHouse: their history (which is the outbox too), their newest state, and deliveries.

Rows are the same however often they are written, so every write may be repeated. Times are ns since 1970
UTC here and stored to the microsecond.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DataError,
    NotSupportedError,
    ProgrammingError,
)

from alerts.allow_rules import repository as allow_store
from alerts.allow_rules.rule import AllowRule, AllowRules
from alerts.baselines.proposal import LearnedBaseline
from alerts.baselines.repository import baselines_of
from alerts.briefs.brief import Brief, Example
from alerts.briefs.stored import Found, counted_in, examples_in
from alerts.changes.change_event import RecordedChange
from alerts.changes.repository import change_row
from alerts.errors import Defect, Unavailable, Unstorable
from alerts.faults import INCIDENTS, ROWS, Faults
from alerts.incidents.codec import incident_from_json
from alerts.incidents.identity import Place
from alerts.incidents.incident import Incident
from alerts.legal_hold.repository import LegalHoldRepository
from alerts.notify.delivery_state import Fate
from alerts.notify.pipeline import Attempt
from alerts.notify.protocol import GAVE_UP, SENT
from alerts.notify.self_monitoring import Late
from alerts.repository.deliveries import read_fates, trial_row
from alerts.repository.rows import attempt_row, state_row, transition_row
from alerts.rules.added_rule import AddedRule
from alerts.rules.repository import rule_row, rules_of
from alerts.silences.repository import silence_row, silences_of
from alerts.silences.silence import Silence, Silences
from alerts.state.incident_state import Change
from alerts.state.ports import FAR_FUTURE_NS, Closed, Undelivered
from alerts.stored_rows import readable
from detectors.finding import SEVERAL, Finding
from detectors.observation import ServiceKey
from infra.clock import NS_PER_S, SystemClock
from infra.disks import DiskSpace, disk_space_of
from infra.embedded.restart_loop import Restarted
from infra.errors import Unavailable as InfraUnavailable
from infra.process_starts import read_starts
from infra.row_refusal import insert_by_halves, lies_in_values

KEEP_DAYS = 95
"""Days of incidents that a restart loads: more than the log of findings keeps, and than trust looks back."""

OUTBOX_HOURS = 24
"""Age up to which an undelivered message is still sent after a restart."""

MAX_LOADED = 20_000

_LOAD = """
SELECT incident_id, argMax(body, revision) AS newest, max(recorded_at) AS recorded
FROM
(
    SELECT incident_id, body, revision, recorded_at FROM incident_transitions
    WHERE recorded_at >= now64(6) - toIntervalDay({days:UInt32})
    UNION ALL
    SELECT incident_id, body, revision, recorded_at FROM incidents
    WHERE recorded_at >= now64(6) - toIntervalDay({days:UInt32})
)
GROUP BY incident_id
ORDER BY recorded DESC
LIMIT {limit:UInt32}
"""

_OUTBOX = """
SELECT incident_id, seq, notify, receivers, body, toUnixTimestamp64Micro(recorded_at)
FROM incident_transitions FINAL
WHERE notify != '' AND notEmpty(receivers) AND recorded_at >= now64(6) - toIntervalHour({hours:UInt32})
ORDER BY recorded_at, incident_id, seq
"""

_DELIVERED = """
SELECT dedup_key, receiver, max(attempt), countIf(outcome IN ({sent:String}, {gave_up:String})) > 0
FROM notifications FINAL
WHERE at >= now64(6) - toIntervalHour({hours:UInt32})
GROUP BY dedup_key, receiver
"""

_TRIED = """
SELECT dedup_key, max(attempt), countIf(outcome IN ({sent:String}, {gave_up:String})) > 0
FROM notifications FINAL
WHERE dedup_key IN {keys:Array(String)}
GROUP BY dedup_key
"""

_REFERENCES = """
SELECT incident_id, argMax(reference, (at, attempt))
FROM notifications FINAL
WHERE receiver = {receiver:String} AND reference != '' AND at >= now64(6) - toIntervalDay({days:UInt32})
GROUP BY incident_id
"""

_DECISIONS = """
SELECT incident_id, argMax(actor, seq), argMax(reason, seq)
FROM incident_transitions FINAL
WHERE what = 'resolved' AND ending IN ('accepted', 'false_alarm')
    AND recorded_at >= now64(6) - toIntervalDay({days:UInt32})
GROUP BY incident_id
"""

_DETECTED = """
SELECT count(), toUnixTimestamp64Milli(max(written_at)) FROM progress WHERE room = 'detect'
"""

_POSITIONS = """
SELECT topic, partition, max(offset) + 1 FROM ledger GROUP BY topic, partition
UNION ALL
SELECT topic, partition, max(next_offset) FROM progress WHERE room = 'detect' GROUP BY topic, partition
"""

_LATE = """
SELECT tenant, service, sum(n), sumIf(n, part != 0)
FROM cells FINAL
WHERE lineage = 'live' AND unit = 'interaction' AND score IN ('error', 'latency_s') AND slice = 'all'
    AND tick >= now() - toIntervalDay(2) AND written_at >= now64(3) - toIntervalHour(1)
GROUP BY tenant, service
"""

_SNAPSHOTS = """
SELECT shard, argMax(blob, next_offset) AS newest FROM snapshots WHERE room = 'detect' GROUP BY shard
"""

_HISTORY = """
SELECT seq, toUnixTimestamp64Micro(at), what, state, evidence, ending, severity, actor, reason, finding_id
FROM incident_transitions FINAL
WHERE tenant = {tenant:String} AND incident_id = {id:String}
ORDER BY seq
LIMIT 500
"""

_CLOSED = """
SELECT sumIf(n, score IN {scores:Array(String)}), sumIf(total, score IN {scores:Array(String)}),
    toUnixTimestamp(max(tick)), count()
FROM cells FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND ({service:String} = '*' OR service = {service:String})
    AND environment = {environment:String} AND slice = 'all'
    AND tick > fromUnixTimestamp64Nano({after:Int64}) AND tick < fromUnixTimestamp64Nano({before:Int64})
"""

SERVICES = """
SELECT tenant, lineage, environment, service, min(first_seen) AS since
FROM series
WHERE service != {several:String}
GROUP BY tenant, lineage, environment, service
ORDER BY since, tenant, lineage, environment, service
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of an incident's history, as stored; ``at_us`` is in microseconds."""

    seq: int
    at_us: int
    what: str
    state: str
    evidence: str
    ending: str | None
    severity: str
    actor: str
    reason: str
    finding_id: str | None


def service_keys(rows: Iterable[Sequence[Any]]) -> list[ServiceKey]:
    """Services of rows of `SERVICES`."""
    return [ServiceKey(*map(str, row[:4])) for row in rows]


def dedup_key(incident_id: str, seq: int) -> str:
    """Key of the message about one transition."""
    return f"{incident_id}-{seq}"


class IncidentRepository:
    """Reader and writer. Safe for several threads; one statement at a time.

    What the server does not do now is `Unavailable`; rows that it or its client refuses for their values are
    `Unstorable`. Stored rows that cannot be read are left out and noted in ``faults``.
    """

    def __init__(self, connect: Callable[[], Client], faults: Faults | None = None) -> None:
        self._connect = connect
        self._faults = faults or Faults(SystemClock())
        self._client: Client | None = None
        self._lock = threading.Lock()

    @contextmanager
    def _open(self) -> Iterator[Client]:
        """The connection; a failure of the server closes it and becomes `Unavailable`."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = self._connect()
                yield self._client
            except (DataError, ProgrammingError, NotSupportedError) as error:
                raise Defect(f"ClickHouse client: {str(error)[:300]}") from error
            except (ClickHouseError, InfraUnavailable, OSError) as error:
                client, self._client = self._client, None
                if client is not None:
                    client.close()
                raise Unavailable(f"ClickHouse: {str(error)[:300]}") from error

    def detected_ns(self) -> int | None:
        """When detection last said how far it is, by the store's clock; ``None`` if it never did."""
        ((n, at_ms),) = self._rows(_DETECTED, {})
        return int(at_ms) * 1_000_000 if n else None

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to be processed of every partition that was ever read, by topic and partition."""
        return {(str(topic), int(p)): int(offset) for topic, p, offset in self._rows(_POSITIONS, {})}

    def starts(self) -> list[Restarted]:
        """Starts of the processes that no supervisor counts."""
        with self._open() as client:
            return read_starts(client)

    def late(self) -> list[Late]:
        """Of each service, the values that were counted in the last hour, and how many were late."""
        rows = self._rows(_LATE, {})
        return [Late(str(tenant), str(service), int(n), int(late)) for tenant, service, n, late in rows]

    def disk_space(self, home: Path) -> list[DiskSpace]:
        """Room on the disks of the data directory and of the store."""
        with self._open() as client:
            return disk_space_of(home, client)

    def ping(self) -> None:
        """Whether the store answers.

        Raises
        ------
        Unavailable
            If it does not.
        """
        with self._open() as client:
            client.query("SELECT 1 FROM incidents LIMIT 0")

    def store(self, changes: Sequence[Change], brief: Callable[[Incident], Brief]) -> None:
        """Append histories, then replace newest states. May be repeated.

        Raises
        ------
        Unavailable
            If it cannot be stored now; nothing or the history alone may have been.
        Unstorable
            If one of the rows can never be stored.
        """
        rows = [transition_row(row) for change in changes for row in change.rows]
        newest = {change.incident.incident_id: change.incident for change in changes}
        states = [state_row(incident, brief(incident)) for incident in newest.values()]
        self._insert("incident_transitions", rows)
        self._insert("incidents", states)

    def load(self) -> list[Incident]:
        """Every incident of the last `KEEP_DAYS`, as its newest row says, newest change first."""
        with self._open() as client:
            result = client.query(_LOAD, {"days": KEEP_DAYS, "limit": MAX_LOADED})
        rows = result.result_rows
        return readable(rows, lambda row: incident_from_json(str(row[1])), self._faults, INCIDENTS, _first)

    def outbox(self) -> list[Undelivered]:
        """Messages of the last `OUTBOX_HOURS` with how far each got, oldest first."""
        with self._open() as client:
            due = client.query(_OUTBOX, {"hours": OUTBOX_HOURS}).result_rows
            known = {"sent": SENT, "gave_up": GAVE_UP, "hours": 2 * OUTBOX_HOURS}
            tried = client.query(_DELIVERED, known).result_rows
        progress = {(str(key), str(to)): (int(attempts), bool(done)) for key, to, attempts, done in tried}

        def messages(row: Sequence[Any]) -> list[Undelivered]:
            incident_id, seq, kind, receivers, body, us = row
            incident, key = incident_from_json(str(body)), dedup_key(str(incident_id), int(seq))
            tries = [(str(to), *progress.get((key, str(to)), (0, False))) for to in receivers]
            due_ns = int(us) * 1_000
            return [Undelivered(incident, int(seq), str(kind), to, n, done, due_ns) for to, n, done in tries]

        return [one for found in readable(due, messages, self._faults, INCIDENTS, _first) for one in found]

    def fates(self, now_ns: int) -> tuple[list[Fate], dict[str, int]]:
        """What became of recent messages, and when each receiver took one last (ns)."""
        return read_fates(self._rows, now_ns)

    def record_trial(self, receiver: str, at_ns: int) -> None:
        """Keep that a receiver took a message of a trial."""
        self._insert("notifications", [trial_row(receiver, at_ns)])

    def tried(self, dedup_keys: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of messages by their keys: how often each was tried, and whether it was sent or given up."""
        rows = self._rows(_TRIED, {"keys": list(dedup_keys), "sent": SENT, "gave_up": GAVE_UP})
        return {str(key): (int(attempts), bool(done)) for key, attempts, done in rows}

    def silences(self) -> Silences:
        """Every silence that has not ended, and those that ended lately."""
        return silences_of(self._rows, self._faults)

    def store_silence(self, silence: Silence) -> None:
        """Append a row of ``silences``."""
        self._insert("silences", [silence_row(silence)])

    def allow_rules(self) -> AllowRules:
        """Every allow rule that has not expired long ago."""
        return allow_store.rules_of(self._rows, self._faults)

    def store_allow_rule(self, rule: AllowRule) -> None:
        """Append a row of ``allow_rules``."""
        self._insert("allow_rules", [allow_store.rule_row(rule)])

    def policy_findings(self, tenant: str, lineage: str, after_ns: int) -> list[Finding]:
        """Stored policy findings of a lineage that were made since a time, newest first."""
        return allow_store.policy_findings_of(self._rows, self._faults, tenant, lineage, after_ns)

    def store_changes(self, changes: Sequence[RecordedChange]) -> None:
        """Write rows of ``changes``; those that can never be stored are left out."""
        rows = [change_row(change) for change in changes]
        for _, error in insert_by_halves(rows, partial(self._unstorable, "changes")):
            self._faults.note(ROWS, error, "changes")

    def added_rules(self) -> list[AddedRule]:
        """Every added rule in force, and those that were removed and have not expired; oldest first."""
        return rules_of(self._rows, self._faults)

    def put_rule(self, added: AddedRule) -> None:
        """Write a row of ``added_rules``."""
        self._insert("added_rules", [rule_row(added)])

    def decisions(self) -> dict[str, tuple[str, str]]:
        """Incidents of the last `KEEP_DAYS` that a person accepted or denied: by id, who and why."""
        rows = self._rows(_DECISIONS, {"days": KEEP_DAYS})
        return {str(incident_id): (str(actor), str(reason)) for incident_id, actor, reason in rows}

    def references(self, receiver: str) -> dict[str, str]:
        """By incident, what the newest message to a receiver left for later ones to know."""
        rows = self._rows(_REFERENCES, {"receiver": receiver, "days": KEEP_DAYS})
        return {str(incident_id): str(reference) for incident_id, reference in rows}

    def record_attempt(self, attempt: Attempt) -> None:
        """Store one row of the delivery log."""
        self._insert("notifications", [attempt_row(attempt)])

    def history(self, tenant: str, incident_id: str) -> list[Moment]:
        """The stored lines of one incident, oldest first, at most 500."""
        rows = self._rows(_HISTORY, {"tenant": tenant, "id": incident_id})
        return [Moment(*row) for row in rows]

    def closed(
        self, place: Place, scores: Sequence[str], after_ns: int, before_ns: int = FAR_FUTURE_NS
    ) -> Closed:
        """What the closed ticks of a place that begin after (and before) a time hold of some scores."""
        given = {
            "tenant": place.tenant,
            "lineage": place.lineage,
            "service": place.service,
            "environment": place.environment or "",
            "scores": list(scores),
            "after": after_ns,
            "before": before_ns,
        }
        with self._open() as client:
            n, hits, last_s, rows = client.query(_CLOSED, given).result_rows[0]
        return Closed(int(n), int(hits), int(last_s) * NS_PER_S if rows else after_ns)

    def baselines(self, tenant: str, lineage: str, *, slices: bool) -> list[LearnedBaseline]:
        """Every watched series of a lineage; over all traffic alone without ``slices``."""
        return baselines_of(self._rows, tenant, lineage, slices=slices)

    def services(self) -> list[ServiceKey]:
        """Every service detection knows, in the order they were first seen."""
        with self._open() as client:
            return service_keys(client.query(SERVICES, {"several": SEVERAL}).result_rows)

    def shard_snapshots(self) -> list[bytes]:
        """The newest snapshot of each shard of detection."""
        with self._open() as client:
            rows = client.query(_SNAPSHOTS, column_formats={"newest": "bytes"}).result_rows
        return [bytes(blob) for _, blob in rows]

    def examples(self, incident: Incident) -> tuple[Example, ...]:
        """Redacted examples of an incident."""
        return examples_in(incident, self._rows)

    def counted(self, incident: Incident) -> Found:
        """Figures up to now."""
        return counted_in(incident, self._rows)

    def legal_hold_usage(self) -> LegalHoldRepository:
        """What is kept of held incidents."""
        return LegalHoldRepository(self._rows, self._command)

    def _command(self, statement: str, given: dict[str, Any]) -> None:
        with self._open() as client:
            client.command(statement, given)

    def _rows(self, statement: str, given: dict[str, Any]) -> Sequence[Sequence[Any]]:
        with self._open() as client:
            rows: Sequence[Sequence[Any]] = client.query(statement, given).result_rows
        return rows

    def _insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows of equal keys as one block: all of them or none."""
        if not rows:
            return
        with self._open() as client:
            try:
                client.insert(table, [list(row.values()) for row in rows], list(rows[0]))
            except Exception as error:
                if not lies_in_values(error):
                    raise
                code = getattr(error, "code", None)
                why = type(error).__name__ if code is None else f"{type(error).__name__} {code}"
                raise Unstorable(f"ClickHouse takes no row of {table} with these values: {why}") from error

    def _unstorable(self, table: str, rows: Sequence[dict[str, Any]]) -> Unstorable | None:
        """Insert rows as `_insert`; why one of them can never be stored."""
        try:
            self._insert(table, rows)
        except Unstorable as error:
            return error
        return None

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


def _first(row: Sequence[Any]) -> str:
    """The id that a row begins with."""
    return str(row[0])
