"""What a channel is: something that takes a message and says sent, retry or gave up. The pipeline decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from alerts.briefs.brief import Brief
from alerts.digests.digest import Digest
from alerts.incidents.identity import Place
from alerts.incidents.incident import About

SENDING, SENT, RETRY, GAVE_UP = "sending", "sent", "retry", "gave_up"

MAX_REASON = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message due to one receiver.

    ``dedup_key`` is the same however often it is tried: a receiver that remembers keys sees a repeat for what
    it is. ``kind`` says why people are told: opened, raised, reopened or resolved. ``place`` is whose
    incident it is, as findings name it. ``due_ns`` is when it was due (ns since 1970 UTC on the wall clock;
    0: not known), ``instead_of`` the receiver that gave it up if this one stands in; ``again``: it
    was given up once and is sent again. ``first_about`` is what the incident's primary finding was about when
    people were first notified of it; ``None``: that was not kept.
    """

    dedup_key: str
    tenant: str
    incident_id: str
    seq: int
    receiver: str
    kind: str
    brief: Brief
    place: Place
    due_ns: int = 0
    instead_of: str = ""
    again: bool = False
    first_about: About | None = None


@dataclass(frozen=True, slots=True)
class DigestDelivery:
    """A digest due to one receiver, with what the log of deliveries wants to know of any message."""

    dedup_key: str
    tenant: str
    incident_id: str
    seq: int
    receiver: str
    kind: str
    digest: Digest


Message = Delivery | DigestDelivery


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    ``code`` is the receiver's answer; ``wait_s`` is how long it asked for; ``reference`` is what later
    messages about the incident have to know of this one (`alerts.notify.references`). ``uncertain``: the
    connection was lost after all was sent, so it may have arrived.
    """

    outcome: str
    reason: str = ""
    code: int | None = None
    wait_s: float | None = None
    reference: str = ""
    uncertain: bool = False

    def __post_init__(self) -> None:
        if self.outcome not in (SENT, RETRY, GAVE_UP):
            raise ValueError(f"outcome {self.outcome!r} is none of {SENT}, {RETRY}, {GAVE_UP}")


class Notifier(Protocol):
    """A channel. `send` never raises for what the channel does; it must not wait longer than its time-out."""

    def send(self, delivery: Delivery) -> Outcome:
        """Try once."""

    def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Digesting(Protocol):
    """What a notifier has besides `Notifier` if it takes digests."""

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Try once to send a digest."""
