"""Who is called next when nobody acknowledges: levels of a policy, each told once. Pure.

The receivers of a route are told at once. Each level then waits its time from when the level before it
arrived at the first of its receivers. What arrives nowhere is waited for no longer than that time from when
it was due, and not at all once every receiver has refused it. A level outside its hours is passed over: the
next one waits from when it would have been told, and it is told itself as soon as its hours begin, if still
nobody has acknowledged. Time is that on the wall, since it is people who are waited for.

What was told, and when, stands in the incident; when it arrived, in the log of deliveries. So a restart asks
the same and gets the same, and tells no level twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.incidents.events import Escalate
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import FIRING, Incident
from alerts.incidents.time_interval import TimeInterval
from infra.clock import NS_PER_S

ESCALATED = "escalated"
"""Why a level is told."""
ASKING = ("opened", "raised", "reopened")
"""Messages that ask for somebody, from which the first level waits."""


@dataclass(frozen=True, slots=True)
class Level:
    """``receivers`` are told ``wait_s`` after the level before arrived; in ``hours`` if there are any."""

    receivers: tuple[str, ...]
    wait_s: float
    hours: tuple[TimeInterval, ...] = ()

    def is_on(self, at_ns: int) -> bool:
        """Whether a time lies in its hours."""
        return not self.hours or any(one.holds(at_ns) for one in self.hours)


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels in the order in which they are called."""

    name: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one message: when the first receiver took it (wall clock, ns; ``None``: none has yet).

    ``is_refused``: every receiver of it has refused it for good.
    """

    first_ns: int | None = None
    is_refused: bool = False


Policies = Callable[[Incident], Sequence[Policy]]
"""The policies of an incident, by the routes it takes."""
Arrivals = Callable[[str, int], Arrival]
"""What became of the message about a transition, by the incident's id and the transition's number."""


def may_escalate(incident: Incident) -> bool:
    """Whether people were told of a live incident that goes on and nobody has acknowledged it."""
    i = incident
    is_told = i.state == FIRING and i.heard == i.severity and i.place.lineage == LIVE
    return is_told and i.acknowledged_by is None and i.held_by is None and i.silence is None


def next_level(incident: Incident, policy: Policy, arrivals: Arrivals, now_ns: int) -> Escalate | None:
    """The level to be told at ``now_ns`` (wall clock), of an incident first looked at at ``asked_ns``."""
    told = {call.level: call for call in incident.escalated if call.policy == policy.name}
    seq, due_ns = incident.asked_seq, incident.asked_ns or now_ns
    since_ns, is_refused = _since(arrivals(incident.incident_id, seq), due_ns)
    for number, level in enumerate(policy.levels, start=1):
        call = told.get(number)
        if call is not None and call.seq > incident.asked_seq:
            since_ns, is_refused = _since(arrivals(incident.incident_id, call.seq), call.at_ns)
            continue
        due_ns = since_ns if is_refused else since_ns + int(level.wait_s * NS_PER_S)
        if now_ns < due_ns:
            return None
        if call is None and level.is_on(now_ns):
            return Escalate(policy.name, number, level.receivers, _reason(policy, number, is_refused))
        since_ns, is_refused = due_ns, False
    return None


def _since(arrival: Arrival, due_ns: int) -> tuple[int, bool]:
    """From when the next level waits, and whether it need not wait."""
    if arrival.first_ns is not None:
        return arrival.first_ns, False
    return due_ns, arrival.is_refused


def _reason(policy: Policy, number: int, is_refused: bool) -> str:
    who = f"level {number} of {policy.name}"
    why = "no receiver before took the message" if is_refused else "nobody has acknowledged it"
    return f"{who}: {why}"
