"""What the incident service needs: settings, a store (`alerts.repository`) and a post (`alerts.feed`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from alerts.allow_rules.rule import AllowRule, AllowRules
from alerts.briefs.brief import Brief, Links
from alerts.changes.change_event import RecordedChange
from alerts.incidents.escalation import Arrival, Arrivals, Policies
from alerts.incidents.identity import Place
from alerts.incidents.incident import Incident
from alerts.incidents.timing import Timing
from alerts.silences.silence import Silence, Silences
from alerts.state.incident_state import Arrived, Change, Route
from detectors.finding import Finding
from detectors.observation import Control
from infra.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message stood in the log of findings."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Message:
    """One raw message of the log of findings."""

    source: Source
    value: bytes


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message the history says is due. ``attempts`` of it were begun; ``done``: sent or given up.

    ``due_ns`` is when it was due, on the wall clock (0: not known).
    """

    incident: Incident
    seq: int
    kind: str
    receiver: str
    attempts: int
    done: bool
    due_ns: int = 0


FAR_FUTURE_NS = 7_300_000_000_000_000_000
"""Later than any time that a finding may name (2200)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Closed ticks: how often some scores were measured, hits among those, and when the last tick began.

    Without a tick ``upto_ns`` is the time that was asked from.
    """

    n: int
    hits: int
    upto_ns: int

    def to_its_end(self, after_ns: int, tick_s: int) -> Closed:
        """The same up to when the last tick ended: what came until then is judged."""
        if self.upto_ns <= after_ns:
            return self
        return replace(self, upto_ns=self.upto_ns + tick_s * NS_PER_S)


class Store(Protocol):
    """Where incidents are kept. Every method raises `Unavailable` when it does not answer."""

    def store(self, changes: Sequence[Change], brief: Callable[[Incident], Brief]) -> None:
        """Append histories and replace newest states; may be repeated."""

    def load(self) -> list[Incident]:
        """Recent incidents, as their newest row says, newest change first."""

    def outbox(self) -> list[Undelivered]:
        """Recent messages with how far each got, oldest first."""

    def silences(self) -> Silences:
        """Every silence that has not ended, and those that ended lately."""

    def store_silence(self, silence: Silence) -> None:
        """Append that a silence was made, or that it ended; may be repeated."""

    def allow_rules(self) -> AllowRules:
        """Every allow rule that has not expired long ago."""

    def store_allow_rule(self, rule: AllowRule) -> None:
        """Append that an allow rule was made, or that it was removed; may be repeated."""

    def policy_findings(self, tenant: str, lineage: str, after_ns: int) -> list[Finding]:
        """Stored policy findings of a lineage that were made since a time, newest first."""

    def store_changes(self, changes: Sequence[RecordedChange]) -> None:
        """Keep what was recorded as changed; may be repeated."""

    def decisions(self) -> dict[str, tuple[str, str]]:
        """Recent incidents that a person accepted or called false: by id, who and why."""

    def closed(
        self, place: Place, scores: Sequence[str], after_ns: int, before_ns: int = FAR_FUTURE_NS
    ) -> Closed:
        """What the closed ticks of a place that begin after (and before) a time hold of some scores."""


class Post(Protocol):
    """Where others hear of it. Sends are not waited for; `flush` waits."""

    def incident(self, incident_id: str, value: str) -> None:
        """The newest state of an incident."""

    def action(self, key: str, value: dict[str, Any]) -> None:
        """What a person did, under the id of the incident or silence."""

    def control(self, record: Control) -> None:
        """What detection is to obey, into the observation log of its service."""

    def dead_letter(self, source: Source, value: bytes, kind: str, reason: str) -> None:
        """What could not be taken: a short name of why for the account, and the reason in words."""

    def flush(self) -> None:
        """Wait until everything is acknowledged; raise `Unavailable` if it is not."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a desk is told once; ``arrived`` says who has the newest message about an incident.

    ``policies`` are those that escalate it, ``arrival`` says what became of one message.
    """

    timing: Timing
    route: Route
    links: Links
    arrived: Arrived = lambda _: None
    policies: Policies = lambda _: ()
    arrival: Arrivals = lambda *_: Arrival()
