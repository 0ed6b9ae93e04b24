"""What a shard's closed ticks become on the way to the fleet shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.closed_ticks import Entry, Report, encode
from infra.kafka import TICKS
from ingest.messages import Output

ENTRIES = 256
"""In a message; a tick of a busy shard may be some hundred kilobytes."""


def reports(partition: int, entries: Sequence[Entry]) -> Iterator[Output]:
    """Messages with the entries of one partition, in order."""
    for first in range(0, len(entries), ENTRIES):
        report = Report(partition, tuple(entries[first : first + ENTRIES]))
        yield Output(TICKS.name, str(partition).encode(), encode(report), 0)
