"""What watching a series can prove, and from when, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import formats, strings
from dashboard.measures.measures import Measure, measured
from dashboard.measures.scores import known
from dashboard.queries.fleet import Watched

RATE, MEDIAN = "rate", "median"
"""Units that detection names: of a share, and of a score without a unit of its own."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One service and score."""

    learning: bool
    service: str
    score: str
    level: str
    counted: int
    alerts_from: str
    within_1h: str
    within_1d: str
    within_7d: str


def rows(watched: Sequence[Watched], *, learning_only: bool) -> list[Proof]:
    """Scores that may page (of a service without any: all of its scores), learning ones first."""
    services = {(w.service, w.environment) for w in watched}
    paging = {(w.service, w.environment) for w in watched if known(w.score, w.kind).pages}
    chosen = [
        w for w in watched if known(w.score, w.kind).pages or (w.service, w.environment) in services - paging
    ]
    chosen = [w for w in chosen if w.state == "learning" or not learning_only]
    chosen.sort(key=lambda w: (w.state != "learning", w.service, w.environment, w.score))
    return [_proof(w) for w in chosen[:300]]


def _proof(w: Watched) -> Proof:
    measure = measured(known(w.score, w.kind), None, ())
    learning = w.state == "learning"
    level = (w.baseline_value, w.baseline_low, w.baseline_high)
    if learning or w.baseline_value is None:
        level = (w.current_value, w.current_low, w.current_high)
    at = w.ready_at if learning else w.watching_since
    start = formats.date(at) if at else strings.PROOF_NOT_YET if learning else formats.NONE
    return Proof(
        learning=learning,
        service=f"{w.service} · {w.environment}" if w.environment else w.service,
        score=measure.title,
        level=_level(measure, *level),
        counted=w.n_current if learning else w.n_baseline,
        alerts_from=start,
        within_1h=noticed(measure, w.detectable_1h, w.detectable_unit),
        within_1d=noticed(measure, w.detectable_1d, w.detectable_unit),
        within_7d=noticed(measure, w.detectable_7d, w.detectable_unit),
    )


def _level(measure: Measure, value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return formats.NONE
    if measure.is_share:
        return formats.share_level(value, low, high)
    said = measure.level(value)
    if low is None or high is None:
        return said
    return f"{said} ({formats.measure(low)}{formats.DASH}{formats.measure(high)})"


def noticed(measure: Measure, change: float | None, unit: str | None) -> str:
    """A smallest change: ``±0.8 pp``, ``±12 per 10,000`` of a share, ``±12 characters`` of a median."""
    if change is None or (unit in (None, RATE)) != measure.is_share:
        return formats.NONE
    size = abs(change)
    if not measure.is_share:
        return f"±{formats.measure(size, unit if unit and unit != MEDIAN else '')}"
    if size < 0.001:
        return f"±{formats.number(10_000 * size, 1)} per 10,000"
    return f"±{formats.number(100 * size, formats.places(50 * size))}{formats.THIN}pp"
