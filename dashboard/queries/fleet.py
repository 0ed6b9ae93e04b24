"""Every service: how much it sends, how fresh it is, and what watching it can prove."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store

HOURS = 48
"""Hours of volume that are read: a day, and the day before to compare with."""

COUNTING_SCORES = ("error", "latency_s", "output_length", "prompt_length")
"""Scores that nearly every interaction has; the one seen most often in a tick counts its interactions."""

_SERVICES = """
SELECT
    service, environment,
    groupArrayArray(hours) AS hours, max(newest) AS newest,
    sum(n_series) AS n_series, sum(n_watching) AS n_watching, sum(n_learning) AS n_learning
FROM
(
    SELECT
        service, environment,
        groupArray((toUnixTimestamp(hour), toUInt64(n))) AS hours,
        toDateTime64(0, 6, 'UTC') AS newest,
        toUInt64(0) AS n_series, toUInt64(0) AS n_watching, toUInt64(0) AS n_learning
    FROM
    (
        SELECT service, environment, toStartOfHour(tick) AS hour, sum(most) AS n
        FROM
        (
            SELECT service, environment, tick, max(n) AS most
            FROM
            (
                SELECT service, environment, tick, sum(n) AS n
                FROM cells FINAL
                PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
                    AND unit = 'interaction' AND score IN {scores:Array(String)} AND slice = 'all'
                    AND tick >= toDateTime({since:UInt32}, 'UTC')
                    AND tick <= toDateTime({now:UInt32}, 'UTC')
                GROUP BY service, environment, tick, score, generation
            )
            GROUP BY service, environment, tick
        )
        GROUP BY service, environment, hour
        ORDER BY hour
    )
    GROUP BY service, environment
    UNION ALL
    SELECT
        service, environment, [], toDateTime64(max(last_seen), 6, 'UTC'),
        count(), countIf(state IN ('watching', 'accepted')), countIf(state = 'learning')
    FROM series FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    GROUP BY service, environment
    UNION ALL
    SELECT service, environment, [], toDateTime64(max(start), 6, 'UTC'), 0, 0, 0
    FROM interactions
    WHERE tenant = {tenant:String} AND lineage = {lineage:String}
        AND start >= toDateTime({recent:UInt32}, 'UTC') AND start <= toDateTime({now:UInt32}, 'UTC')
    GROUP BY service, environment
)
GROUP BY service, environment
ORDER BY service, environment
LIMIT 500
"""

_WATCHED = """
SELECT
    service, environment, unit, score, kind, state, watching_since, ready_at, baseline_version,
    baseline_value, baseline_low, baseline_high, current_value, current_low, current_high,
    n_baseline, n_current, detectable_1h, detectable_1d, detectable_7d, detectable_unit
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND slice = 'all'
ORDER BY service, environment, unit, score, generation DESC
LIMIT 1 BY service, environment, unit, score
LIMIT 2000
"""


@dataclass(frozen=True, slots=True)
class Service:
    """One service in one environment. ``hours`` are (start of the hour, interactions), oldest first."""

    service: str
    environment: str
    hours: tuple[tuple[datetime, int], ...]
    newest: datetime | None
    n_series: int
    n_watching: int
    n_learning: int

    @property
    def key(self) -> tuple[str, str]:
        """What tells services apart."""
        return self.service, self.environment


@dataclass(frozen=True, slots=True)
class Watched:
    """A roll-up series ("all" traffic of one score): what it is compared with and what it would notice.

    ``detectable_*`` is the smallest change noticed within that time, in ``detectable_unit``: ``rate`` or
    that of the score.
    """

    service: str
    environment: str
    unit: str
    score: str
    kind: str
    state: str
    watching_since: datetime | None
    ready_at: datetime | None
    baseline_version: str | None
    baseline_value: float | None
    baseline_low: float | None
    baseline_high: float | None
    current_value: float | None
    current_low: float | None
    current_high: float | None
    n_baseline: int
    n_current: int
    detectable_1h: float | None
    detectable_1d: float | None
    detectable_7d: float | None
    detectable_unit: str | None


def services(store: Store, scope: Scope) -> tuple[Service, ...]:
    """Every service that sent anything in the last two days or has a series; one round trip."""
    rows = store.rows(
        _SERVICES,
        scope.bind(
            now=scope.now_s,
            since=scope.now_s - HOURS * 3600,
            recent=scope.now_s - 7200,
            scores=list(COUNTING_SCORES),
        ),
    )
    return tuple(
        Service(
            service,
            environment,
            tuple((datetime.fromtimestamp(at, UTC), int(n)) for at, n in sorted(hours)),
            None if utc(newest).year < 1971 else utc(newest),
            n_series,
            n_watching,
            n_learning,
        )
        for service, environment, hours, newest, n_series, n_watching, n_learning in rows
    )


def watched(store: Store, scope: Scope) -> tuple[Watched, ...]:
    """The roll-up series of every service, newest generation of each score."""
    out = []
    for row in store.rows(_WATCHED, scope.bind()):
        service, environment, unit, score, kind, state, watching, ready, *rest = row
        out.append(
            Watched(
                service,
                environment,
                unit,
                score,
                kind,
                state,
                None if watching is None else utc(watching),
                None if ready is None else utc(ready),
                *rest,
            )
        )
    return tuple(out)
