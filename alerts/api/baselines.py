"""The part of the alerts API about baselines: levels as they were learned, and people who accept them.

``GET /baselines`` lists; ``POST /baselines/accept`` takes levels for fine; ``/adopt`` has a service watch
by what an import learned; ``/expect`` announces a boundary after which new levels are fine. Who decides
gives a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from alerts.baselines.adoption import Source, adopting, learned_by
from alerts.baselines.proposal import LearnedBaseline, accepting, is_whole, proposals
from alerts.errors import NotPossible
from detectors.baselines.expected import expect_body
from detectors.baselines.proposal import FINE
from detectors.finding import parse_rfc3339
from detectors.observation import Control, ServiceKey

LIVE, TENANT = "live", "default"
FILTERS = ("tenant", "lineage", "service", "environment", "unit", "score", "slice")
PLACE = ("tenant", "lineage", "service", "environment")


class BaselineStore(Protocol):
    """Where learned levels are read. Raises `Unavailable` when it does not answer."""

    def baselines(self, tenant: str, lineage: str, *, slices: bool) -> list[LearnedBaseline]:
        """Every watched series of a lineage."""

    def shard_snapshots(self) -> Sequence[bytes]:
        """The newest snapshot of each shard of detection."""


Act = Callable[[Mapping[str, str], str, str], dict[str, Any]]
Send = Callable[[Sequence[Control]], None]
"""Writes control records to the observation log and waits; raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class BaselinesApi:
    """What people ask and say about levels. Methods raise `Unavailable`, `NotPossible` says why not."""

    store: BaselineStore
    send: Send
    tick_s: int

    @property
    def actions(self) -> Mapping[str, tuple[tuple[str, ...], Act]]:
        """What may be done: what a request may name beside who and why, and the method."""
        return {
            "accept": ((*FILTERS, "version"), self.accept),
            "adopt": ((*PLACE, "from", "from_service", "from_environment"), self.adopt),
            "expect": ((*PLACE, "at", "scores"), self.expect),
        }

    def listed(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """Proposals that match; the whole of each score unless a slice is asked for."""
        return [p.to_dict() for p in proposals(*self._chosen(asked))]

    def accept(self, asked: Mapping[str, str], actor: str, reason: str) -> dict[str, Any]:
        """Accept the levels that match and are not fine already; ``version`` must be the current one."""
        if not asked.get("service"):
            raise NotPossible("name the service whose levels are accepted")
        _, chosen = self._chosen(asked)
        if not chosen:
            raise NotPossible("no watched series matches: it may still be learning")
        version = asked.get("version")
        if version and any(one.version != version for one in chosen):
            raise NotPossible(f"the baseline is not version {version} any more: look at it again")
        open_ = [one for one in chosen if one.verdict not in FINE]
        self.send(accepting(open_, actor, reason))
        return {"v": 1, "accepted": [f"{one.score} in {one.slice}" for one in open_]}

    def adopt(self, asked: Mapping[str, str], actor: str, reason: str) -> dict[str, Any]:
        """Have a service watch by the baselines of another lineage."""
        target = place_of(asked)
        lineage, environment = asked.get("from", ""), asked.get("from_environment")
        if not lineage or lineage == target.lineage:
            raise NotPossible("name with from the lineage, another one, whose baselines are adopted")
        source = Source(target.tenant, lineage, asked.get("from_service") or target.service, environment)
        learned = learned_by(self.store.shard_snapshots(), source)
        self.send([adopting(learned, target, actor, reason)])
        return {"v": 1, "adopted": learned.names()}

    def expect(self, asked: Mapping[str, str], actor: str, reason: str) -> dict[str, Any]:
        """Announce a boundary; ``scores`` are names with commas between them, ``at`` is RFC 3339."""
        try:
            at = parse_rfc3339(asked.get("at", ""))
        except ValueError as error:
            raise NotPossible(f"at must be a time such as 2026-03-17T04:05:00Z: {error}") from error
        scores = [name.strip() for name in asked.get("scores", "").split(",") if name.strip()]
        tick = int(at.timestamp()) // self.tick_s
        self.send([Control(place_of(asked), "expect", tick, dict(expect_body(scores, actor, reason)))])
        return {"v": 1, "expected": {"at": asked["at"], "scores": scores}}

    def _chosen(self, asked: Mapping[str, str]) -> tuple[list[LearnedBaseline], list[LearnedBaseline]]:
        slice_ = asked.get("slice", "all")
        tenant, lineage = asked.get("tenant", TENANT), asked.get("lineage", LIVE)
        levels = self.store.baselines(tenant, lineage, slices=slice_ != "all")
        names = [n for n in FILTERS if n not in ("tenant", "lineage", "slice") and n in asked]
        chosen = [
            one
            for one in levels
            if all(getattr(one, n) == asked[n] for n in names)
            and (is_whole(one) if slice_ == "all" else slice_ in ("*", one.slice))
        ]
        return levels, chosen


def place_of(asked: Mapping[str, str]) -> ServiceKey:
    """The service that is meant."""
    if not asked.get("service"):
        raise NotPossible("name the service")
    tenant, lineage = asked.get("tenant", TENANT), asked.get("lineage", LIVE)
    return ServiceKey(tenant, lineage, asked.get("environment", ""), asked["service"])
