"""How much comes at all: a fall of traffic, and silence, of one service.

Calls are counted per minute of event time, whatever became of them; time is the lineage's watermark, so an
hour that is late is no hour without calls. Both detectors know what to expect of an hour of the week
(`week_profile`), which another lineage may have learned. *Silence* is a gap that is too surprising for the
budget (`silence`). *Volume* is the rate of calls among a large number of possible ones (`volume`), in
proportion to what is expected; only falls are told. What is usual is learned anew after as long as it was
learned from, unless a change is open. Minutes of a live lineage that pass `PAUSE` at once and bring nothing
were a pause of Lightship's, and say nothing of a service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detectors.budgets.budget import CLASS_SHARES
from detectors.change.effect import explain
from detectors.change.recovery import Recovery
from detectors.engine.baseline import FLAG
from detectors.engine.dispersion import fit_flags
from detectors.engine.shiryaev_roberts import FlagBank
from detectors.engine.snapshot import Arrays, part
from detectors.engine.ticks import Floats
from detectors.engine.volume import POSSIBLE
from detectors.finding import ALL, Finding, finding_id
from detectors.observation import Observation, ServiceKey, series_id
from detectors.traffic.silence import DOUBTFUL, TOGETHER, Gap, time_of
from detectors.traffic.week_profile import WeekProfile, learn_profile, profile_of
from detectors.watch_config import WatchConfig

UNIT, SCORE = "interaction", "volume"
CALL_SCORES = ("error", "latency_s")
"""What only the span of a call says, so that content that comes apart from it is not counted again."""
SILENCE, VOLUME = "silence.1", "volume.1"
LEAST_CALLS = 100
"""Calls a learning period needs."""
LIVE, PAUSE = "live", 2
"""The lineage whose clock is the wall's, and minutes that pass at once only when nobody listened."""


@dataclass(slots=True)
class _Open:
    """What was said and has not ended."""

    finding: Finding
    recovery: Recovery | None = None


