"""The pictures of docs/decides.md, drawn by the engine itself: ``python -m bench.pictures [FOLDER]``.

What a caption claims (nothing crossed, how long it took) is read from the run and stands in the picture.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bench.detection.streams import DAY, MONDAY, TICK_S, Change, Stream, draw
from bench.machine import machine
from bench.svg import ALARM, FAINT, LINE, Panel, chart
from detectors.change.effect import explain
from detectors.engine.baseline import Baseline
from detectors.engine.dispersion import fit_flags
from detectors.engine.shiryaev_roberts import FlagBank
from detectors.files.watch import watch

Floats = NDArray[np.float64]
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
LEARN, WATCH = 14, 14
CHANGE = 20
"""Day of the change, where there is one."""
W = 1.0 / 50 / 8640
"""One false page a month, a fiftieth of it for this series, per 5-minute tick."""
SPAN = (0.0, float(LEARN + WATCH))
EVENING = Stream(rate=0.05, events=10, daily=0.5, weekend=-0.3)


class _Run:
    """Series of one stream through the engine: evidence per tick after learning, shape (ticks, series)."""

    def __init__(self, stream: Stream, series: int, seed: int, shift: float = 0.0, w: float = W) -> None:
        rng = np.random.default_rng(seed)
        change = Change(CHANGE * DAY, shift) if shift else None
        drawn = draw(stream, rng, series, learn=LEARN, watch=WATCH, change=change)
        self.n, self.s = drawn.n, drawn.s
        cut = LEARN * DAY
        self.baseline: Baseline = fit_flags(self.n[:cut], self.s[:cut], MONDAY, TICK_S)
        bank = FlagBank(TICK_S)
        bank.append(self.baseline, w)
        self.threshold = float(bank.threshold[0])
        rows = []
        for t in range(cut, len(self.n)):
            bank.update(MONDAY + t, self.n[t], self.s[t])
            rows.append(bank.evidence())
        self.evidence = np.array(rows)
        self.days = (cut + np.arange(len(rows))) / DAY

    def page_tick(self, series: int = 0) -> int | None:
        """Tick (from the start of learning) of the first crossing."""
        over = np.flatnonzero(self.evidence[:, series] >= self.threshold)
        return LEARN * DAY + int(over[0]) if len(over) else None


def _hourly(n: Floats, s: Floats) -> tuple[Floats, Floats]:
    hours = len(n) // 12
    rate = s[: hours * 12].reshape(hours, 12).sum(1) / np.maximum(
        n[: hours * 12].reshape(hours, 12).sum(1), 1
    )
    return np.arange(hours) / 24, 100 * rate


def evidence() -> str:
    """A rate, what the engine makes of it, and the finding."""
    run = _Run(EVENING, 1, seed=7, shift=float(np.log(1.6)))
    page = run.page_tick()
    assert page is not None  # noqa: S101 - the picture is of a page
    told = explain(run.baseline, MONDAY, run.n[: page + 1, 0], run.s[: page + 1, 0])
    top = Panel("Refusals, per cent of an hour's answers", SPAN, (0, 20))
    top.band(0, LEARN, "learning: level, hour of day, weekend, dispersion")
    low, high = ((t - MONDAY) / DAY for t in (told.onset_low, told.onset_high + 1))
    top.band(low, high, colour="#f6d5c8")
    top.line(*_hourly(run.n[:, 0], run.s[:, 0]))
    top.rule(CHANGE, "odds x1.6 from here; shaded: the onset's interval", FAINT, row=1)
    hours = (page - CHANGE * DAY) / 12
    below = Panel("Evidence (log of the statistic)", SPAN, (-2, 18))
    below.level(run.threshold, "page: the budget's threshold")
    told_by = run.days <= page / DAY
    below.line(run.days[told_by], run.evidence[told_by, 0])
    below.rule(page / DAY, f"page after {hours:.0f} h", row=2)
    return chart([(top, (0, 10, 20)), (below, (0, 8, 16))], "A rate changes; evidence grows to the threshold")


def unchanged() -> str:
    """Twenty series nobody touched."""
    run = _Run(Stream(rate=0.05, events=20, daily=0.5, memory=0.9, memory_sd=0.3), 20, seed=11)
    crossed = int((run.evidence.max(0) >= run.threshold).sum())
    panel = Panel("Evidence of 20 unchanged series: a daily cycle and an hour's memory", SPAN, (-2, 18))
    panel.band(0, LEARN, "learning")
    for i in range(run.evidence.shape[1]):
        panel.line(run.days[::48], run.evidence[::48, i], FAINT, 0.8)
    panel.level(run.threshold, f"page: crossed by {crossed}; the budget expects {20 * W * WATCH * DAY:.1f}")
    return chart([(panel, (0, 8, 16))], f"{crossed} of 20 unchanged series cross the threshold")


KINDS: Mapping[str, tuple[Stream, str]] = MappingProxyType(
    {
        "independent": (Stream(rate=0.05, events=20), LINE),
        "an hour's memory": (Stream(rate=0.05, events=20, memory=0.9, memory_sd=0.3), "#6b34b8"),
        "days that differ": (Stream(rate=0.05, events=20, day_sd=0.1), ALARM),
    }
)


def dispersion() -> str:
    """The same change where neighbouring ticks tell less; the middle one of fifteen series each."""
    panel = Panel("The same change (odds x1.7) in three kinds of traffic", (19.0, 22.0), (-2, 24))
    panel.rule(CHANGE, "the change", FAINT)
    for row, (name, (stream, colour)) in enumerate(KINDS.items()):
        run = _Run(stream, 15, seed=5, shift=float(np.log(1.7)))
        pages = [run.page_tick(i) or len(run.n) for i in range(15)]
        middle = int(np.argsort(pages, kind="stable")[7])
        keep = (run.days >= panel.span[0]) & (run.days <= pages[middle] / DAY)
        panel.line(run.days[keep], run.evidence[keep, middle], colour)
        if not row:
            panel.level(run.threshold, "page")
        panel.rule(
            pages[middle] / DAY, f"{name}: {(pages[middle] - CHANGE * DAY) / 12:.0f} h", colour, row + 1
        )
    return chart([(panel, (0, 8, 16))], "The less independent the traffic, the longer the evidence takes")


def budget() -> str:
    """The same series under three budgets."""
    panel = Panel("The same series under three budgets", (19.0, 24.0), (-2, 24))
    panel.rule(CHANGE, "odds x1.4 from here", FAINT)
    for row, (per_month, colour) in enumerate(((10.0, LINE), (1.0, "#6b34b8"), (0.1, ALARM))):
        run = _Run(EVENING, 1, seed=7, shift=float(np.log(1.4)), w=per_month * W)
        page = run.page_tick()
        keep = (run.days >= panel.span[0]) & (run.days <= (page or len(run.n)) / DAY)
        panel.line(run.days[keep], run.evidence[keep, 0], colour)
        panel.level(run.threshold, "", colour)
        if page is not None:
            hours = (page - CHANGE * DAY) / 12
            panel.rule(page / DAY, f"{per_month:g} a month: {hours:.0f} h", colour, row + 1)
    return chart([(panel, (0, 8, 16))], "A smaller budget means a higher threshold and a later page")


def metric() -> str:
    """A metric value by value: what a person would circle."""
    rng = np.random.default_rng(3)
    count = 18 * DAY
    t = np.arange(count)
    y = 50 + 15 * np.sin(2 * np.pi * t / DAY) + 2 * rng.standard_normal(count)
    y[7 * DAY : 7 * DAY + 2] += 40
    y[9 * DAY : 9 * DAY + 60] -= 16
    y[12 * DAY : 12 * DAY + 80] = round(float(y[12 * DAY]), 1)
    y[15 * DAY :] += 40
    start = MONDAY * TICK_S
    found = list(watch(start + TICK_S * t, y, kind="real", tick_s=TICK_S, learn="4d"))
    panel = Panel("lightship detect --kind real --learn 4d", (0.0, 18.0), (0, 120))
    panel.band(0, 4, "learning")
    panel.line(t[::3] / DAY, y[::3], width=0.9)
    at = [(f.onset.timestamp() - start) / TICK_S / DAY for f in found if f.onset is not None]
    panel.dots(at, [float(y[min(round(a * DAY) + 1, count - 1)]) for a in at])
    for i, (f, day) in enumerate(zip(found, at, strict=True)):
        still = f.direction is None
        panel.rule(day, "stands still" if still else f"{f.alert_kind}: {f.direction}", row=i % 3)
    return chart(
        [(panel, (0, 50, 100))], "Findings on a metric: a spike, an odd stretch, a stuck value, a jump"
    )


PICTURES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {f.__name__: f for f in (evidence, unchanged, dispersion, budget, metric)}
)


def main(folder: Path = FOLDER) -> int:
    """Draw all of them into a folder."""
    print(machine())
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PICTURES.items():
        text = make()
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")
        print(f"{folder / name}.svg {len(text) / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:])))
