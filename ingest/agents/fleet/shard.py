"""The fleet shard's state: the log of closed ticks, applied to the watchers of fleets.

The shards of stage 2 write that log, each in its own order and interleaved by chance. A tick of a lineage is
closed here when every shard has closed it, so what is found follows from what the ticks held and from
nothing else. A repeated entry is known by its offset in its shard's log, and missing ones by what the next
one names as the one before it: that is counted and stated, and the ticks that came are worked with.

What the watcher of a fleet raises concerns that fleet alone, which is set aside
(`ingest.agents.fleet.quarantine`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from detectors.budgets import service_budget
from detectors.budgets.budget import tail_part
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import BEGINNING, Entry, Report, SharedRow
from detectors.engine import snapshot as codec
from detectors.finding import SEVERAL, Finding
from detectors.fleet.fleet import FleetWatcher
from detectors.observation import LATEST_NS, Control, ServiceKey
from detectors.rule_watch.changed_settings import REPLACE, ChangedSettings, changed
from detectors.watch_config import WatchConfig
from infra.clock import NS_PER_S, to_datetime
from ingest.agents.detect import set_aside_state
from ingest.agents.detect.chain import LogChain
from ingest.agents.detect.quarantine import RELEASE, is_plain
from ingest.agents.fault import OF_THE_WHOLE
from ingest.agents.fleet.gap import Gap
from ingest.agents.fleet.quarantine import QuarantinedFleet, set_fleet_aside

logger = logging.getLogger(__name__)

_Lineage = tuple[str, str]

ANEW = "over: what services share is watched anew"

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
    program
        Version of the program that reads the log.
    """

    def __init__(self, config: WatchConfig, partitions: int, program: str = "") -> None:
        self._config = config
        self._program = program
        self._partitions = partitions
        self.next_offset: int | None = None
        self.event_ns = 0
        self.repeated = 0
        self._applied: dict[int, int] = {}
        self._until: dict[_Lineage, dict[int, int]] = {}
        self._granted: dict[ServiceKey, ServiceBudget] = {}
        self._changed: dict[ServiceKey, ChangedSettings] = {}
        self.watchers: dict[ServiceKey, FleetWatcher] = {}
        self.quarantine: dict[ServiceKey, QuarantinedFleet] = {}
        self.released: list[tuple[ServiceKey, QuarantinedFleet]] = []
        self.findings: list[tuple[Finding, int]] = []
        self.missing = 0
        self.gaps: list[Gap] = []
        self.chain = LogChain()

    def apply(self, offset: int, message: Report | Control) -> None:
        """Apply one message; findings collect in `findings`, and where entries are missing in `gaps`."""
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
                self._miss(Gap(message.partition, have, entry.offset))
            self._applied[message.partition] = entry.offset
            self._take(message.partition, entry, offset)

    def _miss(self, gap: Gap) -> None:
        self.missing += 1
        self.gaps.append(gap)
        logger.error("%s", gap)

    def _take(self, partition: int, entry: Entry, offset: int) -> None:
        lineage = (entry.tenant, entry.lineage)
        for environment in sorted({row.environment for row in entry.rows}):
            key = ServiceKey(*lineage, environment, SEVERAL)
            if key not in self.quarantine:
                mine = [row for row in entry.rows if row.environment == environment]
                self._attempt(self._watcher(key), offset, _adding(mine))
        told = self._until.setdefault(lineage, {})
        told[partition] = max(entry.until, told.get(partition, 0))
        at_ns = min(max(entry.until, 0) * self._config.tick_s * NS_PER_S, LATEST_NS)
        self.event_ns = max(self.event_ns, at_ns)
        if len(told) < self._partitions:
            return
        until = min(told.values())
        for watcher in self._of(lineage):
            self._attempt(watcher, offset, lambda w: w.advance(until))

    def _attempt(
        self, watcher: FleetWatcher, offset: int, work: Callable[[FleetWatcher], list[Finding]]
    ) -> None:
        """Let a watcher work; if it raises, it is set aside."""
        findings: list[Finding] = []
        try:
            findings = work(watcher)
            for finding in findings:
                finding.to_json()
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this fleet's alone
            self._set_aside(watcher, error, offset)
            findings = [f for f in findings if is_plain(f)]
        self.findings += [(f, offset) for f in findings]

    def _set_aside(self, watcher: FleetWatcher, error: Exception, offset: int) -> None:
        self.watchers.pop(watcher.key, None)
        self.quarantine[watcher.key] = set_fleet_aside(
            watcher, error, offset=offset, since_ns=self.event_ns, program=self._program
        )

    def _release(self, key: ServiceKey, offset: int) -> None:
        """Watch a fleet again that was set aside; what was open of it has ended, as far as one knows."""
        kept = self.quarantine.pop(key, None)
        if kept is None:
            return
        told = self._until.get((key.tenant, key.lineage), {})
        since = min(told.values()) if len(told) >= self._partitions else 0
        self.watchers[key] = FleetWatcher(key, self._config_of(key), since)
        ended = to_datetime(min(since * self._config.tick_s * NS_PER_S, LATEST_NS))
        self.findings += [(replace(f, ended_at=ended, notes=(*f.notes, ANEW)), offset) for f in kept.open]
        self.released.append((key, kept))

    def _of(self, lineage: _Lineage) -> list[FleetWatcher]:
        return [w for k, w in self.watchers.items() if (k.tenant, k.lineage) == lineage]

    def _ruled(self, key: ServiceKey) -> WatchConfig:
        """What a watcher needs, with the rules that the settings have now."""
        told = self._changed.get(key)
        return self._config if told is None else changed(self._config, told.body)

    def _config_of(self, key: ServiceKey) -> WatchConfig:
        """What a new watcher needs, with what it may spend."""
        granted = self._granted.get(key)
        if granted is not None:
            return self._ruled(key).granted(granted)
        lineage = (key.tenant, key.lineage)
        aside = sum((k.tenant, k.lineage) == lineage for k in self.quarantine)
        return self._ruled(key).part(tail_part(len(self._of(lineage)) + aside + 1))

    def _watcher(self, key: ServiceKey) -> FleetWatcher:
        if key not in self.watchers:
            self.watchers[key] = FleetWatcher(key, self._config_of(key), 0)
        return self.watchers[key]

    def _control(self, message: Control, offset: int) -> None:
        if message.action == RELEASE:
            self._release(message.key, offset)
            return
        watcher = self.watchers.get(message.key)
        granted = ServiceBudget.of(message.body)
        if message.action == "accept" and watcher is not None:
            self._attempt(watcher, offset, lambda w: w.accept(message))
        elif message.action == service_budget.BUDGET and granted is not None:
            self._granted[message.key] = granted
            if watcher is not None:
                self._attempt(watcher, offset, _granting(granted))
        elif message.action == REPLACE:
            told = self._changed.setdefault(message.key, ChangedSettings(self._config.config_hash))
            config = told.take(message.body, self._config)
            if watcher is not None:
                self._attempt(watcher, offset, lambda w: w.change(config))

    def counters(self) -> dict[str, float]:
        """What was counted, by metric name."""
        return {
            "lightship_fleet_repeated_total": float(self.repeated),
            "lightship_fleet_gaps_total": float(self.missing),
            "lightship_fleet_series_watched": float(sum(w.watched for w in self.watchers.values())),
            "lightship_fleet_in_quarantine": float(len(self.quarantine)),
        }

    def pack(self) -> bytes:
        """The whole state as bytes; fleets whose state cannot be packed are set aside."""
        try:
            return self._packed()
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - the second time it is a defect of the whole
            for watcher in list(self.watchers.values()):
                self._attempt(watcher, (self.next_offset or 1) - 1, _packing)
            return self._packed()

    def agree(self, data: bytes) -> None:
        """Set aside what a snapshot of the same place has set aside; see `set_aside_state.agree`."""
        set_aside_state.agree(data, self.watchers, self.quarantine, QuarantinedFleet.unpacked)

    def _packed(self) -> bytes:
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
        if self._changed:  # absent before there was any
            facts["changed"] = [[key.text(), told.state()] for key, told in sorted(self._changed.items())]
        if self.missing:
            facts["missing"] = self.missing
        if self.quarantine:  # absent before there was any
            facts["quarantine"] = [[key.text(), q.packed()] for key, q in sorted(self.quarantine.items())]
        arrays: codec.Arrays = {}
        for i, (key, watcher) in enumerate(self.watchers.items()):
            state, mine = watcher.state()
            facts["watchers"].append([key.text(), state])
            arrays |= {f"{i}.{name}": array for name, array in mine.items()}
        return codec.pack(facts, arrays)

    @classmethod
    def unpack(cls, data: bytes, config: WatchConfig, partitions: int, program: str = "") -> FleetShard:
        """Inverse of `pack`.

        Raises
        ------
        detectors.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        facts, arrays = codec.unpack(data)
        shard = cls(config, partitions, program)
        shard.next_offset, shard.event_ns = facts["next_offset"], facts["event_ns"]
        shard.repeated = facts["repeated"]
        shard.chain = LogChain(*facts.get("chain", ()))
        shard._applied = dict(map(tuple, facts["applied"]))
        shard._until = {(t, lin): dict(map(tuple, told)) for t, lin, told in facts["until"]}
        for text, state in facts["granted"]:
            granted = ServiceBudget.of(state)
            if granted is not None:
                shard._granted[ServiceKey.parse(text)] = granted
        for text, told in facts.get("changed", ()):
            known = ChangedSettings(config.config_hash)
            known.restore(told, config)
            if known.body:
                shard._changed[ServiceKey.parse(text)] = known
        shard.missing = facts.get("missing", 0)
        shard.quarantine.update(set_aside_state.entries(facts, QuarantinedFleet.unpacked))
        for i, (text, state) in enumerate(facts["watchers"]):
            shard._restore(ServiceKey.parse(text), state, codec.part(arrays, f"{i}."))
        return shard

    def _restore(self, key: ServiceKey, state: dict[str, Any], arrays: codec.Arrays) -> None:
        """A watcher from a snapshot; one that cannot be read is set aside."""
        try:
            self.watchers[key] = FleetWatcher.restore(key, self._ruled(key), state, arrays)
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this fleet's alone
            watcher = FleetWatcher(key, self._config, 0)
            self._set_aside(watcher, error, (self.next_offset or 1) - 1)


def _adding(rows: list[SharedRow]) -> Callable[[FleetWatcher], list[Finding]]:
    def work(watcher: FleetWatcher) -> list[Finding]:
        watcher.add(rows)
        return []

    return work


def _granting(granted: ServiceBudget) -> Callable[[FleetWatcher], list[Finding]]:
    def work(watcher: FleetWatcher) -> list[Finding]:
        watcher.set_budget(granted)
        return []

    return work


def _packing(watcher: FleetWatcher) -> list[Finding]:
    """Raises what packing its state raises."""
    codec.pack(*watcher.state())
    return []
