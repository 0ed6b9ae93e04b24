"""How much comes at all: a fall of traffic, and silence, of one service.

Calls are counted per minute of event time, whatever became of them; time is the lineage's watermark, so an
hour that is late is no hour without calls. Both detectors know what to expect of an hour of the week
(`week_profile`). *Silence* is a gap that is too surprising for the budget. *Volume* is the rate of calls
among a large number of possible ones (`volume`), in proportion to what is expected; only falls are told. What
is usual is learned anew after as long as it was learned from, unless a change is open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.drift.budgets.budget import CLASS_SHARES
from detectors.drift.change.effect import explain
from detectors.drift.change.recovery import Recovery
from detectors.drift.engine.baseline import FLAG
from detectors.drift.engine.dispersion import fit_flags
from detectors.drift.engine.shiryaev_roberts import FlagBank
from detectors.drift.engine.snapshot import Arrays, part
from detectors.drift.engine.ticks import Floats
from detectors.drift.engine.volume import POSSIBLE
from detectors.drift.service.watch_config import WatchConfig
from detectors.drift.traffic.week_profile import WeekProfile, learn_profile
from detectors.finding import ALL, Finding, finding_id
from detectors.observation import Observation, ServiceKey, series_id

UNIT, SCORE = "interaction", "volume"
CALL_SCORES = ("error", "latency_s")
"""What only the span of a call says, so that content that comes apart from it is not counted again."""
SILENCE, VOLUME = "silence.1", "volume.1"
LEAST_CALLS = 100
"""Calls a learning period needs."""


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
        self._last_call = 0
        self._gone = 0.0
        self._silence: _Open | None = None
        self._fall: _Open | None = None

    def spend(self, config: WatchConfig) -> None:
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

    def advance(self, until: int, log_offset: int) -> list[Finding]:
        """Let the minutes before ``until`` pass."""
        if self._next is None:
            first = min(self._waiting, default=until)
            if first >= until:
                return []
            self._first_tick = first // self._minutes
            self._next = self._first_tick * self._minutes
        findings: list[Finding] = []
        learn_minutes = self._config.learn * self._minutes
        minute = self._next - 1
        while (minute := minute + 1) < until:
            if (minute - self._next) % learn_minutes == 0:
                minute += self._pass_over(minute, until)
                if minute >= until:
                    break
            n = self._waiting.pop(minute, 0)
            findings += self._hear(minute, n, log_offset)
            tick = minute // self._minutes - self._first_tick
            self._counts += [0] * (tick + 1 - len(self._counts))
            self._counts[tick] += n
            if (minute + 1) % self._minutes == 0:
                findings += self._close(log_offset)
        self._next = max(self._next, until)
        return findings

    def _pass_over(self, minute: int, until: int) -> int:
        """Let whole learning periods pass at once in which nothing comes and nothing can be said; minutes.

        A clock may jump by decades. What is learned after them is learned of the last period alone.
        """
        learn = self._config.learn
        says_nothing = (self._profile is None or self._silence is not None) and self._fall is None
        if not says_nothing or len(self._counts) < learn or any(self._counts[-learn:]):
            return 0
        coming = min((m for m in self._waiting if m >= minute), default=until)
        periods = (min(coming, until) - minute) // (learn * self._minutes) - 1
        ticks = max(periods, 0) * learn
        self._first_tick += ticks
        return ticks * self._minutes

    def _hear(self, minute: int, n: int, log_offset: int) -> list[Finding]:
        """One minute for silence."""
        if n:
            self._last_call, self._gone = minute, 0.0
            said, self._silence = self._silence, None
            return [replace(said.finding, ended_at=_time(minute))] if said else []
        if self._profile is None or self._silence is not None:
            return []
        self._gone += self._profile.rate(minute)
        surprise, threshold = self._profile.surprise(self._gone), -float(np.log(self._w))
        if surprise < threshold:
            return []
        onset, hours = self._last_call + 1, (minute - self._last_call) / 60
        usual = self._gone / hours
        silent = Finding(
            **self._identity("silence", SILENCE, onset),
            made_at=_time(minute + 1),
            severity="page",
            onset=_time(onset),
            onset_low=_time(self._last_call),
            onset_high=_time(onset),
            effect=-usual,
            effect_low=-usual,
            effect_high=-usual,
            effect_unit="calls per hour",
            direction="fall",
            baseline_value=usual,
            current_value=0.0,
            n=0,
            evidence=round(surprise, 9),
            threshold=round(threshold, 9),
            config_hash=self._config.config_hash,
            log_to=log_offset,
            notes=(f"{self._gone:.0f} calls were expected since the last one",),
        )
        self._silence = _Open(silent)
        return [silent]

    def _close(self, log_offset: int) -> list[Finding]:
        """One tick for volume."""
        last, learn = len(self._counts) - 1, self._config.learn
        if last + 1 - self._learned >= learn and self._fall is None and self._silence is None:
            self._learn()
            return []
        if self._silence is not None and self._fall is None and last + 1 - self._learned >= 2 * learn:
            self._counts, self._first_tick = self._counts[learn:], self._first_tick + learn
            last -= learn  # of a silence only the last period is learned from when it ends
        if self._profile is None or not len(self._bank):
            return []
        tick, n, s = self._first_tick + last, *self._exposed(last)
        if self._fall is not None:
            assert self._fall.recovery is not None  # noqa: S101 - volume has one
            if self._silence is None and self._fall.recovery.update(n, s):
                said, self._fall = self._fall.finding, None
                return [replace(said, ended_at=_time((tick + 1) * self._minutes))]
            return []
        if self._silence is not None:
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
        if counts.sum() < LEAST_CALLS:
            return
        self._profile, self._crossed = learn_profile(counts, self._first_tick, self._config.tick_s)
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
            made_at=_time((tick + 1) * at),
            severity="page",
            onset=_time(told.onset * at),
            onset_low=_time(told.onset_low * at),
            onset_high=_time((told.onset_high + 1) * at),
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
        facts = {
            "waiting": sorted(self._waiting.items()),
            "next": self._next,
            "first_tick": self._first_tick,
            "learned": self._learned,
            "profile": None if p is None else [p.burst, p.shape],
            "last_call": self._last_call,
            "gone": self._gone,
            "open": [_packed(self._silence), _packed(self._fall)],
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
        self._profile = (
            None if facts["profile"] is None else WeekProfile(arrays["per_minute"], *facts["profile"])
        )
        self._last_call, self._gone = facts["last_call"], facts["gone"]
        self._silence, self._fall = map(_unpacked, facts["open"])
        self._counts, self._crossed = arrays["counts"].tolist(), arrays["crossed"]
        self._bank = FlagBank.restore(part(arrays, "bank."))


def _share(config: WatchConfig) -> float:
    """Expected false pages per tick of silence, and of falls."""
    return config.pages.per_tick(config.tick_s) * CLASS_SHARES["volume"] / 2


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


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
