"""Changes that people or tools recorded: a release, a rebuilt index, a provider's incident. Pure.

One that lies near the onset of an incident at its place is a suspect of it, before those that detection found
in the data: somebody said that something was done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerts.errors import BadRecord
from alerts.incidents import multi_service
from alerts.incidents.incident import Incident
from alerts.incidents.intake import EARLIEST, LATEST
from detectors.encodable import encodable
from detectors.finding import Suspect
from infra.clock import NS_PER_S, to_ns

MARKER = "marker"
"""The action of an entry of the topic ``actions`` that records a change."""
BEFORE_S, AFTER_S = 6 * 3600, 600
"""A suspect lies at most so long before the earliest onset, or after the latest: clocks differ."""
MOST = 2000
"""Changes that are remembered; the oldest go first."""
MAX_TEXT = 1024
"""Characters of a name or value of a recorded change."""
NEAREST = 5
"""Recorded changes an incident names."""


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """What was done and where; ``service`` and ``environment`` are ``None`` for all of them."""

    tenant: str
    lineage: str
    service: str | None
    environment: str | None
    suspect: Suspect

    @property
    def at_ns(self) -> int:
        """When, in ns since 1970 UTC."""
        return to_ns(self.suspect.since)

    def concerns(self, incident: Incident) -> bool:
        """Whether it was done where the incident is."""
        place = incident.place
        return (
            (self.tenant, self.lineage) == (place.tenant, place.lineage)
            and self.environment in (None, place.environment)
            and (self.service is None or self.service in multi_service.services_of(incident))
        )


@dataclass(frozen=True, slots=True)
class RecordedChanges:
    """Those that are remembered, oldest first. Never changed in place."""

    all: tuple[RecordedChange, ...] = ()

    def with_(self, more: Iterable[RecordedChange]) -> RecordedChanges:
        """These and more, each once."""
        every = sorted(dict.fromkeys((*self.all, *more)), key=lambda c: c.at_ns)
        return RecordedChanges(tuple(every[-MOST:]))

    def near(self, incident: Incident) -> tuple[Suspect, ...]:
        """What was recorded of its place around its onset, the nearest first, with what it names already."""
        onset = incident.onset
        low_ns, high_ns = onset.low_ns - BEFORE_S * NS_PER_S, onset.high_ns + AFTER_S * NS_PER_S
        found = [c.suspect for c in self.all if low_ns <= c.at_ns <= high_ns and c.concerns(incident)]
        every = dict.fromkeys((*incident.recorded, *found))
        return tuple(sorted(every, key=lambda s: abs(to_ns(s.since) - incident.onset_ns)))[:NEAREST]


def read_change(value: bytes) -> RecordedChange | None:
    """A message of the topic ``actions``; ``None`` if it records something else.

    Raises
    ------
    BadRecord
        If it is none of our entries.
    """
    try:
        entry: dict[str, Any] = json.loads(value)
        if entry["action"] != MARKER:
            return None
        since = datetime.fromisoformat(entry["since"])
        texts = [entry["kind"], entry["value"], entry["tenant"], entry["lineage"]]
        optional = [entry.get("service"), entry.get("environment")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadRecord(f"not an entry of the topic actions: {type(error).__name__}") from error
    given = [*texts, *(text for text in optional if text is not None)]
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in given):
        raise BadRecord(f"a recorded change must name texts of at most {MAX_TEXT} characters")
    if since.tzinfo is None or not EARLIEST <= since <= LATEST:
        raise BadRecord(f"a change recorded for {since.isoformat()}: give a time of this era, with its zone")
    kind, what, tenant, lineage = (encodable(text) for text in texts)
    service, environment = (None if text is None else encodable(text) for text in optional)
    return RecordedChange(tenant, lineage, service, environment, Suspect(kind, what, since.astimezone(UTC)))
