"""Row 17: updates a second on one core and bytes a series, of ours and of the others."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from bench.detection.engine import bank_of, fit
from bench.detection.figure import Figure, Report
from bench.detection.ordinary import DAILY
from bench.detection.plan import FLEET_H, Plan
from bench.detection.rivals_focus import Hulls, statistic
from bench.detection.rivals_river import adwin, kswin, page_hinkley
from bench.detection.rivals_windows import CHI_SQUARE, KS
from bench.detection.streams import DAY, MONDAY, Sample, Stream, draw

SERIES = 2_000
VALUES = 20_000


def speed(plan: Plan) -> Report:
    """CPU seconds per million channel-updates, so that a busy machine changes little."""
    report = Report()
    for name, stream in (("flag", DAILY), ("value", Stream(rate=None))):
        sample = draw(stream, plan.rng(17), SERIES, learn=3, watch=1)
        bank = bank_of(fit(sample), FLEET_H)
        started = time.process_time()
        for t in range(sample.learn, len(sample.n)):
            bank.update(MONDAY + t, sample.n[t], sample.s[t])
        seconds = (time.process_time() - started) / (DAY * SERIES) * 1e6
        size = sum(v.nbytes for v in bank.snapshot().values()) / SERIES
        report.figures += [
            Figure("17", f"{name}: CPU s per million updates", seconds, 0.5, f"{1 / seconds:.2f} M a second"),
            Figure("17", f"{name}: bytes a channel", size, 700),
        ]
    if plan.rivals:
        report.notes += _rivals(draw(DAILY, plan.rng(17, 1), 40, learn=3, watch=4))
    return report


def _rivals(sample: Sample) -> list[str]:
    made: tuple[tuple[str, Callable[[], Any], int], ...] = (
        ("river ADWIN", lambda: adwin(1e-9), VALUES),
        ("river PageHinkley", lambda: page_hinkley(1e9), VALUES),
        ("river KSWIN", lambda: kswin(0.0), 600),
    )
    values = (sample.means[:, :10].T.ravel().tolist() * 2)[:VALUES]
    out = []
    for name, make, count in made:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        detector = make()
        for value in values[:count]:
            detector.update(value)
        size = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        detector = make()
        started = time.process_time()
        for value in values[:count]:
            detector.update(value)
        out.append(_said(name, count / (time.process_time() - started), size))
    for name, compute in (
        ("FOCuS", statistic),
        ("scipy chi-square", CHI_SQUARE.compute),
        ("scipy KS", KS.compute),
    ):
        started = time.process_time()
        compute(sample)
        rate = sample.watched * sample.n.shape[1] / (time.process_time() - started)
        out.append(_said(name, rate, _focus_bytes(sample) if name == "FOCuS" else None))
    return out


def _focus_bytes(sample: Sample) -> float:
    hulls = Hulls(sample.n.shape[1])
    n, s = sample.n.cumsum(0), sample.s.cumsum(0)
    for t in range(len(n)):
        hulls.push(n[t], s[t])
    return 2 * 16 * float(hulls.size.mean())


def _said(name: str, rate: float, size: float | None) -> str:
    told = "" if size is None else f"{size:>10,.0f} bytes a series"
    return f"row 17, {name:<20}{rate:>12,.0f} updates a second{told}"
