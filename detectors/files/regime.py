"""One learned reference of a series of values, and what is watched against it until the next is learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from detectors.change.effect import Explanation, explain
from detectors.change.second_opinion import SecondOpinion, second_opinion
from detectors.engine.baseline import FLAG, VALUE, Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.relevel import relevel
from detectors.engine.shiryaev_roberts import Bank, FlagBank, ValueBank
from detectors.engine.ticks import DAY_S, Floats
from detectors.engine.volume import aggregate_volume, possible_events
from detectors.files.channels import ValueChannel, learn_channels
from detectors.files.file_finding import POINT_DETECTOR, Frame
from detectors.files.level_shift import KINDS as LEVEL_KINDS
from detectors.files.level_shift import LevelShift
from detectors.files.native_unit import NativeUnit, of_quantile, of_rate
from detectors.files.point_scales import PointScales
from detectors.files.points import Point
from detectors.files.rows import LearnPeriod, Rows
from detectors.files.stuck import StillWatch
from detectors.files.wandering_mean import as_dispersed, with_wander
from detectors.finding import Finding

JUMP_SLACK = 3
"""A jump may have begun so many ticks before its first far value."""
POINT_SHARE = 5.0
"""Single points are tickets: they may be so many times as many as changes, which are pages."""
MOST_PER_LEARNING = 0.02
"""However large the budget, no series spends more expected false findings while as much time passes as it
learned from: a budget a month says little about a value a year."""
SETTLE_TICKS = 12
SETTLE_MEMORY = 5
SETTLE_EVENTS = 20
"""A new level is taken from at least so many ticks, independent stretches and events after a crossing."""


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
    points: PointScales | None = field(init=False)
    still: StillWatch | None = field(init=False)
    level: LevelShift | None = field(init=False)
    since: int = field(init=False)
    """First tick of the history that explains the next crossing."""

    def __post_init__(self) -> None:
        data = self.data
        self.next_row = data.rows
        self.first_tick = self.since = int(data.ticks[self.start])
        self.channels = learn_channels(data.kind, data.values[self.start : self.end])  # type: ignore[arg-type]
        rows = slice(self.start, data.rows)
        learned = int(data.ticks[self.end - 1]) - self.first_tick + 1
        self.share = min(self.share, MOST_PER_LEARNING / learned)
        if data.kind == "volume":
            volume = data.volume(self.first_tick, rows)
            self.counts = [aggregate_volume(volume, possible_events(volume[:learned]))]
        else:
            self.counts = [data.aggregate(c, self.first_tick, rows) for c in self.channels]
        tick_s = min(data.tick_s, DAY_S)  # horizons end at so many days: longer ticks count as days
        self.banks = {FLAG: FlagBank(tick_s), VALUE: ValueBank(tick_s)}
        self.places = []
        usable = []
        for channel, (n, s) in zip(self.channels, self.counts, strict=True):
            fit = fit_flags if channel.form == FLAG else fit_values
            part = fit(n[:learned, None], s[:learned, None], self.first_tick, tick_s)
            if channel.name == "location":
                location = part = with_wander(part) if data.kind == "real" else part
            if channel.name in ("spread", "tail"):
                part = as_dispersed(part, location)
            if channel.name == "tail" and data.kind == "real":
                part = replace(part, rare=np.zeros_like(part.rare))
            usable.append((channel.form, part) if part.total_n[0] > 0 else None)
        self.level = None
        if data.kind in LEVEL_KINDS:
            learning = slice(self.start, self.end)
            self.level = LevelShift.learn(
                data.kind, data.numbers(learning), data.ticks[learning], data.tick_s
            )
        self.points, self.still = None, None
        if data.kind == "real":  # of other scores a single value says nothing
            self._learn_values(slice(self.start, self.end))
        w = self.share / max(1, sum(u is not None for u in usable) + (self.points is not None))
        for one in usable:
            if one is None:
                self.places.append((FLAG, -1))
                continue
            form, part = one
            last = int(data.ticks[self.end - 1])
            self.places.append((form, int(self.banks[form].append(part, w, tick=last, short=True)[0])))

    def findings(self) -> Iterator[Finding]:
        """Watch from the end of learning on; stops when the next reference can be learned."""
        changed_at: int | None = None  # first row of the new regime, after a crossing
        settle_until: int | None = None
        crossed_tick = 0
        for tick, after in self._closing():
            yield from self._stands_still(tick, float(self.data.times_s[after]))
            if changed_at is not None and self.period.over(self.data, changed_at, after):
                self.next_row = changed_at
                return
            if changed_at is not None and settle_until is not None:
                if tick >= settle_until and after - changed_at >= SETTLE_EVENTS:
                    self._settle(crossed_tick + 1, tick)
                    settle_until = None
                continue
            if self.still is not None and self.still.stands:
                continue  # told already; the same value says nothing more
            leader, point = self._close(tick), self._point(tick)
            if leader is None and point is not None and not point.jump:
                yield self.frame.point(point, float(self.data.times_s[after]))
                continue
            earliest = None
            if leader is None and point is not None:
                leader, earliest = self._location(), point.tick - JUMP_SLACK
            if leader is not None:
                finding, told = self._finding(leader, tick, after, earliest)
                yield finding
                crossed_tick, changed_at = tick, after
                settle_until = tick + self._settle_ticks(leader, tick - told.onset + 1)

    def _settle_ticks(self, leader: int, delay: int) -> int:
        """As long as the change took to be found; longer, up to a day, where neighbouring ticks are alike."""
        memory = SETTLE_MEMORY * float(self._baseline(leader).long_run[0])
        return max(SETTLE_TICKS, delay, min(round(memory), DAY_S // self.data.tick_s))

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

    def _learn_values(self, rows: slice) -> None:
        """What is watched of a metric value by value."""
        ticks, values = self.data.means(rows)
        points = PointScales(ticks, values, self.data.tick_s, POINT_SHARE * self.share)
        self.points = points if points.watched else None
        self.still = StillWatch.learn(values, int(ticks[-1]))

    def _value(self, tick: int) -> float:
        low, high = np.searchsorted(self.data.ticks, [tick, tick + 1])
        return float(self.data.means(slice(int(low), int(high)))[1][0])

    def _point(self, tick: int) -> Point | None:
        return None if self.points is None else self.points.step(tick, self._value(tick))

    def _stands_still(self, tick: int, made_at_s: float) -> Iterator[Finding]:
        if self.still is None:
            return
        value = self._value(tick)
        since = self.still.step(tick, value)
        if since is not None:
            yield self.frame.still(since, tick, value, made_at_s)

    def _location(self) -> int:
        return [c.name for c in self.channels].index("location")

    def _baseline(self, channel: int) -> Baseline:
        form, row = self.places[channel]
        baseline = self.banks[form].baseline
        assert baseline is not None  # noqa: S101 - the row exists
        return baseline.take([row])

    def _history(self, channel: int, since: int, until: int) -> tuple[Floats, Floats]:
        n, s = self.counts[channel]
        part = slice(since - self.first_tick, until - self.first_tick + 1)
        return n[part], s[part]

    def _explain(self, leader: int, tick: int, earliest: int | None) -> tuple[int, Explanation]:
        """The channel a finding is told by: where the location moved too, it says more than the tail."""
        if self.channels[leader].name in ("spread", "tail"):
            location = self._location()
            told = self._explain_channel(location, tick, earliest)
            if told.effect_low > 0 or told.effect_high < 0:
                return location, told
        return leader, self._explain_channel(leader, tick, earliest)

    def _explain_channel(self, channel: int, tick: int, earliest: int | None) -> Explanation:
        n, s = self._history(channel, self.since, tick)
        return explain(self._baseline(channel), self.since, n, s, earliest=earliest)

    def _second_opinion(self, channel: int, told: Explanation, tick: int) -> SecondOpinion:
        n, s = self._history(channel, self.since, tick)
        return second_opinion(self._baseline(channel), self.since, n, s, told.onset_low)

    def _shift_back(self, first: int, last: int) -> None:
        """Watch what comes from tick ``first`` on as if its level were the learned one."""
        if self.level is None:
            return
        data = self.data
        begin, end = (int(i) for i in np.searchsorted(data.ticks, [first, last + 1]))
        shift = self.level.estimate(data.numbers(slice(begin, end)), data.ticks[begin:end])
        rows = slice(begin, data.rows)
        values = self.level.undo(data.numbers(rows), shift)
        at = first - self.first_tick
        for i, channel in enumerate(self.channels):
            n, s = data.aggregate(channel, first, rows, values)
            whole_n, whole_s = self.counts[i]
            self.counts[i] = (np.concatenate([whole_n[:at], n]), np.concatenate([whole_s[:at], s]))

    def _settle(self, first: int, last: int) -> None:
        """Go on at the level of the ticks since the crossing."""
        self._shift_back(first, last)
        for form, bank in self.banks.items():
            mine = [i for i, (f, row) in enumerate(self.places) if f == form and row >= 0]
            if not mine or bank.baseline is None:
                continue
            parts = [self._history(i, first, last) for i in mine]
            n, s = (np.stack([p[k] for p in parts], axis=1) for k in (0, 1))
            rows = np.arange(len(bank))
            bank.replace(rows, relevel(bank.baseline, first, n, s), tick=last)
        if self.points is not None:
            low, high = np.searchsorted(self.data.ticks, [first, last + 1])
            self.points.restart(*self.data.means(slice(int(low), int(high))))
        self.since = first

    def _finding(
        self, leader: int, tick: int, seen: int, earliest: int | None
    ) -> tuple[Finding, Explanation]:
        """What crossed at ``tick``, said when row ``seen`` had come; the onset is not before ``earliest``."""
        shown, told = self._explain(leader, tick, earliest)
        form, place = self.places[leader]
        bank = self.banks[form]
        made = self.frame.change(
            told,
            self._native_unit(shown, told, tick),
            channel=self.channels[leader].name,
            tick=tick,
            made_at_s=float(self.data.times_s[seen]),
            evidence=float(bank.evidence()[place]),
            threshold=float(bank.threshold[place]),
            baseline_version=self._baseline(leader).version,
            note=self._second_opinion(shown, told, tick).note,
        )
        if earliest is not None:  # a jump: the statistic has not crossed yet
            made = replace(made, detector=POINT_DETECTOR, evidence=None, threshold=None)
        return made, told

    def _native_unit(self, channel: int, told: Explanation, tick: int) -> NativeUnit:
        name = self.channels[channel].name
        if name == "volume":
            return of_rate(told, float(self.counts[channel][0][0]), "per tick")
        if name in ("location", "spread", "tail"):
            values = self.data.numbers(slice(None))
            q = 0.5 if name == "location" else 0.95
            return of_quantile(told, self.data.ticks, values, self.since, tick, q)
        return of_rate(told)
