"""What is known of the spans that a batch turns on: stored ones that were asked for, and those it plans."""

from __future__ import annotations

from collections.abc import Iterable

from detectors.observation import SourcePosition
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.repository.interaction import from_row as interaction_from_row
from ingest.repository.stage_store import SpanQuery, StageStore
from ingest.repository.tables import CONTEXT_SPANS, INTERACTIONS


class KnownSpans:
    """Interactions as they are stored or planned, and where steps are stored from, by key."""

    def __init__(self, store: StageStore) -> None:
        self._store = store
        self.interactions: dict[InteractionKey, StoredInteraction] = {}
        self.contexts: dict[InteractionKey, SourcePosition] = {}

    def find_interactions(self, asks: Iterable[SpanQuery]) -> None:
        """Ask the store for interactions; of one that is known the latest revision stays.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        for ask in asks:
            for row in self._store.find(INTERACTIONS, ask):
                found = interaction_from_row(row)
                have = self.interactions.get(found.key)
                if have is None or found.revision > have.revision:
                    self.interactions[found.key] = found

    def find_contexts(self, asks: Iterable[SpanQuery]) -> None:
        """Ask the store for steps.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        names = ("trace_id", "span_id", "source_topic", "source_partition", "source_offset")
        for ask in asks:
            for trace_id, span_id, *source in self._store.find(CONTEXT_SPANS, ask, names):
                self.contexts[ask.tenant, ask.lineage, trace_id, span_id] = SourcePosition(*source)
