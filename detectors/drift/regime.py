"""One learned reference of a series of values, and what is watched against it until the next is learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from detectors.drift.baseline import FLAG, VALUE, Baseline
from detectors.drift.channels import ValueChannel, learn_channels
from detectors.drift.dispersion import fit_flags, fit_values
from detectors.drift.effect import Explanation, explain, quantile_effect
from detectors.drift.relevel import relevel
from detectors.drift.rows import LearnPeriod, Rows
from detectors.drift.second_opinion import SecondOpinion, second_opinion
from detectors.drift.shiryaev_roberts import Bank, FlagBank, ValueBank
from detectors.drift.ticks import Floats
from detectors.drift.volume import fold_volume, possible_events
from detectors.finding import ALL, Finding, finding_id

DETECTOR = "shiryaev-roberts/1"
SETTLE_TICKS = 12
SETTLE_EVENTS = 20
"""A new level is taken from at least so many ticks and events after a crossing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every finding of one call says of itself."""

    score: str
    service: str
    kind: str
    tick_s: int
    config_hash: str

    def at(self, tick: int) -> datetime:
        """Start of a tick."""
        return datetime.fromtimestamp(tick * self.tick_s, UTC)


@dataclass(slots=True)
class Regime:
    """One learned reference and what is watched against it, until the next is learned."""

    data: Rows
    start: int
    end: int
    share: float
    frame: Frame
    period: LearnPeriod
    next_row: int = field(init=False)
    channels: tuple[ValueChannel, ...] = field(init=False)
    first_tick: int = field(init=False)
    counts: list[tuple[Floats, Floats]] = field(init=False)
    banks: dict[str, Bank] = field(init=False)
    places: list[tuple[str, int]] = field(init=False)
    """Where each channel's statistic is: form and row of its bank; row -1 where nothing could be learned."""
    since: int = field(init=False)
    """First tick of the history that explains the next crossing."""

    def __post_init__(self) -> None:
        data = self.data
        self.next_row = data.rows
        self.first_tick = self.since = int(data.ticks[self.start])
        self.channels = learn_channels(data.kind, data.values[self.start : self.end])  # type: ignore[arg-type]
        rows = slice(self.start, data.rows)
        learned = int(data.ticks[self.end - 1]) - self.first_tick + 1
        if data.kind == "volume":
            volume = data.volume(self.first_tick, rows)
            self.counts = [fold_volume(volume, possible_events(volume[:learned]))]
        else:
            self.counts = [data.fold(c, self.first_tick, rows) for c in self.channels]
        self.banks = {FLAG: FlagBank(data.tick_s), VALUE: ValueBank(data.tick_s)}
        self.places = []
        usable = []
        for channel, (n, s) in zip(self.channels, self.counts, strict=True):
            fit = fit_flags if channel.form == FLAG else fit_values
            part = fit(n[:learned, None], s[:learned, None], self.first_tick, data.tick_s)
            if channel.name == "location":
                location = part
            if channel.name in ("spread", "tail"):
                part = _as_dispersed(part, location)
            usable.append((channel.form, part) if part.total_n[0] > 0 else None)
        w = self.share / max(1, sum(u is not None for u in usable))
        for one in usable:
            if one is None:
                self.places.append((FLAG, -1))
                continue
            form, part = one
            self.places.append((form, int(self.banks[form].append(part, w, short=True)[0])))

    def findings(self) -> Iterator[Finding]:
        """Watch from the end of learning on; stops when the next reference can be learned."""
        changed_at: int | None = None  # first row of the new regime, after a crossing
        settle_until, crossed_tick = -1, -1
        for tick, after in self._closing():
            if changed_at is not None and self.period.over(self.data, changed_at, after):
                self.next_row = changed_at
                return
            if changed_at is not None and settle_until >= 0:
                if tick >= settle_until and after - changed_at >= SETTLE_EVENTS:
                    self._settle(crossed_tick + 1, tick)
                    settle_until = -1
                continue
            leader = self._close(tick)
            if leader is not None:
                shown, told = self._explain(leader, tick)
                yield self._finding(leader, shown, told, tick, after)
                crossed_tick, changed_at = tick, after
                settle_until = tick + max(SETTLE_TICKS, tick - told.onset + 1)

    def _closing(self) -> Iterator[tuple[int, int]]:
        """Ticks to close, each with the first row after it, which is what closes it.

        The last tick stays open. Only traffic itself is watched through ticks without rows.
        """
        ticks = self.data.ticks
        if self.data.kind == "volume":
            for tick in range(int(ticks[self.end - 1]) + 1, int(ticks[-1])):
                yield tick, int(np.searchsorted(ticks, tick, side="right"))
            return
        row = self.end
        while ticks[row] < ticks[-1]:
            after = int(np.searchsorted(ticks, ticks[row], side="right"))
            yield int(ticks[row]), after
            row = after

    def _close(self, tick: int) -> int | None:
        """Close a tick in every channel; the channel that leads beyond its threshold, if any."""
        best, leader = 0.0, None
        at = tick - self.first_tick
        for form, bank in self.banks.items():
            mine = [i for i, (f, row) in enumerate(self.places) if f == form and row >= 0]
            if not mine:
                continue
            n = np.array([self.counts[i][0][at] for i in mine])
            s = np.array([self.counts[i][1][at] for i in mine])
            crossings = bank.update(tick, n, s)
            for row, evidence, threshold in zip(
                crossings.rows, crossings.log_evidence, crossings.threshold, strict=True
            ):
                if leader is None or evidence - threshold > best:
                    best, leader = float(evidence - threshold), mine[int(row)]
        return leader

    def _baseline(self, channel: int) -> Baseline:
        form, row = self.places[channel]
        baseline = self.banks[form].baseline
        assert baseline is not None  # noqa: S101 - the row exists
        return baseline.take([row])

    def _history(self, channel: int, since: int, until: int) -> tuple[Floats, Floats]:
        n, s = self.counts[channel]
        part = slice(since - self.first_tick, until - self.first_tick + 1)
        return n[part], s[part]

    def _explain(self, leader: int, tick: int) -> tuple[int, Explanation]:
        """The channel a finding is told by: where the location moved too, it says more than the tail."""
        if self.channels[leader].name in ("spread", "tail"):
            location = [c.name for c in self.channels].index("location")
            told = self._explain_channel(location, tick)
            if told.effect_low > 0 or told.effect_high < 0:
                return location, told
        return leader, self._explain_channel(leader, tick)

    def _explain_channel(self, channel: int, tick: int) -> Explanation:
        n, s = self._history(channel, self.since, tick)
        return explain(self._baseline(channel), self.since, n, s)

    def _second_opinion(self, channel: int, told: Explanation, tick: int) -> SecondOpinion:
        n, s = self._history(channel, self.since, tick)
        return second_opinion(self._baseline(channel), self.since, n, s, told.onset_low)

    def _settle(self, first: int, last: int) -> None:
        """Go on at the level of the ticks since the crossing."""
        for form, bank in self.banks.items():
            mine = [i for i, (f, row) in enumerate(self.places) if f == form and row >= 0]
            if not mine or bank.baseline is None:
                continue
            parts = [self._history(i, first, last) for i in mine]
            n, s = (np.stack([p[k] for p in parts], axis=1) for k in (0, 1))
            rows = np.arange(len(bank))
            bank.replace(rows, relevel(bank.baseline, first, n, s), tick=last)
        self.since = first

    def _finding(self, leader: int, shown: int, told: Explanation, tick: int, seen: int) -> Finding:
        frame, name = self.frame, self.channels[leader].name
        form, place = self.places[leader]
        bank = self.banks[form]
        effect = _Effect.of(self, shown, told, tick)
        return Finding(
            finding_id=finding_id(frame.config_hash, name, told.onset, tick),
            alert_kind="volume" if frame.kind == "volume" else "drift",
            status="confirmed",
            tenant="default",
            lineage="file",
            environment=None,
            service=frame.service,
            unit="interaction",
            score=frame.score,
            slice=ALL,
            series=None,
            made_at=datetime.fromtimestamp(float(self.data.times_s[seen]), UTC),
            severity="page",
            onset=frame.at(told.onset),
            onset_low=frame.at(told.onset_low),
            onset_high=frame.at(told.onset_high + 1),
            effect=effect.effect,
            effect_low=effect.low,
            effect_high=effect.high,
            effect_unit=effect.unit,
            direction="rise" if told.direction > 0 else "fall",
            baseline_value=effect.before,
            current_value=effect.after,
            n=told.n,
            n_baseline=told.n_baseline,
            evidence=round(float(bank.evidence()[place]), 9),
            threshold=round(float(bank.threshold[place]), 9),
            detector=DETECTOR,
            config_hash=frame.config_hash,
            baseline_version=self._baseline(leader).version,
            notes=(f"channel {name}", self._second_opinion(shown, told, tick).note),
        )


