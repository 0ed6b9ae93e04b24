"""How far detection can be trusted: state of every score, budget and what was spent of it, its record. Pure.

What may be raised for nothing follows from thresholds alone (each channel of a series adds its share at every
tick; the sum bounds the expected number of false findings); what was is what people said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alerts.briefs import figures
from alerts.budget_allocation import allocations_of
from alerts.commands.budget_command import PERIODS, channels_of, severity_of
from dashboard import formats, palette
from dashboard.estimates.proofs import noticed
from dashboard.measures.intervals import Interval, wilson
from dashboard.measures.measures import measured
from dashboard.measures.scores import known
from dashboard.palette import BadgeColor
from dashboard.tables.oncall import of_count
from dashboard.views.detectors.detectors_query import Record, Watching
from detectors.finding import SEVERAL
from detectors.observation import ServiceKey
from infra.settings import Settings

NO_EVIDENCE, ALMOST = "none", "almost"


class SeriesStatus(NamedTuple):
    """A state of a series as a grid shows it."""

    label: str
    color: BadgeColor


STANDINGS: Mapping[str, SeriesStatus] = {
    "learning": SeriesStatus(palette.LEARNING.label, "gray"),
    "watching": SeriesStatus("● Watching", "blue"),
    "accepted": SeriesStatus("◐ Accepted", "blue"),
    "stale": SeriesStatus("□ Stale", "orange"),
}
"""Most series are watched; accepted ones as well, against a level that a person took."""


class Ended(NamedTuple):
    """How what fired ended. ``false`` are false alarms and what was taken back, ``right`` what was meant."""

    fired: int
    false: int
    right: int
    open: int

    @property
    def judged(self) -> int:
        """Those of which it is known."""
        return self.false + self.right

    @property
    def share(self) -> Interval | None:
        """Interval of the share that was for nothing, among the judged."""
        return wilson(self.false, self.judged) if self.judged else None


def ended(records: Iterable[Record]) -> Ended:
    """Sums over records."""
    found = list(records)
    return Ended(
        sum(r.fired for r in found),
        sum(r.false_alarm + r.withdrawn for r in found),
        sum(r.accepted + r.recovered for r in found),
        sum(r.open for r in found),
    )


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One severity over a window: what the budget allows, what is expected at most, what was false."""

    severity: str
    allowed: float
    expected: float
    record: Ended

    @property
    def false(self) -> Interval:
        """Interval of the expected number of false ones, from those that came."""
        return of_count(self.record.false)

    @property
    def kept(self) -> bool:
        """Whether what came can be explained at the allowed rate."""
        return self.false.low <= self.allowed


def budget_use(
    settings: Settings, watched: Sequence[Watching], records: Sequence[Record], days: float
) -> tuple[BudgetUse, ...]:
    """Pages, then tickets."""
    asked = {"page": settings.budget.pages_per_month, "ticket": settings.budget.tickets_per_week}
    out = []
    for severity, period_s in PERIODS.items():
        own = [w for w in watched if severity_of(settings, w.score) == severity]
        expected = sum(w.weight * channels_of(w.kind) for w in own) / settings.detection.tick_s
        record = ended(r for r in records if r.severity == severity)
        out.append(BudgetUse(severity, asked[severity] * days * 86_400 / period_s, expected, record))
    return tuple(out)


def ended_all(spent: Sequence[BudgetUse]) -> Ended:
    """What fired of every severity."""
    return Ended(*(sum(values) for values in zip(*(s.record for s in spent), strict=True)))


@dataclass(frozen=True, slots=True)
class Share:
    """One service: its part of the budget, and what was raised of it in the window."""

    service: str
    pages_per_month: float
    tickets_per_week: float
    series: int
    pages: Ended
    tickets: Ended


def shares(
    settings: Settings,
    place: tuple[str, str],
    registered: Sequence[tuple[str, str]],
    watched: Sequence[Watching],
    records: Sequence[Record],
) -> list[Share]:
    """Every service with what it may spend, and last what all of them share.

    Raises
    ------
    infra.errors.Misconfigured
        If the settings give away more than there is.
    """
    keys = [ServiceKey(*place, environment, service) for environment, service in registered]
    out = []
    for key, grant in sorted(allocations_of(settings, keys).items(), key=lambda pair: _last(pair[0])):
        own = [r for r in records if (r.service, r.environment) == (key.service, key.environment)]
        out.append(
            Share(
                _name(key),
                grant.pages_per_month,
                grant.tickets_per_week,
                sum(
                    w.learning + w.watching + w.stale + w.accepted
                    for w in watched
                    if (w.service, w.environment) == (key.service, key.environment)
                ),
                ended(r for r in own if r.severity == "page"),
                ended(r for r in own if r.severity == "ticket"),
            )
        )
    return out


def _last(key: ServiceKey) -> tuple[bool, str, str]:
    return key.service == SEVERAL, key.service, key.environment


def _name(key: ServiceKey) -> str:
    name = "shared by services" if key.service == SEVERAL else key.service
    return f"{name} · {key.environment}" if key.environment else name


@dataclass(frozen=True, slots=True)
class Row:
    """One score of a service in words."""

    standing: SeriesStatus
    service: str
    score: str
    series: str
    rests_on: str
    evidence: str
    notices: str
    fired: int
    record: str


def rows(watched: Sequence[Watching], records: Sequence[Record], state: str = "") -> list[Row]:
    """Scores in the order of services; of one ``state`` where one is named."""
    by_score: dict[tuple[str, str, str], list[Record]] = {}
    for r in records:
        by_score.setdefault((r.service, r.environment, r.score), []).append(r)
    chosen = [w for w in watched if not state or w.state == state]
    return [_row(w, by_score.get((w.service, w.environment, w.score), [])) for w in chosen]


def _row(w: Watching, records: Sequence[Record]) -> Row:
    measure = measured(known(w.score, w.kind), None, ())
    counted = {"watching": w.watching, "learning": w.learning, "stale": w.stale, "accepted": w.accepted}
    sums = ended(records)
    said = formats.NONE
    if sums.judged:
        said = f"{sums.false} of {sums.judged} false"
    elif sums.fired:
        said = "not reviewed yet"
    return Row(
        STANDINGS.get(w.state, STANDINGS["stale"]),
        f"{w.service} · {w.environment}" if w.environment else w.service,
        measure.title,
        ", ".join(f"{n} {name}" for name, n in counted.items() if n),
        formats.count(w.n_baseline) if w.n_baseline else formats.NONE,
        evidence(w),
        noticed(measure, w.detectable_1d, w.detectable_unit),
        sums.fired,
        said,
    )


def evidence(w: Watching) -> str:
    """``none``, ``1/800`` of what it takes, or ``12 times`` it."""
    if w.evidence is None or w.threshold is None:
        return formats.NONE
    short = w.threshold - w.evidence
    if w.evidence <= 0 or short > figures.MOST_BEYOND:
        return NO_EVIDENCE
    if short <= 0:
        return figures.times(-short)
    return f"1/{formats.count(round(math.exp(short)))}" if short > figures.LEAST_BEYOND else ALMOST
