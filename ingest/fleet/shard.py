"""The fleet shard's state: the log of closed ticks, applied to the watchers of fleets.

The shards of stage 2 write that log, each in its own order and interleaved by chance. A tick of a lineage is
closed here when every shard has closed it, so what is found follows from what the ticks held and from
nothing else. A repeated entry is known by its offset in its shard's log; a missing one is a defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detectors.closed_ticks import BEGINNING, Entry, Report
from detectors.drift.budgets import grant
from detectors.drift.budgets.budget import tail_part
from detectors.drift.budgets.grant import Grant
from detectors.drift.engine import snapshot as codec
from detectors.drift.fleet.fleet import FleetWatcher
from detectors.drift.service.watch_config import WatchConfig
from detectors.finding import SEVERAL, Finding
from detectors.observation import Control, ServiceKey
from infra.clock import NS_PER_S
from ingest.detect.chain import LogChain
from ingest.errors import Defect

_Lineage = tuple[str, str]

PARTITION = 0
"""The log of closed ticks has one."""


class FleetShard:
    """Everything the fleet shard knows.

    Parameters
    ----------
    config
        What watchers need; its budget is what a fleet may raise while no control record says so.
    partitions
        Shards whose reports make the clock.
    """

    def __init__(self, config: WatchConfig, partitions: int) -> None:
        self._config = config
        self._partitions = partitions
        self.next_offset: int | None = None
        self.event_ns = 0
        self.repeated = 0
        self._applied: dict[int, int] = {}
        self._until: dict[_Lineage, dict[int, int]] = {}
        self._granted: dict[ServiceKey, Grant] = {}
        self.watchers: dict[ServiceKey, FleetWatcher] = {}
        self.findings: list[tuple[Finding, int]] = []
        self.chain = LogChain()

    def apply(self, offset: int, message: Report | Control) -> None:
        """Apply one message; findings collect in `findings`.

        Raises
        ------
        Defect
            If an entry of a shard is missing.
        """
        self.next_offset = offset + 1
        said = len(self.findings)
        if isinstance(message, Control):
            self._control(message, offset)
        else:
            self._report(offset, message)
        head = self.chain.head if self.chain.since is not None else None
        self.findings[said:] = [
            (replace(f, log_from=self.chain.since, log_to=at, log_partition=PARTITION, log_digest=head), at)
            for f, at in self.findings[said:]
        ]

    def _report(self, offset: int, message: Report) -> None:
        for entry in message.entries:
            have = self._applied.get(message.partition)
            if have is not None and entry.offset <= have:
                self.repeated += 1
                continue
            if have is not None and entry.before not in (have, BEGINNING):
                raise Defect(
                    f"the closed ticks of shard {message.partition} jump from log offset {have} to "
                    f"{entry.offset}: messages are missing; compare the topic's retention with the snapshot"
                )
            self._applied[message.partition] = entry.offset
            self._take(message.partition, entry, offset)

    def _take(self, partition: int, entry: Entry, offset: int) -> None:
        lineage = (entry.tenant, entry.lineage)
        for environment in sorted({row.environment for row in entry.rows}):
            mine = [row for row in entry.rows if row.environment == environment]
            self._watcher(lineage, environment).add(mine)
        told = self._until.setdefault(lineage, {})
        told[partition] = max(entry.until, told.get(partition, 0))
        self.event_ns = max(self.event_ns, entry.until * self._config.tick_s * NS_PER_S)
        if len(told) < self._partitions:
            return
        for _, watcher in self._of(lineage):
            self.findings += [(f, offset) for f in watcher.advance(min(told.values()))]

    def _of(self, lineage: _Lineage) -> list[tuple[ServiceKey, FleetWatcher]]:
        return [(k, w) for k, w in self.watchers.items() if (k.tenant, k.lineage) == lineage]

    def _watcher(self, lineage: _Lineage, environment: str) -> FleetWatcher:
        key = ServiceKey(*lineage, environment, SEVERAL)
        if key not in self.watchers:
            granted = self._granted.get(key)
            part = tail_part(len(self._of(lineage)) + 1)
            config = self._config.part(part) if granted is None else self._config.granted(granted)
            self.watchers[key] = FleetWatcher(key, config, 0)
        return self.watchers[key]

    def _control(self, message: Control, offset: int) -> None:
        watcher = self.watchers.get(message.key)
        granted = Grant.of(message.body)
        if message.action == "accept" and watcher is not None:
            self.findings += [(f, offset) for f in watcher.accept(message)]
        elif message.action == grant.BUDGET and granted is not None:
            self._granted[message.key] = granted
            if watcher is not None:
                watcher.grant(granted)

    def counters(self) -> dict[str, float]:
        """What was counted, by metric name."""
        return {
            "lightship_fleet_repeated_total": float(self.repeated),
            "lightship_fleet_series_watched": float(sum(w.watched for w in self.watchers.values())),
        }

    def pack(self) -> bytes:
        """The whole state as bytes."""
        facts: dict[str, Any] = {
            "next_offset": self.next_offset,
            "config": self._config.config_hash,
            "event_ns": self.event_ns,
            "repeated": self.repeated,
            "chain": [self.chain.head, self.chain.last, self.chain.since],
            "applied": sorted(self._applied.items()),
            "until": [[*lineage, sorted(told.items())] for lineage, told in sorted(self._until.items())],
            "granted": [[key.text(), g.state()] for key, g in sorted(self._granted.items())],
            "watchers": [],
        }
        arrays: codec.Arrays = {}
        for i, (key, watcher) in enumerate(self.watchers.items()):
            state, mine = watcher.state()
            facts["watchers"].append([key.text(), state])
            arrays |= {f"{i}.{name}": array for name, array in mine.items()}
        return codec.pack(facts, arrays)

    @classmethod
    def unpack(cls, data: bytes, config: WatchConfig, partitions: int) -> FleetShard:
        """Inverse of `pack`.

        Raises
        ------
        detectors.drift.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        facts, arrays = codec.unpack(data)
        shard = cls(config, partitions)
        shard.next_offset, shard.event_ns = facts["next_offset"], facts["event_ns"]
        shard.repeated = facts["repeated"]
        shard.chain = LogChain(*facts.get("chain", ()))
        shard._applied = dict(map(tuple, facts["applied"]))
        shard._until = {(t, lin): dict(map(tuple, told)) for t, lin, told in facts["until"]}
        for text, state in facts["granted"]:
            granted = Grant.of(state)
            if granted is not None:
                shard._granted[ServiceKey.parse(text)] = granted
        for i, (text, state) in enumerate(facts["watchers"]):
            key = ServiceKey.parse(text)
            shard.watchers[key] = FleetWatcher.restore(key, config, state, codec.part(arrays, f"{i}."))
        return shard
