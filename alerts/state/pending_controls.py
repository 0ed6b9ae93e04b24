"""What people decided and detection follows: asked once it can no longer be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from alerts.errors import NotPossible
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import ACCEPTED, FALSE_ALARM, Incident
from alerts.silences.silence import Silence
from alerts.state.actions import DECISIONS, REOPEN, UNDO
from alerts.state.undo import check_silence
from infra.clock import Clock

Ask = Callable[[Incident, str, str], None]
"""Ask detection to follow the end of an incident: by whom and why."""
Find = Callable[[str], Incident | None]


@dataclass(slots=True)
class Decisions:
    """Decisions that wait until they can no longer be undone; the store knows those a process leaves behind.

    ``undo_ns`` is how long they wait, on the wall clock.
    """

    ask: Ask
    find: Find
    undo_ns: int
    clock: Clock
    _waiting: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def check(self, incident: Incident, action: str, silence: Silence | None = None) -> None:
        """Check that an action does not undo what detection was asked already, or what a lift undoes.

        ``silence`` is what covers the incident.

        Raises
        ------
        NotPossible
            If it does.
        """
        if action == UNDO:
            check_silence(incident, silence)
        decided = incident.undo is not None and incident.ending in (ACCEPTED, FALSE_ALARM)
        if action == UNDO and decided and incident.incident_id not in self._waiting:
            raise NotPossible(
                f"incident {incident.incident_id} ended as {incident.ending} and detection was asked to "
                "follow, which cannot be undone: to open it again: `lightship incidents reopen`"
            )

    def acted(self, incident: Incident, action: str, actor: str, reason: str) -> None:
        """Take note of what a person did; the incident is as it stands after it."""
        if action in (*DECISIONS, UNDO, REOPEN):
            self._waiting.pop(incident.incident_id, None)
        if action in DECISIONS:
            self._put(incident, self.clock.now_ns() + self.undo_ns, actor, reason)

    def load(self, stored: Mapping[str, tuple[str, str]]) -> None:
        """Start from the stored decisions; what was asked before is asked again, which changes nothing."""
        self._waiting.clear()
        for incident_id, (actor, reason) in stored.items():
            incident = self.find(incident_id)
            if incident is not None:
                last = incident.undo if incident.place.lineage == LIVE else None
                at_ns = -self.undo_ns if last is None else min(last.at_ns, self.clock.now_ns())
                self._put(incident, at_ns + self.undo_ns, actor, reason)

    def elapse(self) -> None:
        """Ask detection what can no longer be undone."""
        now_ns = self.clock.now_ns()
        for incident_id, (due_ns, actor, reason) in list(self._waiting.items()):
            if due_ns <= now_ns:
                del self._waiting[incident_id]
                incident = self.find(incident_id)
                if incident is not None:
                    self.ask(incident, actor, reason)

    def _put(self, incident: Incident, due_ns: int, actor: str, reason: str) -> None:
        if due_ns <= self.clock.now_ns():
            self.ask(incident, actor, reason)
        else:
            self._waiting[incident.incident_id] = (due_ns, actor, reason)
