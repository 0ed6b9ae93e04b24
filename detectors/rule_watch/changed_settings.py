"""Rules, objectives and declared limits of the settings that changed while a service is watched.

A control record says which there are now (`REPLACE`). They hold in place of those of the worker's own
settings until it is started with other settings than those they were told under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from detectors.declared_limits import Limit
from detectors.rule_faults import first_fault, slice_fault
from detectors.rules import Rule
from detectors.slo import Slo
from detectors.slo import fault as slo_fault
from detectors.watch_config import WatchConfig

REPLACE = "rules_of_settings"
"""Action of control records: the settings have these now. Parts of ``body``: rules, slos, limits."""

T = TypeVar("T")


def changed(config: WatchConfig, body: Mapping[str, Any]) -> WatchConfig:
    """The configuration with what a control record says; what it leaves out, or is unusable, is as before.

    One of several that cannot be used is left out alone.
    """
    parts: dict[str, Any] = {}
    for name, part, read in (
        ("rules", body.get("rules"), lambda one: _rule(one, config)),
        ("slos", body.get("slos"), lambda one: _slo(one, config)),
        ("limits", body.get("limits"), lambda one: _limit(one, config)),
    ):
        if isinstance(part, list | tuple):
            parts[name] = tuple(_usable(part, read))
    return replace(config, **parts)


def _usable(part: list[Any] | tuple[Any, ...], read: Callable[[Mapping[str, Any]], T | None]) -> Iterator[T]:
    for one in part:
        if isinstance(one, Mapping):
            try:
                made = read(one)
            except (ValueError, TypeError, KeyError):
                continue
            if made is not None:
                yield made


def _rule(one: Mapping[str, Any], config: WatchConfig) -> Rule | None:
    rule = Rule.of(one)
    return rule if first_fault(rule, config.specs, config.tick_s) is None else None


def _slo(one: Mapping[str, Any], config: WatchConfig) -> Slo | None:
    slo = Slo(**{**one, "services": tuple(one["services"])})
    if slo.score not in config.specs:
        return None
    return None if slice_fault(slo.slice) or slo_fault(slo, config.specs[slo.score]) else slo


def _limit(one: Mapping[str, Any], config: WatchConfig) -> Limit | None:
    limit = Limit(str(one["score"]), float(one["at_most"]), tuple(map(str, one["services"])))
    return limit if limit.score in config.specs and 0 < limit.at_most < 1 else None


@dataclass(slots=True)
class ChangedSettings:
    """What one watcher was told; ``config_hash`` is of the settings the worker runs with."""

    config_hash: str
    body: dict[str, Any] = field(default_factory=dict)

    def take(self, body: Mapping[str, Any], config: WatchConfig) -> WatchConfig:
        """Go by a control record: the configuration from now on."""
        self.body |= {name: body[name] for name in ("rules", "slos", "limits") if name in body}
        return changed(config, self.body)

    def state(self) -> dict[str, Any]:
        """Plain form for a snapshot; nothing where nothing was told."""
        return {"changed_settings": [self.config_hash, self.body]} if self.body else {}

    def restore(self, facts: Mapping[str, Any], config: WatchConfig) -> WatchConfig:
        """Inverse of `state`: the configuration as it was; what was told under other settings is over."""
        told_under, body = facts.get("changed_settings", ("", {}))
        return self.take(body, config) if told_under == self.config_hash else config
