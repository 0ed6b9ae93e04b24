"""Who hears of what by the settings in force, which may change while the service runs."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.incidents.escalation import Policy
from alerts.incidents.incident import Incident
from alerts.notify.policies import policies_of
from alerts.notify.route import business_of, fallbacks_of, reachable, router
from detectors.finding import SEVERITIES
from infra.settings import Settings


class Routing:
    """Routes, escalations and fallbacks of settings; `use` replaces them all at once, for any thread."""

    def __init__(self, settings: Settings) -> None:
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        names = tuple(receiver.name for receiver in reachable(settings))
        self._chosen = router(settings), policies_of(settings), business_of(settings), names
        self.fallbacks = fallbacks_of(settings)

    def route(self, incident: Incident) -> tuple[str, ...]:
        """Names of the receivers for an incident."""
        return self._chosen[0](incident)

    def policies(self, incident: Incident) -> Sequence[Policy]:
        """The escalation policies of an incident."""
        return self._chosen[1](incident)

    def is_business_of(self, receiver: str, incident: Incident) -> bool:
        """Whether an incident is the business of a receiver."""
        return self._chosen[2](receiver, incident)

    def heirs(self, incident: Incident) -> tuple[str, ...]:
        """Who gets what is due about an incident to a receiver that is not configured any more.

        Those the routes name now; of a page that no route takes, all receivers there are.
        """
        routed = self.route(incident)
        return routed or (self._chosen[3] if incident.severity == SEVERITIES[0] else ())
