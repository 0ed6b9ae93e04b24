"""Calling scorers on a batch so that one record they fail on costs that record alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from detectors.record import Record, Trace
from detectors.scorers.protocol import Scores, ScoreSpec
from infra.fault import Fault
from ingest.agents.fault import OF_THE_WHOLE

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scorers as functions, what their scores mean, and their versions by name.

    ``counters`` tells what the scorers count of themselves, by metric name; ``leaving_out`` gives ``records``
    without the scorers of these names, ``failing`` the scorers that have to be switched off, and why.
    """

    records: Callable[[Sequence[Record]], list[Scores]]
    traces: Callable[[Sequence[Trace]], list[Scores]]
    specs: Mapping[str, ScoreSpec]
    versions: Mapping[str, str]
    counters: Callable[[], Mapping[str, float]] = dict
    leaving_out: Callable[[frozenset[str]], Callable[[Sequence[Record]], list[Scores]]] | None = None
    failing: Callable[[], Mapping[str, str]] = dict

    def records_but(self, off: frozenset[str]) -> Callable[[Sequence[Record]], list[Scores]]:
        """``records``, but for the scorers in ``off``."""
        return self.records if not off or self.leaving_out is None else self.leaving_out(off)

    def version_hash(self) -> str:
        """16 hex digits over the versions, stored with every row."""
        text = json.dumps(sorted(self.versions.items()))
        return blake2b(text.encode(), digest_size=8).hexdigest()


def score_each(score: Callable[[Sequence[T]], list[Scores]], items: Sequence[T]) -> list[Scores | Exception]:
    """Scores of every item, or why it has none."""
    if not items:
        return []
    try:
        return list(score(items))
    except OF_THE_WHOLE:
        raise
    except Exception as error:  # noqa: BLE001 - scorers may be plug-ins
        if len(items) == 1:
            logger.error("scoring failed on one record with %s", Fault.of(error))
            return [error]
    half = len(items) // 2
    return [*score_each(score, items[:half]), *score_each(score, items[half:])]
