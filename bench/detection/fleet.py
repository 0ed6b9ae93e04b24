"""Row 15: 5,000 series that share one false page, 20,000 observations each, of which 5 % change.

One bank of as many rows as the stream would have, fed one observation a series and tick; series are
siblings, 500 at a time. Half way the odds of 250 series become 1.8 times what they were. Their roll-up is
one more row over the summed counts; a second one, over all series, has to find a change by a quarter, the
smallest that is watched for, that all of them share. What pages is reset, as when a finding is opened.
Others: a chi-square test a window and series, corrected over the fleet, and ADWIN at the same share of
false alarms a series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bench.detection.figure import Figure, Ints, Report
from bench.detection.plan import Plan
from bench.detection.rivals_river import ADWIN
from bench.detection.streams import MONDAY, TICK_S, Floats
from detectors.engine.baseline import Baseline
from detectors.engine.dispersion import fit_flags
from detectors.engine.pooling import moderated
from detectors.engine.shiryaev_roberts import FlagBank

LEARN, WATCH = 5_000, 20_000
CHANGED_SHARE = 0.05
ODDS, GLOBAL_ODDS = 1.8, 1.25
WINDOW = 1_000
PART = 500

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Rates of unchanged series, which of them change half way, and one page's share a tick of each."""

    rates: Floats
    changed: int
    w: float

    @classmethod
    def of(cls, series: int, rng: np.random.Generator) -> Fleet:
        """Rates between 1 and 30 %; the first series change."""
        rates = np.exp(rng.uniform(np.log(0.01), np.log(0.3), series))
        return cls(rates, round(CHANGED_SHARE * series), 1 / (series * WATCH))

    def later(self, odds: float, changed: int) -> Floats:
        """Rates after the first ``changed`` have changed."""
        rates = self.rates.copy()
        more = odds * rates[:changed] / (1 - rates[:changed])
        rates[:changed] = more / (1 + more)
        return rates


def fleet(plan: Plan) -> Report:
    """False pages, delays and roll-ups."""
    rng = plan.rng(15)
    fleet = Fleet.of(plan.fleet, rng)
    hits = np.concatenate(
        [_hits(rng, fleet.rates[a : a + PART], LEARN) for a in range(0, plan.fleet, PART)], 1
    )
    bank = FlagBank(TICK_S)
    ones = np.ones((LEARN, PART))
    for a in range(0, plan.fleet, PART):
        part = hits[:, a : a + PART].astype(float)
        alone = fit_flags(ones[:, : part.shape[1]], part, MONDAY, TICK_S)
        bank.append(moderated(alone, range(len(alone))), fleet.w)
    group = FlagBank(TICK_S)
    group.append(_pooled(hits[:, : fleet.changed]), fleet.w)
    watch = _Watch(fleet, bank, group, hits.mean(0))
    later = fleet.later(ODDS, fleet.changed)
    for t in range(WATCH):
        rates = later if t >= WATCH // 2 else fleet.rates
        watch.step(t, (rng.random(plan.fleet) < rates).astype(float))
    report = watch.report()
    report.figures.append(_global(fleet, plan))
    if plan.rivals:
        report.notes += watch.windows.lines(fleet)
        report.notes.append(_adwin(fleet, plan))
    return report


class _Watch:
    """What the pager would have received."""

    def __init__(self, fleet: Fleet, bank: FlagBank, group: FlagBank, rates: Floats) -> None:
        self.fleet, self.bank, self.group = fleet, bank, group
        self.first = np.full(len(bank), -1, dtype=np.int64)
        self.false_pages, self.group_first = 0, -1
        self.windows = _Windows(rates)
        self._ones = np.ones(len(bank))

    def step(self, t: int, hits: Floats) -> None:
        """One tick: an observation of each series."""
        tick, half, changed = MONDAY + LEARN + t, WATCH // 2, self.fleet.changed
        crossings = self.bank.update(tick, self._ones, hits)
        rows = crossings.rows[crossings.page]
        if len(rows):
            self.bank.reset(rows)
            true = (rows < changed) & (t >= half)
            self.false_pages += int((~true).sum())
            new = rows[true & (self.first[rows] < 0)]
            self.first[new] = t - half + 1
        found = self.group.update(tick, np.array([float(changed)]), np.array([hits[:changed].sum()]))
        if len(found) and self.group_first < 0 and t >= half:
            self.group_first = t - half + 1
        elif len(found) and t < half:
            self.false_pages += 1
            self.group.reset([0])
        self.windows.step(t, hits)

    def report(self) -> Report:
        """Figures against their targets."""
        delays = np.sort(np.where(self.first < 0, WATCH, self.first)[: self.fleet.changed])
        size = f"{len(self.bank):,} series, {self.fleet.changed} change"
        roll_up = float("inf") if self.group_first < 0 else self.group_first
        return Report(
            [
                Figure("15", "false pages, of a budget of 1", self.false_pages, 3, size),
                Figure("15", "first true page, observations", float(delays[0]), 145),
                Figure(
                    "15", "median delay, observations", float(np.median(delays)), 1_345, "wished for: 1,200"
                ),
                Figure("15", "changed series not found", float(np.mean(delays >= WATCH)), 0.05),
                Figure("15", "roll-up of those that change, observations a series", roll_up, 4),
            ]
        )


