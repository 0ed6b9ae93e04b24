"""Baselines of one lineage for a service of another: found in detection's snapshots, sent as one record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.errors import NotPossible
from detectors.baselines import adopt
from detectors.engine import snapshot
from detectors.observation import Control, ServiceKey
from detectors.scorers import SPECS
from detectors.traffic.week_profile import WeekProfile


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


@dataclass(frozen=True, slots=True)
class Learned:
    """What a service has learned: its series, and how many calls come at each hour of the week."""

    series: list[adopt.Kept]
    profile: WeekProfile | None

    def names(self) -> list[str]:
        """What there is to adopt, in words."""
        traffic = [] if self.profile is None else ["calls by hour of the week"]
        return [f"{one.key.score} in {one.key.slice}" for one in self.series] + traffic


def learned_by(snapshots: Iterable[bytes], source: Source) -> Learned:
    """What a source has learned.

    Raises
    ------
    NotPossible
        If there is no such service, several, or one that watches nothing yet.
    """
    found: dict[ServiceKey, Learned] = {}
    for blob in snapshots:
        for text, state, arrays in snapshot.services(*snapshot.unpack(blob)):
            key = ServiceKey.parse(text)
            if source.is_in(key):
                series = adopt.kept_in(state, arrays, SPECS)
                found[key] = Learned(series, adopt.profile_kept_in(state, arrays))
    if not found:
        raise NotPossible(
            f"no service {source.service!r} in lineage {source.lineage!r}: name it as the import did, and "
            "wait half a minute after it ended"
        )
    if len(found) > 1:
        several = ", ".join(repr(key.environment) for key in sorted(found))
        raise NotPossible(f"{source.service!r} has several environments: name one of {several}")
    ((key, learned),) = found.items()
    if not learned.series:
        raise NotPossible(f"{key.text()} watches nothing yet: its span is shorter than detection.learn_days")
    return learned


def adopting(learned: Learned, target: ServiceKey, actor: str, reason: str) -> Control:
    """The record that has a service watch by what was learned, from its next tick on."""
    data = adopt.pack(learned.series, learned.profile)
    return Control(target, "adopt", 0, {"baselines": data, "actor": actor, "reason": reason})
