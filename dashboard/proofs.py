"""What watching a series can prove, and from when, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import formats, palette, strings
from dashboard.measures import Measure, measured
from dashboard.palette import State
from dashboard.queries.fleet import Watched
from dashboard.scores import known


@dataclass(frozen=True, slots=True)
class Proof:
    """One service and score."""

    state: State
    service: str
    score: str
    level: str
    counted: int
    alerts_from: str
    within_1h: str
    within_1d: str
    within_7d: str


def rows(watched: Sequence[Watched], now: datetime, *, learning_only: bool) -> list[Proof]:
    """Scores that may page (of a service without any: all of its scores), learning ones first."""
    services = {(w.service, w.environment) for w in watched}
    paging = {(w.service, w.environment) for w in watched if known(w.score, w.kind).pages}
    chosen = [
        w for w in watched if known(w.score, w.kind).pages or (w.service, w.environment) in services - paging
    ]
    chosen = [w for w in chosen if w.state == "learning" or not learning_only]
    chosen.sort(key=lambda w: (w.state != "learning", w.service, w.environment, w.score))
    return [_proof(w, now) for w in chosen[:300]]


def _proof(w: Watched, now: datetime) -> Proof:
    measure = measured(known(w.score, w.kind), None, ())
    learning = w.state == "learning"
    level = w.current_value if learning or w.baseline_value is None else w.baseline_value
    if learning:
        start = formats.moment(w.ready_at, now) if w.ready_at else strings.PROOF_NOT_YET
    else:
        start = formats.moment(w.watching_since, now) if w.watching_since else formats.NONE
    return Proof(
        state=palette.LEARNING if learning else palette.OK,
        service=f"{w.service} · {w.environment}" if w.environment else w.service,
        score=measure.title,
        level=formats.NONE if level is None else measure.level(level),
        counted=w.n_current if learning else w.n_baseline,
        alerts_from=start,
        within_1h=_noticed(measure, w.detectable_1h),
        within_1d=_noticed(measure, w.detectable_1d),
        within_7d=_noticed(measure, w.detectable_7d),
    )


def _noticed(measure: Measure, change: float | None) -> str:
    """A smallest change of a share: ``±0.8 pp``, ``±12 per 10,000``; numbers have none in their own unit."""
    if change is None or not measure.is_share:
        return formats.NONE
    size = abs(change)
    if size < 0.001:
        return f"±{formats.number(10_000 * size, 1)} per 10,000"
    return f"±{formats.number(100 * size, formats.places(50 * size))}{formats.THIN}pp"