class _Windows:
    """Chi-square tests of windows against the learning period, by three rules."""

    def __init__(self, rates: Floats) -> None:
        self._rates, self._hits = rates, np.zeros(len(rates))
        self._p: list[Floats] = []

    def step(self, t: int, hits: Floats) -> None:
        self._hits += hits
        if (t + 1) % WINDOW == 0:
            pooled = (self._rates * LEARN + self._hits) / (LEARN + WINDOW)
            gap = self._hits / WINDOW - self._rates
            z = gap**2 / np.maximum(pooled * (1 - pooled) * (1 / LEARN + 1 / WINDOW), 1e-12)
            self._p.append(stats.chi2.sf(z, 1))
            self._hits = np.zeros(len(self._rates))

    def lines(self, fleet: Fleet) -> list[str]:
        """What each rule would have paged."""
        p = np.array(self._p)
        adjusted = np.array([stats.false_discovery_control(w) for w in p])
        rules = (
            ("p < .05", p < 0.05),
            ("p < .05 over series", p < 0.05 / p.shape[1]),
            ("Benjamini-Hochberg .05", adjusted <= 0.05),
        )
        half, out = len(p) // 2, []
        for name, hit in rules:
            false = int(hit[:half].sum() + hit[half:, fleet.changed :].sum())
            late = hit[half:, : fleet.changed]
            first = np.where(late.any(0), (late.argmax(0) + 1) * WINDOW, WATCH)
            out.append(
                f"row 15, chi-square, windows of 1,000, {name}: {false:,} false pages, first true one after "
                f"{first.min():,}, median {np.median(first):,.0f}, found {np.mean(first < WATCH):.0%}"
            )
        return out


def _hits(rng: np.random.Generator, rates: Floats, ticks: int) -> Bits:
    return rng.random((ticks, len(rates)), dtype=np.float32) < rates


def _pooled(hits: Bits) -> Baseline:
    total = hits.sum(1, keepdims=True).astype(float)
    return fit_flags(np.full_like(total, hits.shape[1]), total, MONDAY, TICK_S)


def _global(fleet: Fleet, plan: Plan) -> Figure:
    """A quarter more odds in every series: ticks until the roll-up over all of them pages (median of 20)."""
    rng, series = plan.rng(15, 1), len(fleet.rates)

    # the sum of many unlike hits is as good as normal
    def sums(rates: Floats, ticks: int) -> Floats:
        drawn = rng.normal(rates.sum(), np.sqrt((rates * (1 - rates)).sum()), (ticks, 20))
        return np.clip(np.round(drawn), 0, series)

    counts = np.concatenate([sums(fleet.rates, LEARN), sums(fleet.later(GLOBAL_ODDS, series), 200)])
    bank = FlagBank(TICK_S)
    bank.append(fit_flags(np.full((LEARN, 20), series), counts[:LEARN], MONDAY, TICK_S), fleet.w)
    first: Ints = np.full(20, 200, dtype=np.int64)
    for t in range(200):
        found = bank.update(MONDAY + LEARN + t, np.full(20, float(series)), counts[LEARN + t])
        first[found.rows] = np.minimum(first[found.rows], t + 1)
    what = f"a change of all series by odds x{GLOBAL_ODDS:g}: roll-up, observations a series"
    return Figure("15", what, float(np.median(first)), 10, "median of 20")


def _adwin(fleet: Fleet, plan: Plan) -> str:
    """ADWIN with the same share of false alarms a series, on some series of each sort."""
    rng, few = plan.rng(15, 2), min(plan.rivals, fleet.changed)
    delta, half = float(np.log10(fleet.w)), WATCH // 2
    quiet = _hits(rng, fleet.rates[-few:], LEARN + half).astype(float)
    after = np.concatenate(
        [_hits(rng, fleet.rates[:few], LEARN + half), _hits(rng, fleet.later(ODDS, few)[:few], half)]
    ).astype(float)
    false = sum(ADWIN.run(x, delta, LEARN) >= 0 for x in quiet.T.tolist())
    first = np.array([ADWIN.run(x, delta, LEARN + half) for x in after.T.tolist()])
    delays = np.where(first < 0, WATCH, first + 1)
    return (
        f"row 15, river ADWIN, delta {fleet.w:.0e}, {few} series of each: {false} false, first true after "
        f"{delays.min():,}, median {np.median(delays):,.0f}, found {np.mean(first >= 0):.0%}"
    )
