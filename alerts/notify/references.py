"""What later messages about an incident have to know of earlier ones, for one receiver.

A channel hands it out with the outcome of a message (`Outcome.reference`), it is stored with the attempt and
read again when another process sends: what Slack calls the first message, when an alert began for an
Alertmanager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


class References:
    """References by incident. One thread asks; `forget` is for any."""

    def __init__(self, stored: Callable[[], Mapping[str, str]] = dict) -> None:
        self._stored = stored
        self._known: dict[str, str] | None = None

    def of(self, incident_id: str) -> str:
        """The newest reference; empty if there is none.

        Raises
        ------
        Unavailable
            If the stored ones are needed and cannot be read now.
        """
        known = self._known
        if known is None:
            known = self._known = dict(self._stored())
        return known.get(incident_id, "")

    def set(self, incident_id: str, reference: str) -> None:
        """Keep one that is about to be stored."""
        if self._known is not None:
            self._known[incident_id] = reference

    def forget(self) -> None:
        """Another process sends now: what is stored is read again before it is used."""
        self._known = None
