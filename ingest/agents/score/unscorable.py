"""A call that can be neither scored nor stored: its span becomes a dead letter, and nothing observes it."""

from __future__ import annotations

import logging

from infra.fault import Fault
from ingest.agents.score.decoding import dead_letter_span
from ingest.agents.score.work import Batch, ToScore

logger = logging.getLogger(__name__)


def dead_letter_call(batch: Batch, fresh: ToScore, kind: str, error: Exception) -> None:
    """Take a new call out of the batch; one that a log record told of costs no record, which is stored."""
    key = fresh.stored.key
    batch.buried.add(key)
    if fresh.stored.of_event:
        logger.error("a call that a log record tells is not stored: %s: %s", kind, Fault.of(error))
        fresh.work.event_calls -= 1
    else:
        dead_letter_span(fresh.work.decoded, key[2], key[3], kind, error)
        fresh.work.interactions -= 1
    for work in batch.works:
        work.touched = [t for t in work.touched if t.key != key]
