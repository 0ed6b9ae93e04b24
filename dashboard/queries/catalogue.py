"""What there is to look at: services, their scores, the slices of one, and the baseline of a series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, SeriesKey, Store

_PLACES = """
SELECT service, environment
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
GROUP BY service, environment
ORDER BY service, environment
LIMIT 1000
"""

_SCORES = """
SELECT unit, score, argMax(kind, generation)
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
GROUP BY unit, score
ORDER BY unit, score
LIMIT 1000
"""

_SLICES = """
SELECT slice, sum(n) AS n
FROM cells FINAL
PREWHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND unit = {unit:String} AND score = {score:String}
    AND tick >= toDateTime({from:UInt32}, 'UTC') AND tick < toDateTime({to:UInt32}, 'UTC')
GROUP BY slice
ORDER BY slice != 'all', n DESC, slice
LIMIT 500
"""

_BASELINE = """
SELECT state, origin, first_seen, watching_since, baseline_version, baseline_value, threshold, evidence
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND unit = {unit:String} AND score = {score:String} AND slice = {slice:String}
ORDER BY generation DESC
LIMIT 1
"""

ADOPTED = "adopted"
"""Origin of a baseline that another lineage learned: its outputs are not among this one's."""


@dataclass(frozen=True, slots=True)
class Place:
    """A service in an environment."""

    service: str
    environment: str

    @property
    def label(self) -> str:
        """How a choice names it."""
        return f"{self.service} · {self.environment}" if self.environment else self.service


@dataclass(frozen=True, slots=True)
class Scored:
    """A score that a service has, per what it is counted, and its kind."""

    unit: str
    score: str
    kind: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a series is compared with: it was learned from the outputs of ``[first, since)``."""

    state: str
    origin: str
    first: datetime
    since: datetime | None
    version: str | None
    value: float | None
    threshold: float | None
    evidence: float | None

    @property
    def is_known(self) -> bool:
        """Whether the outputs it was learned from stand in this lineage."""
        return self.since is not None and self.since > self.first and self.origin != ADOPTED


def places(store: Store, scope: Scope) -> tuple[Place, ...]:
    """Services with a series, by name."""
    return tuple(Place(service, environment) for service, environment in store.rows(_PLACES, scope.bind()))


def scores(store: Store, scope: Scope, place: Place) -> tuple[Scored, ...]:
    """Scores of a service, by unit and name."""
    bound = scope.bind(service=place.service, environment=place.environment)
    return tuple(Scored(*row) for row in store.rows(_SCORES, bound))


def slices(store: Store, scope: Scope, key: SeriesKey, from_s: int, to_s: int) -> tuple[tuple[str, int], ...]:
    """Slices of a score with outputs in ``[from_s, to_s)``, ``all`` first, then the largest."""
    bound = scope.bind(**key.bind(), **{"from": from_s, "to": to_s})
    return tuple((str(name), int(n)) for name, n in store.rows(_SLICES, bound))


def baseline(store: Store, scope: Scope, key: SeriesKey) -> Frozen | None:
    """The baseline of a series' newest generation; ``None`` if there is no such series."""
    rows = store.rows(_BASELINE, scope.bind(**key.bind(), slice=key.slice))
    if not rows:
        return None
    state, origin, first, since, *rest = rows[0]
    return Frozen(state, origin, utc(first), None if since is None else utc(since), *rest)
