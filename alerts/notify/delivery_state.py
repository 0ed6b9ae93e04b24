"""What became of the messages of the last two days, and what has to be sent again. Pure but for a lock.

A message that a receiver refused for good, that was tried for a day, or that our own code failed on is given
up. Whoever should have had it gets it again when the receiver works: after the next message it took, or
after ``lightship alerts test``. Until then a page goes to the receiver's ``fallback``. What was due to a
receiver that the settings do not have any more goes to whom they name now. All of it follows from the log of
deliveries and the incidents as they stand, so a restart sends nothing twice.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.incidents.escalation import Arrival
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED, Incident
from alerts.notify.pipeline import Attempt
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery
from infra.clock import NS_PER_S

KEPT_S = 48 * 3600.0
"""How long what became of a message is remembered."""
RESENT_S = 24 * 3600.0
"""How long after it was given up a message is sent again."""
MOST_LATE = 3
"""How often a message is sent again that is refused each time although the receiver takes others."""
PAGE = "page"
_KEY = re.compile(r".*-(\d{1,9})-late-(\d{1,9})|.*-(\d{1,9})")


def late_key(incident_id: str, seq: int, late: int) -> str:
    """Key of a message about one transition; ``late`` says how often it was begun anew (0: the first)."""
    return f"{incident_id}-{seq}-late-{late}" if late else f"{incident_id}-{seq}"


def number_of(dedup_key: str) -> tuple[int, int] | None:
    """The transition and how often its message was begun anew, by its key; ``None`` of other keys."""
    found = _KEY.fullmatch(dedup_key)
    if found is None:
        return None
    return (int(found[1]), int(found[2])) if found[1] else (int(found[3]), 0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message to one receiver; times are ns since 1970 UTC on the wall clock.

    ``outcome`` is empty while it is due. ``routed``: it was due to this receiver when the incident changed,
    and not in place of another. ``handed``: the receiver's sender has it.
    """

    receiver: str
    incident_id: str
    seq: int
    kind: str
    severity: str
    due_ns: int
    late: int = 0
    attempts: int = 0
    outcome: str = ""
    at_ns: int = 0
    reason: str = ""
    routed: bool = True
    handed: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """A receiver that took nothing since it gave up a page: since when, and why it did last."""

    since_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resend:
    """A message to be sent about an incident as it stands now, ``attempts`` of which were made.

    ``instead_of`` is the receiver that gave it up, where another gets it in its place.
    """

    receiver: str
    incident: Incident
    seq: int
    late: int
    kind: str
    due_ns: int
    attempts: int = 0
    instead_of: str = ""


Find = Callable[[str], Incident | None]
"""An incident by its id."""
Heirs = Callable[[Incident], Sequence[str]]
"""Who gets what a receiver was to get that is not in the settings any more."""
_Messages = dict[tuple[int, int], Fate]