class Traffic:
    """State of one service.

    Parameters
    ----------
    key
        The service.
    config
        The same for all services.
    """

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        self._minutes = config.tick_s // 60
        self._w = _share(config)
        self._waiting: dict[int, int] = {}
        self._next: int | None = None
        self._first_tick = 0
        self._counts: list[int] = []
        self._learned = 0
        self._profile: WeekProfile | None = None
        self._crossed: Floats = np.zeros(0)
        self._bank = FlagBank(config.tick_s)
        self._gap = Gap(key.lineage == LIVE)
        self._unheard = False
        self._fall: _Open | None = None

    def set_budget(self, config: WatchConfig) -> None:
        """Let thresholds follow the budget in ``config``; the evidence stays."""
        self._config, self._w = config, _share(config)
        if len(self._bank) and self._bank.w[0] != self._w:
            self._bank.rebudget([0], np.array([self._w]))

    def observe(self, o: Observation) -> None:
        """Count the calls of one observation; late ones are left out."""
        columns = [o.scores[name].rows for name in CALL_SCORES if name in o.scores]
        if o.unit != UNIT or not columns:
            return
        for row, minute in enumerate(o.minutes):
            on_time = self._next is None or minute >= self._next
            if on_time and any(cells[row] >= 0 for cells in columns):
                self._waiting[minute] = self._waiting.get(minute, 0) + 1

    def adopt(self, profile: WeekProfile | None) -> None:
        """Expect what another lineage learned, to the scale of what comes, unless more is known here."""
        if profile is not None and self._profile is None:
            self._profile, self._gap.adopted = profile, (0.0, 0.0)
            self._gap.stops.add(profile.stops)

    def advance(self, until: int, log_offset: int, others: Sequence[Traffic] = ()) -> list[Finding]:
        """Let the minutes before ``until`` pass; ``others`` are those of the lineage's other services."""
        if self._next is None:
            first = min(self._waiting, default=until)
            if first >= until:
                return []
            self._first_tick = first // self._minutes
            self._next = self._first_tick * self._minutes
        findings: list[Finding] = []
        heard = self._key.lineage != LIVE or until - self._next < PAUSE
        learn_minutes = self._config.learn * self._minutes
        minute = self._next - 1
        while (minute := minute + 1) < until:
            if (minute - self._next) % learn_minutes == 0:
                minute += self._pass_over(minute, until)
                if minute >= until:
                    break
            n = self._waiting.pop(minute, 0)
            self._unheard |= not (n or heard)
            findings += self._hear(minute, n, log_offset, others, heard=heard)
            tick = minute // self._minutes - self._first_tick
            self._counts += [0] * (tick + 1 - len(self._counts))
            self._counts[tick] += n
            if (minute + 1) % self._minutes == 0:
                findings += self._close(log_offset)
                self._unheard = False
        self._next = max(self._next, until)
        return findings

    def _pass_over(self, minute: int, until: int) -> int:
        """Let whole learning periods pass at once in which nothing comes and nothing can be said; minutes.

        A clock may jump by decades. What is learned after them is learned of the last period alone.
        """
        learn = self._config.learn
        says_nothing = (self._profile is None or self._gap.open is not None) and self._fall is None
        if not says_nothing or len(self._counts) < learn or any(self._counts[-learn:]):
            return 0
        coming = min((m for m in self._waiting if m >= minute), default=until)
        periods = (min(coming, until) - minute) // (learn * self._minutes) - 1
        ticks = max(periods, 0) * learn
        self._first_tick += ticks
        return ticks * self._minutes

    def latest_call(self) -> int:
        """Minute of the latest call, of those that were observed."""
        return max(self._gap.last_call, max(self._waiting, default=0))

    def is_missed(self, since: int) -> bool:
        """Whether a call should have come by now, but for chance, since one at about the minute ``since``."""
        looks = self._gap.looks(self._profile, self._w)
        missed = self.is_outage or any(look.surprise >= DOUBTFUL for look in looks)
        return missed and self.latest_call() >= since - TOGETHER

    @property
    def is_outage(self) -> bool:
        """Whether its gap is that of all services."""
        return self._gap.still is not None

    def _hear(
        self, minute: int, n: int, log_offset: int, others: Sequence[Traffic], *, heard: bool
    ) -> list[Finding]:
        """One minute for silence."""
        gap = self._gap
        if n:
            return gap.call(minute, n, self._profile)
        if not heard:
            gap.pause(minute)
            return []
        since = gap.last_call if gap.still is None else gap.still
        elsewhere = gap.still is not None and _heard(since, others)
        over = gap.empty_minute(minute, self._profile, heard_elsewhere=elsewhere)
        if not gap.is_due(self._profile, self._w):
            return over
        if not _heard(since, others) and any(o.is_missed(since) for o in others):
            stated = any(o.is_outage for o in others)
            return over + gap.nothing_received(minute, self._key.tenant, len(others), stated=stated)
        onset, look = gap.last_call + 1, gap.look(self._profile, self._w)
        gap.open = Finding(
            **self._identity("silence", SILENCE, onset),
            made_at=time_of(minute + 1),
            severity="page",
            onset=time_of(onset),
            onset_low=time_of(gap.last_call),
            onset_high=time_of(onset),
            effect=-look.usual,
            effect_low=-look.usual,
            effect_high=-look.usual,
            effect_unit="calls per hour",
            direction="fall",
            baseline_value=look.usual,
            current_value=0.0,
            n=0,
            evidence=round(look.surprise, 9),
            threshold=round(look.threshold, 9),
            config_hash=self._config.config_hash,
            log_to=log_offset,
            notes=(f"{look.expected:.0f} calls were expected since the last one",),
        )
        return [*over, gap.open]

    def _close(self, log_offset: int) -> list[Finding]:
        """One tick for volume."""
        last, learn = len(self._counts) - 1, self._config.learn
        if last + 1 - self._learned >= learn and self._fall is None and self._gap.open is None:
            self._learn()
            return []
        if self._gap.open is not None and self._fall is None and last + 1 - self._learned >= 2 * learn:
            self._counts, self._first_tick = self._counts[learn:], self._first_tick + learn
            last -= learn  # of a silence only the last period is learned from when it ends
        if self._profile is None or not len(self._bank) or self._unheard or self.is_outage:
            return []
        tick, n, s = self._first_tick + last, *self._exposed(last)
        if self._fall is not None:
            assert self._fall.recovery is not None  # noqa: S101 - volume has one
            if self._gap.open is None and self._fall.recovery.update(n, s):
                said, self._fall = self._fall.finding, None
                return [replace(said, ended_at=time_of((tick + 1) * self._minutes))]
            return []
        if self._gap.open is not None:
            self._bank.reset([0])
            return []
        crossings = self._bank.update(tick, np.array([n]), np.array([s]))
        self._bank.s[self._bank.alternatives > 1] = 0.0  # growth is no incident
        if not (len(crossings) and crossings.page[0] and self._bank.s.sum() >= 1):
            return []
        return [self._fell(tick, float(crossings.log_evidence[0]), log_offset)]

    def _exposed(self, at: int) -> tuple[float, float]:
        """Possible calls of a tick of the history, and how many came."""
        assert self._profile is not None  # noqa: S101
        minute = (self._first_tick + at) * self._minutes
        learned = at < len(self._crossed)
        expected = self._crossed[at] if learned else self._profile.rate(minute) * self._minutes
        n = float(np.ceil(POSSIBLE * expected))
        return n, min(float(self._counts[at]), n)

    def _learn(self) -> None:
        """Learn what is usual from the last learning period, and watch from now on."""
        learn = self._config.learn
        drop = len(self._counts) - learn
        self._counts, self._first_tick = self._counts[drop:], self._first_tick + drop
        self._learned = len(self._counts)
        counts: Floats = np.array(self._counts, dtype=float)
        self._profile, self._crossed, self._bank = None, np.zeros(0), FlagBank(self._config.tick_s)
        self._gap.adopted = None
        if counts.sum() < LEAST_CALLS:
            return
        self._profile, self._crossed = learn_profile(counts, self._first_tick, self._config.tick_s)
        self._gap.stops.add(self._profile.stops)
        n, s = (np.array(side) for side in zip(*map(self._exposed, range(learn)), strict=True))
        baseline = fit_flags(n[:, None], s[:, None], self._first_tick, self._config.tick_s)
        if baseline.fit[0]:
            self._bank.append(baseline, self._w)

    def _fell(self, tick: int, evidence: float, log_offset: int) -> Finding:
        sides = [self._exposed(i) for i in range(len(self._counts))]
        n, s = (np.array(side) for side in zip(*sides, strict=True))
        baseline = self._bank.baseline
        assert baseline is not None  # noqa: S101 - it holds the one row
        earliest = max(self._learned - 3600 // self._config.tick_s, 1)
        told = explain(baseline, self._first_tick, n, s, earliest=self._first_tick + earliest)
        since = told.onset - self._first_tick
        per_hour = n[since:].mean() * 3600 / self._config.tick_s
        recovery = Recovery.begin(
            FLAG,
            told.baseline_value,
            told.current_high,
            event_var=1.0,
            kappa=told.kappa,
            tick_s=self._config.tick_s,
        )
        at = self._minutes
        said = Finding(
            **self._identity("volume", VOLUME, told.onset),
            made_at=time_of((tick + 1) * at),
            severity="page",
            onset=time_of(told.onset * at),
            onset_low=time_of(told.onset_low * at),
            onset_high=time_of((told.onset_high + 1) * at),
            effect=told.effect * per_hour,
            effect_low=told.effect_low * per_hour,
            effect_high=told.effect_high * per_hour,
            effect_unit="calls per hour",
            direction="fall",
            baseline_value=told.baseline_value * per_hour,
            current_value=told.current_value * per_hour,
            n=int(sum(self._counts[since:])),
            n_baseline=int(sum(self._counts[:since])),
            evidence=round(evidence, 9),
            threshold=round(float(self._bank.threshold[0]), 9),
            config_hash=self._config.config_hash,
            baseline_version=baseline.version,
            log_to=log_offset,
        )
        self._bank.reset([0])
        self._fall = _Open(said, recovery)
        return said

    def _identity(self, kind: str, detector: str, onset: int) -> dict[str, Any]:
        own = series_id(self._key, UNIT, SCORE, 1, ALL)
        return {
            "finding_id": finding_id(own, detector, onset),
            "alert_kind": kind,
            "status": "confirmed",
            "tenant": self._key.tenant,
            "lineage": self._key.lineage,
            "environment": self._key.environment or None,
            "service": self._key.service,
            "unit": UNIT,
            "score": SCORE,
            "slice": ALL,
            "series": own,
            "detector": detector,
        }

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        p = self._profile
        silent = None if self._gap.open is None else _Open(self._gap.open)
        facts = {
            "waiting": sorted(self._waiting.items()),
            "next": self._next,
            "first_tick": self._first_tick,
            "learned": self._learned,
            "profile": None if p is None else [p.burst, p.shape, list(p.stops)],
            "last_call": self._gap.last_call,
            "gone": self._gap.gone,
            "gap": self._gap.state(),
            "unheard": self._unheard,
            "open": [_packed(silent), _packed(self._fall)],
        }
        arrays: Arrays = {
            "counts": np.array(self._counts, dtype=np.int64),
            "crossed": self._crossed,
            "per_minute": np.zeros(0) if p is None else p.per_minute,
        }
        return facts, arrays | {f"bank.{name}": a for name, a in self._bank.snapshot().items()}

    def restore(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Inverse of `state`."""
        self._waiting = dict(map(tuple, facts["waiting"]))
        self._next, self._first_tick, self._learned = facts["next"], facts["first_tick"], facts["learned"]
        self._profile = profile_of(facts["profile"], arrays["per_minute"])
        silent, self._fall = map(_unpacked, facts["open"])
        opened = None if silent is None else silent.finding
        self._gap = Gap.restored(self._key.lineage == LIVE, facts, opened)
        self._unheard = facts.get("unheard", False)
        self._counts, self._crossed = arrays["counts"].tolist(), arrays["crossed"]
        self._bank = FlagBank.restore(part(arrays, "bank."))


def _share(config: WatchConfig) -> float:
    """Expected false pages per tick of silence, and of falls."""
    return config.pages.per_tick(config.tick_s) * CLASS_SHARES["volume"] / 2


def _heard(since: int, others: Sequence[Traffic]) -> bool:
    """Whether another service was heard after the minute that follows ``since``."""
    return any(o.latest_call() > since + 1 for o in others)


def _packed(opened: _Open | None) -> list[Any] | None:
    if opened is None:
        return None
    r = opened.recovery
    rest = None if r is None else [r.form, r.before, r.after, r.event_var, r.kappa, r.w, r.r]
    return [opened.finding.to_json(), rest]


def _unpacked(state: list[Any] | None) -> _Open | None:
    if state is None:
        return None
    said, rest = state
    return _Open(Finding.from_dict(json.loads(said)), None if rest is None else Recovery(*rest))
