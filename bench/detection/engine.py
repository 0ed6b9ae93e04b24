"""Our engine as the stream uses it: fitted on the learning ticks of a sample, fed one tick at a time."""

from __future__ import annotations

import numpy as np

from bench.detection.figure import Alarms, Ints
from bench.detection.plan import WATCH, Plan
from bench.detection.streams import MONDAY, TICK_S, Floats, Sample, Stream, draw
from detectors.engine.baseline import Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.pooling import moderated
from detectors.engine.shiryaev_roberts import Bank, FlagBank, ValueBank

PART = 400
"""Series simulated at a time: more would only take memory."""


def fit(sample: Sample, tick_s: int = TICK_S) -> Baseline:
    """Baseline of all series of a sample."""
    learn = fit_flags if sample.kind == "flag" else fit_values
    return learn(sample.n[: sample.learn], sample.s[: sample.learn], MONDAY, tick_s)


def among_siblings(sample: Sample) -> Baseline:
    """The same where all series of the sample are scores of one service."""
    alone = fit(sample)
    return moderated(alone, range(len(alone)))


def bank_of(baseline: Baseline, h: float) -> Bank:
    """A bank whose rows page at threshold ``h``."""
    bank: Bank = (FlagBank if baseline.form == "flag" else ValueBank)(baseline.tick_s)
    bank.append(baseline, float(np.exp(-h)))
    return bank


def evidence(sample: Sample, h: float, baseline: Baseline | None = None) -> Floats:
    """Evidence after each watched tick, (ticks, series), priced for threshold ``h``."""
    bank = bank_of(fit(sample) if baseline is None else baseline, h)
    out = np.empty((sample.watched, sample.n.shape[1]))
    for i in range(sample.watched):
        t = sample.learn + i
        bank.update(MONDAY + t, sample.n[t], sample.s[t])
        out[i] = bank.evidence()
    return out


def first_over(statistic: Floats, threshold: float) -> Ints:
    """First tick at which each series reaches a threshold, -1 for none."""
    hit = statistic >= threshold
    first: Ints = np.where(hit.any(0), hit.argmax(0), -1)
    return first


def first_pages(sample: Sample, h: float) -> Ints:
    """Ticks from the end of learning to the first page of each series, -1 for none."""
    return first_over(evidence(sample, h), h)


def false_alarms(
    stream: Stream, plan: Plan, h: float, *, learn: int = 14, series: int | None = None
) -> Alarms:
    """First pages of unchanged series in a fortnight."""
    total = plan.series if series is None else series
    first, events = [], 0.0
    for done in range(0, total, PART):
        quiet = draw(stream, plan.rng(1, done), min(PART, total - done), learn=learn, watch=WATCH)
        events = quiet.events
        first.append(first_pages(quiet, h))
    joined = np.concatenate(first)
    return Alarms.of(joined, quiet.watched, events)
