"""Figures of an incident up to now, from the store, for messages and for who asks; none while it is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from alerts.briefs import words
from alerts.briefs.brief import MAX_NOTE, Brief
from alerts.briefs.stored import Found
from alerts.errors import Unavailable
from alerts.incidents.incident import Incident
from infra.clock import NS_PER_S, Clock

logger = logging.getLogger(__name__)

FRESH_S = 5.0
"""How long figures stand for all messages about one incident."""
MOST = 256
"""Incidents whose figures are remembered."""


class Counts:
    """Counts with ``count``, which may raise `Unavailable`. For any thread."""

    def __init__(self, count: Callable[[Incident], Found], clock: Clock) -> None:
        self._count, self._clock = count, clock
        self._known: dict[str, tuple[int, int, Found]] = {}

    def of(self, incident: Incident) -> Found:
        """Figures of an incident; a message does not wait for a store that is away."""
        now_ns = self._clock.now_ns()
        revision, at_ns, found = self._known.get(incident.incident_id, (-1, 0, (None, ())))
        if revision == incident.revision and now_ns - at_ns < FRESH_S * NS_PER_S:
            return found
        try:
            found = self._count(incident)
        except Unavailable as error:
            logger.warning("a message goes with the figures of its findings: %s", error)
            found = None, ()
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[incident.incident_id] = incident.revision, now_ns, found
        return found

    def into(self, brief: Brief, incident: Incident | None) -> Brief:
        """A brief with figures up to now, where there are any."""
        if incident is None:
            return brief
        tally, lines = self.of(incident)
        particulars = tuple(words.plain(line, MAX_NOTE) for line in lines) or brief.what.particulars
        return replace(brief, tally=tally or brief.tally, what=replace(brief.what, particulars=particulars))
