"""The operator's objectives in one service: decided whenever a tick closes, stated and ended as findings.

One finding for each severity: it begins with the first pair of windows that burns and ends when every pair
of its severity is known not to. State is the windows and the open findings, so a replay states the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from detectors.counts.aggregate import Aggregate, TickCounts
from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.rule_watch.limit_state import LimitStatement, Places, ended, read, spec_of, stated
from detectors.rules import BREACH, OK
from detectors.scorers.protocol import ScoreSpec
from detectors.slo import SEVERITIES, Burn, BurnWindow, Slo, in_words, plain, shares
from detectors.watch_config import WatchConfig

DETECTOR = "slo.1"
GONE = "over: it is not in the settings any more"


@dataclass(slots=True)
class _Watched:
    """One objective: the generation of its score that its windows hold, and open findings by severity."""

    window: BurnWindow
    generation: int
    open: dict[str, Finding] = field(default_factory=dict)


class SloWatch:
    """The objectives that are for one service."""

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        self._slos: dict[str, _Watched] = {}
        self._gone: list[Finding] = []
        self.replace(config.slos, 0)

    @property
    def watched(self) -> bool:
        """Whether there is any."""
        return bool(self._slos)

    def replace(self, slos: Iterable[Slo], tick: int) -> list[Finding]:
        """Go by these before ``tick`` closes; one that says the same goes on, what others stated is over."""
        mine = {s.slo_id: s for s in slos if s.is_for(self._key.service) and s.score in self._config.specs}
        over = [
            self._ended(finding, tick - 1, GONE)
            for slo_id, one in self._slos.items()
            if slo_id not in mine
            for finding in one.open.values()
        ]
        begin = {i: _Watched(BurnWindow(slo, self._config.tick_s), 0) for i, slo in mine.items()}
        self._slos = {slo_id: self._slos.get(slo_id, begin[slo_id]) for slo_id in mine}
        for slo_id, slo in mine.items():
            self._slos[slo_id].window.slo = slo
        return over

    def close(self, counts: TickCounts, places: Places, fold: Aggregate) -> list[Finding]:
        """Decide every objective at the end of a tick; ``places`` are where series stand in ``counts``."""
        over = [self._ended(f, counts.tick, GONE) for f in self._gone]
        self._gone = []
        return over + [f for one in self._slos.values() for f in self._decide(one, counts, places, fold)]

    def _decide(self, one: _Watched, counts: TickCounts, places: Places, fold: Aggregate) -> list[Finding]:
        slo, tick = one.window.slo, counts.tick
        spec = spec_of(slo, self._config, fold)
        if spec.generation != one.generation:
            one.window.clear()
            one.generation = spec.generation
        burns, said = one.window.close(tick, read(slo, counts, places, spec), spec.grid), []
        for severity in SEVERITIES:
            burn, standing = burns[severity], one.open.get(severity)
            if burn.status == BREACH and standing is None:
                one.open[severity] = self._stated(one.window, spec, severity, burn, tick)
                said.append(one.open[severity])
            elif burn.status == OK and standing is not None:
                said.append(self._ended(one.open.pop(severity), tick))
        return said

    def _stated(self, window: BurnWindow, spec: ScoreSpec, severity: str, burn: Burn, tick: int) -> Finding:
        slo = window.slo
        said = LimitStatement(
            first=tick if burn.pair is None else window.first_of(burn.pair, tick),
            severity="ticket" if slo.severity == "ticket" else severity,
            value=0.0 if burn.share is None else burn.share,
            limit=slo.allowed,
            effect_unit="rate",
            direction="rise",
            n=burn.n,
            notes=in_words(slo, burn, window.budget_use()),
        )
        return stated(
            slo,
            said,
            self._key,
            self._config,
            generation=spec.generation,
            alert_kind="slo",
            detector=DETECTOR,
            ids=(slo.slo_id, severity),
            tick=tick,
        )

    def _ended(self, finding: Finding, tick: int, *notes: str) -> Finding:
        return ended(finding, tick, self._config.tick_s, *notes)

    def state(self) -> list[list[Any]]:
        """Plain form of everything, for a snapshot."""
        kept: list[list[Any]] = [
            [
                slo_id,
                one.generation,
                plain(one.window.ticks),
                plain(one.window.hours),
                {severity: f.to_json() for severity, f in one.open.items()},
            ]
            for slo_id, one in self._slos.items()
        ]
        return kept + [["", 0, [], [], {"": finding.to_json()}] for finding in self._gone]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Inverse of `state`; what an objective said that is not there any more ends with the next tick."""
        for slo_id, generation, ticks, hours, texts in state:
            found = {severity: Finding.from_dict(json.loads(text)) for severity, text in texts.items()}
            if slo_id in self._slos:
                slo = self._slos[slo_id].window.slo
                window = BurnWindow(slo, self._config.tick_s, shares(ticks), shares(hours))
                self._slos[slo_id] = _Watched(window, generation, found)
            else:
                self._gone += found.values()