def _as_dispersed(baseline: Baseline, location: Baseline) -> Baseline:
    """A baseline with at least the dispersion of the location.

    How far values lie from the middle depends on where they wander, but excursions are too few for the
    learning period to show it.
    """
    return replace(
        baseline,
        block_kappa=np.maximum(baseline.block_kappa, location.block_kappa),
        block_df=np.minimum(baseline.block_df, location.block_df),
    )


@dataclass(frozen=True, slots=True)
class _Effect:
    """The change in the score's own unit."""

    effect: float
    low: float
    high: float
    before: float
    after: float
    unit: str

    @classmethod
    def of(cls, regime: Regime, channel: int, told: Explanation, tick: int) -> _Effect:
        name, form = regime.channels[channel].name, regime.channels[channel].form
        if name == "volume":
            return cls._volume(told, float(regime.counts[channel][0][0]))
        if name in ("location", "spread", "tail"):
            return cls._quantile(regime, told, tick, 0.5 if name == "location" else 0.95)
        unit = "rate" if form == FLAG else "mean"
        return cls(
            told.effect, told.effect_low, told.effect_high, told.baseline_value, told.current_value, unit
        )

    @classmethod
    def _volume(cls, told: Explanation, possible: float) -> _Effect:
        """Counts per tick."""
        return cls(
            told.effect * possible,
            told.effect_low * possible,
            told.effect_high * possible,
            told.baseline_value * possible,
            told.current_value * possible,
            "per tick",
        )

    @classmethod
    def _quantile(cls, regime: Regime, told: Explanation, tick: int, q: float) -> _Effect:
        data = regime.data
        values = np.asarray(data.values, dtype=float)

        def rows(first: int, last: int) -> Floats:
            low, high = np.searchsorted(data.ticks, [first, last + 1])
            return values[low:high]

        onsets = [told.onset, told.onset_low, told.onset_high]
        afters = [a for a in (rows(onset, tick) for onset in onsets) if len(a)]
        before = rows(regime.since, told.onset - 1)
        steps = np.unique(np.concatenate([before, *afters]))

        def counts(x: Floats) -> Floats:
            return np.bincount(np.searchsorted(steps, x), minlength=len(steps)).astype(float)

        effect, low, high, old, new = quantile_effect(
            steps, counts(before), [counts(a) for a in afters], q=q, kappa=told.kappa
        )
        return cls(effect, low, high, old, new, "p50" if q == 0.5 else "p95")
