"""The conversations of every lineage of a shard; those of one that fails begin anew.

A conversation lasts minutes or hours, so there is little to lose: where something raises, what is open in
that lineage is forgotten, counted and named, and nothing else is touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from detectors.engine import snapshot as codec
from detectors.observation import Observation
from detectors.scorers import score_conversations
from detectors.scorers.protocol import ScoreSpec
from infra.fault import Fault
from ingest.agents.detect.resting import LineageKey
from ingest.agents.fault import OF_THE_WHOLE
from ingest.units.conversations import Conversations, Limits

logger = logging.getLogger(__name__)
T = TypeVar("T")


class LineageConversations:
    """Conversations by lineage; ``faults`` are the last ones of lineages whose conversations began anew."""

    def __init__(self, specs: Mapping[str, ScoreSpec], limits: Limits) -> None:
        self._specs, self._limits = specs, limits
        self._of: dict[LineageKey, Conversations] = {}
        self.faults: dict[LineageKey, Fault] = {}
        self.failed = 0

    def add(self, lineage: LineageKey, observation: Observation, watermark_ns: int) -> None:
        """Take the calls of one observation."""
        self._attempt(lineage, lambda c: c.add(observation, watermark_ns))

    def advance(
        self, lineage: LineageKey, watermark_ns: int, offset: int, *, complete: bool
    ) -> list[Observation]:
        """Conversations that have ended, as one observation for each service."""
        return self._attempt(lineage, lambda c: c.advance(watermark_ns, offset, complete=complete)) or []

    def part_with_unpackable(self) -> None:
        """Begin anew where the state cannot be packed."""
        for lineage in list(self._of):
            self._attempt(lineage, lambda c: codec.pack({"state": c.state()}, {}))

    def counters(self) -> dict[str, float]:
        """What was counted since the first snapshot, by metric name."""
        found = self._of.values()
        return {
            "lightship_detect_conversations_open": float(sum(c.open for c in found)),
            "lightship_detect_conversations_evicted_total": float(sum(c.evicted for c in found)),
            "lightship_detect_conversation_calls_late_total": float(sum(c.late for c in found)),
            "lightship_detect_conversation_calls_not_taken_total": float(sum(c.not_taken for c in found)),
            "lightship_detect_conversations_begun_anew_total": float(self.failed),
        }

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [[*lineage, c.state()] for lineage, c in sorted(self._of.items())]

    def restore(self, state: Iterable[tuple[str, str, Sequence[Any]]]) -> None:
        """Inverse of `state`."""
        for tenant, lineage, packed in state:
            self._restore((tenant, lineage), packed)

    def _restore(self, lineage: LineageKey, packed: Sequence[Any]) -> None:
        self._attempt(lineage, lambda c: c.restore(packed))

    def _attempt(self, lineage: LineageKey, work: Callable[[Conversations], T]) -> T | None:
        if lineage not in self._of:
            self._of[lineage] = Conversations(score_conversations, self._specs, self._limits)
        try:
            return work(self._of[lineage])
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is of these conversations alone
            self.failed += 1
            self.faults[lineage] = Fault.of(error)
            logger.error("conversations of %s/%s begin anew: %s", *lineage, self.faults[lineage])
            del self._of[lineage]
            return None