class DeliveryState:
    """What became of messages, by incident and receiver. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fates: dict[str, dict[str, _Messages]] = {}
        self._works: dict[str, int] = {}
        self._gave_up: set[str] = set()
        self._news = False

    def load(self, fates: Iterable[Fate], works: Mapping[str, int]) -> None:
        """Start from the log of deliveries; ``works`` is when each receiver took something last, in ns."""
        with self._lock:
            self._fates, self._works, self._gave_up, self._news = {}, dict(works), set(), True
            for fate in fates:
                self._put(fate)

    def forget(self) -> None:
        """Another process sends now."""
        with self._lock:
            self._fates, self._works, self._gave_up, self._news = {}, {}, set(), False

    def news(self) -> bool:
        """Whether something happened, since this was last asked, by which something may have to be sent."""
        with self._lock:
            news, self._news = self._news, False
        return news

    def due(self, delivery: Delivery, attempts: int = 0, *, routed: bool = True) -> None:
        """A sender has a message; what is known of it already stays."""
        number = number_of(delivery.dedup_key)
        if number is None:
            return
        seq, late = number
        with self._lock:
            known = self._messages(delivery.incident_id, delivery.receiver).get(number)
            if known is None:
                known = Fate(
                    delivery.receiver,
                    delivery.incident_id,
                    seq,
                    delivery.kind,
                    delivery.brief.severity,
                    delivery.due_ns,
                    late,
                    attempts,
                    routed=routed,
                )
            self._put(replace(known, handed=True))
            self._news |= bool(self._gave_up)

    def attempted(self, attempt: Attempt) -> None:
        """An attempt ended."""
        delivery = attempt.delivery
        number = number_of(delivery.dedup_key)
        with self._lock:
            if attempt.outcome == SENT:
                self._works[delivery.receiver] = max(attempt.at_ns, self._works.get(delivery.receiver, 0))
            known = number and self._messages(delivery.incident_id, delivery.receiver).get(number)
            if known and attempt.outcome in (SENT, GAVE_UP):
                ended = replace(known, outcome=attempt.outcome, at_ns=attempt.at_ns, reason=attempt.reason)
                self._put(replace(ended, attempts=attempt.number))
                self._news |= bool(self._gave_up)
            elif known and attempt.outcome == RETRY:
                self._put(replace(known, attempts=attempt.number))

    def works(self, receiver: str, at_ns: int) -> None:
        """A receiver took a message of a trial."""
        with self._lock:
            self._works[receiver] = max(at_ns, self._works.get(receiver, 0))
            self._news = True

    def took_ns(self, receiver: str) -> int | None:
        """When a receiver took something last, if that is known."""
        with self._lock:
            return self._works.get(receiver)

    def refused(self, receiver: str) -> Refused | None:
        """Whether a receiver gave up a page and took nothing since; what it refuses once more is not news."""
        with self._lock:
            took_ns = self._works.get(receiver, 0)
            lost = [
                fate
                for fate in self._of(receiver)
                if (fate.outcome, fate.severity, fate.late) == (GAVE_UP, PAGE, 0) and fate.at_ns > took_ns
            ]
        if not lost:
            return None
        lost.sort(key=lambda fate: fate.at_ns)
        return Refused(lost[0].at_ns, lost[-1].reason)

    def arrived(self, incident_id: str) -> dict[str, int] | None:
        """Who has the newest message about an incident, and since when (ns); ``None`` if it is not known."""
        with self._lock:
            known = self._fates.get(incident_id)
            if not known:
                return None
            newest = max(seq for messages in known.values() for seq, _ in messages)
            found: dict[str, int] = {}
            for receiver, messages in known.items():
                took = [f.at_ns for (seq, _), f in messages.items() if seq == newest and f.outcome == SENT]
                if took:
                    found[receiver] = min(took)
            return found

    def arrival(self, incident_id: str, seq: int) -> Arrival:
        """What became of the message about one transition, whoever took it."""
        with self._lock:
            by_receiver = self._fates.get(incident_id, {})
            found = [[fate for fate in m.values() if fate.seq == seq] for m in by_receiver.values()]
        fates = [one for one in found if one]
        took = [fate.at_ns for one in fates for fate in one if fate.outcome == SENT]
        newest = [max(one, key=lambda fate: fate.late).outcome for one in fates]
        return Arrival(min(took, default=None), bool(newest) and set(newest) == {GAVE_UP} and not took)

    def resends(
        self, find: Find, fallbacks: Mapping[str, str], now_ns: int, heirs: Heirs = lambda _: ()
    ) -> list[Resend]:
        """What is to be sent now beside what the history of incidents says is due.

        Parameters
        ----------
        find
            An incident by its id.
        fallbacks
            The fallback of each configured receiver; empty where it has none.
        now_ns
            Time on the wall clock.
        heirs
            Who gets what a receiver had to get that is no longer configured.
        """
        with self._lock:
            self._forget_old(now_ns)
            works = dict(self._works)
            unfinished = {
                incident_id: {r: dict(m) for r, m in by.items()}
                for incident_id, by in self._fates.items()
                if _is_unfinished(by, fallbacks)
            }
        found: list[Resend] = []
        for incident_id, by_receiver in unfinished.items():
            incident = find(incident_id)
            if incident is None or incident.silence is not None:
                continue
            for receiver, messages in by_receiver.items():
                if receiver in fallbacks:
                    found += _again(incident, receiver, messages, works.get(receiver, 0), now_ns)
                    others = [fallbacks[receiver]]
                else:
                    others = [*heirs(incident)]
                for other in (name for name in others if name in fallbacks):
                    is_gone = receiver not in fallbacks
                    found += _instead(incident, receiver, by_receiver, other, now_ns, is_gone=is_gone)
        unique = {(one.receiver, one.incident.incident_id, one.seq, one.late): one for one in reversed(found)}
        return [*reversed(unique.values())]

    def _messages(self, incident_id: str, receiver: str) -> _Messages:
        return self._fates.get(incident_id, {}).get(receiver, {})

    def _put(self, fate: Fate) -> None:
        by_receiver = self._fates.setdefault(fate.incident_id, {})
        by_receiver.setdefault(fate.receiver, {})[fate.seq, fate.late] = fate
        if fate.outcome == GAVE_UP:
            self._gave_up.add(fate.receiver)

    def _of(self, receiver: str) -> Iterator[Fate]:
        return (fate for by in self._fates.values() for fate in by.get(receiver, {}).values())

    def _forget_old(self, now_ns: int) -> None:
        """Drop incidents about which nothing was due or done for long."""
        oldest_ns = now_ns - int(KEPT_S * NS_PER_S)
        old = [
            incident_id
            for incident_id, by in self._fates.items()
            if all(max(f.due_ns, f.at_ns) < oldest_ns for messages in by.values() for f in messages.values())
        ]
        for incident_id in old:
            del self._fates[incident_id]


def last(messages: _Messages) -> Fate:
    """The newest message to a receiver about an incident."""
    return messages[max(messages)]


def _is_unfinished(by_receiver: Mapping[str, _Messages], fallbacks: Mapping[str, str]) -> bool:
    """Whether somebody may lack a message about an incident."""
    found = [(receiver, last(messages)) for receiver, messages in by_receiver.items()]
    return any(fate.outcome != SENT or fallbacks.get(receiver) in by_receiver for receiver, fate in found)


def _again(incident: Incident, receiver: str, messages: _Messages, took_ns: int, now_ns: int) -> list[Resend]:
    """What a receiver that works again is told of an incident: how it stands, if it does not know."""
    newest = last(messages)
    heard = any(fate.outcome == SENT for fate in messages.values())
    if newest.outcome == "" and not newest.handed and not newest.routed:  # begun before a restart
        kind = newest.kind
        return [Resend(receiver, incident, newest.seq, newest.late, kind, newest.due_ns, newest.attempts)]
    is_fresh = newest.at_ns < took_ns and now_ns - newest.at_ns <= RESENT_S * NS_PER_S
    if newest.outcome != GAVE_UP or newest.late >= MOST_LATE or not is_fresh:
        return []
    kind = newest.kind if heard else "opened"
    if not _is_owed(incident, kind, heard=heard):
        return []
    taken_ns = max((f.at_ns for f in messages.values() if f.outcome == SENT), default=0)
    due_ns = min(f.due_ns for f in messages.values() if f.outcome == GAVE_UP and f.at_ns >= taken_ns)
    return [Resend(receiver, incident, newest.seq, newest.late + 1, kind, due_ns)]


def _is_owed(incident: Incident, kind: str, *, heard: bool) -> bool:
    """Whether a message says what holds: an end to whoever heard of the beginning, else what is open."""
    if incident.state == RESOLVED:
        return kind == "resolved" and heard
    return incident.state in (FIRING, RECOVERING) and kind not in ("resolved", "reminder")


def _instead(
    incident: Incident,
    receiver: str,
    by_receiver: Mapping[str, _Messages],
    other: str,
    now_ns: int,
    *,
    is_gone: bool,
) -> list[Resend]:
    """What another is told in place of a receiver: a page that was given up, and how that incident goes on.

    ``is_gone``: the receiver is not in the settings any more, so that tickets are told, too.
    """
    newest, known = last(by_receiver[receiver]), by_receiver.get(other, {})
    known_seq = max((seq for seq, _ in known), default=0)
    stands_in = bool(known) and all(not fate.routed for fate in known.values())
    is_lost = newest.outcome == GAVE_UP and (is_gone or newest.severity == PAGE) and not newest.late
    if newest.seq <= known_seq or not (stands_in or is_lost):
        return []
    kind = newest.kind if known else "opened"
    is_young = now_ns - max(newest.due_ns, newest.at_ns) <= RESENT_S * NS_PER_S
    heard = any(fate.outcome == SENT for fate in known.values())
    if not is_young or not (_is_owed(incident, kind, heard=heard) or (known and kind == "reminder")):
        return []
    return [Resend(other, incident, newest.seq, 0, kind, newest.due_ns, instead_of=receiver)]
