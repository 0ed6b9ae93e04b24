"""Which finding or incident a failure belongs to: what fails together is done again one by one.

The one that fails is set aside, the others are done. A failure that most of them meet is of none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from alerts.errors import Defect
from alerts.faults import FINDINGS, INCIDENTS, OF_THE_WHOLE, Faults
from alerts.incidents.identity import place_of, shown_ns
from alerts.incidents.incident import Incident
from alerts.state.incident_state import Change, IncidentState
from alerts.state.ports import Message
from alerts.stored_rows import are_most
from detectors.finding import Finding
from infra.fault import Fault

Step = Callable[[IncidentState], list[Change]]
"""Computes changes on a draft."""
Apply = Callable[[IncidentState, Finding], list[Change]]
"""Computes on a draft what a finding changes."""


class Isolation:
    """``book`` gives the incidents as they are now; ``commit`` stores changes of a draft of it."""

    def __init__(
        self,
        book: Callable[[], IncidentState],
        apply: Apply,
        commit: Callable[[list[Change]], None],
        faults: Faults,
    ) -> None:
        self._book, self._apply, self._commit, self._faults = book, apply, commit, faults
        self._taken, self._failed = 0, 0

    def apply(self, found: Sequence[tuple[Message, Finding]]) -> list[tuple[Message, Fault]]:
        """Take findings; those that fail, and by what.

        Raises
        ------
        Defect
            If most have failed since the process began.
        """
        self._taken += len(found)
        try:
            self._commit(self._changes([finding for _, finding in found]))
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - which of them it is shows when each is taken alone
            tried = [(message, self._apply_alone(message, finding)) for message, finding in found]
        else:
            return []
        failed = [(message, fault) for message, fault in tried if fault is not None]
        self._failed += len(failed)
        if are_most(self._failed, self._taken):
            raise Defect(f"{self._failed} of {self._taken} findings failed, the last: {failed[-1][1]}")
        return failed

    def advance(self, step: Step) -> None:
        """Do a step for all incidents; if that fails, for each alone."""
        book = self._book()
        try:
            self._commit(step(book.draft()))
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - whose it is shows when it is done for each alone
            self._each(list(book), step)

    def _changes(self, findings: Sequence[Finding]) -> list[Change]:
        draft = self._book().draft()
        return [change for finding in findings for change in self._apply(draft, finding)]

    def _apply_alone(self, message: Message, finding: Finding) -> Fault | None:
        """Take one finding; if it fails for an incident of its place, once more without that."""
        source = message.source
        for may_be_another in (True, False):
            try:
                self._commit(self._changes([finding]))
                break
            except OF_THE_WHOLE:
                raise
            except Exception as error:  # noqa: BLE001 - it becomes a dead letter
                others = self._book().at(place_of(finding)) if may_be_another else []
                if not self._each(others, partial(_elapse, shown_ns(finding))):
                    what = f"{source.topic}/{source.partition}/{source.offset}"
                    return self._faults.note(FINDINGS, error, what)
        return None

    def _each(self, incidents: Sequence[Incident], step: Step) -> int:
        """Do a step for each incident alone, and set aside those for which it fails; how many.

        Raises
        ------
        Defect
            If it fails for most of many.
        """
        book = self._book()
        failed: list[tuple[Incident, Exception]] = []
        for incident in incidents:
            try:
                self._commit(step(book.draft([incident.incident_id])))
            except OF_THE_WHOLE:
                raise
            except Exception as raised:  # noqa: BLE001 - it stays as it is
                failed.append((incident, raised))
        if are_most(len(failed), len(incidents)):
            raise Defect(f"{len(failed)} of {len(incidents)} incidents failed: {Fault.of(failed[-1][1])}")
        for incident, error in failed:
            book.set_aside(incident.incident_id)
            self._faults.note(INCIDENTS, error, incident.incident_id)
        return len(failed)


def _elapse(now_ns: int, draft: IncidentState) -> list[Change]:
    return draft.elapse(lambda _: now_ns)
