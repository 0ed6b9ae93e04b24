"""Baselines of one lineage for a service of another: found in detection's snapshots, sent as one record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.errors import NotPossible
from detectors.drift.baselines import adopt
from detectors.drift.engine import snapshot
from detectors.observation import Control, ServiceKey
from detectors.scorers import SPECS


@dataclass(frozen=True, slots=True)
class Source:
    """Where baselines are taken from; without an environment it is the only one the service has."""

    tenant: str
    lineage: str
    service: str
    environment: str | None = None

    def is_in(self, key: ServiceKey) -> bool:
        """Whether a service is it."""
        return (key.tenant, key.lineage, key.service) == (self.tenant, self.lineage, self.service) and (
            self.environment in (None, key.environment)
        )


def baselines_of(snapshots: Iterable[bytes], source: Source) -> list[adopt.Kept]:
    """The baselines of a source.

    Raises
    ------
    NotPossible
        If there is no such service, several, or one that watches nothing yet.
    """
    found: dict[ServiceKey, list[adopt.Kept]] = {}
    for blob in snapshots:
        for text, state, arrays in snapshot.services(*snapshot.unpack(blob)):
            key = ServiceKey.parse(text)
            if source.is_in(key):
                found[key] = adopt.kept_in(state, arrays, SPECS)
    if not found:
        raise NotPossible(
            f"no service {source.service!r} in lineage {source.lineage!r}: name it as the import did, and "
            "wait half a minute after it ended"
        )
    if len(found) > 1:
        several = ", ".join(repr(key.environment) for key in sorted(found))
        raise NotPossible(f"{source.service!r} has several environments: name one of {several}")
    ((key, series),) = found.items()
    if not series:
        raise NotPossible(f"{key.text()} watches nothing yet: its span is shorter than detection.learn_days")
    return series


def adopting(series: list[adopt.Kept], target: ServiceKey, actor: str, reason: str) -> Control:
    """The record that has a service watch by these baselines, from its next tick on."""
    return Control(target, "adopt", 0, {"baselines": adopt.pack(series), "actor": actor, "reason": reason})
