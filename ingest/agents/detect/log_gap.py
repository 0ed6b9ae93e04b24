"""Messages that are missing in the observation log."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.internal_findings import internal_alarm
from ingest.messages import Output

SCORE = DETECTOR = "missing_observations"


@dataclass(frozen=True, slots=True)
class LogGap:
    """The messages between two offsets of the log, both excluded, were gone before they were read."""

    after: int
    before: int

    def text(self, partition: int) -> str:
        """What is missing and where to look."""
        return (
            f"observations {self.after + 1} to {self.before - 1} of partition {partition} were gone before "
            "they were read: they are stored as interactions, and were not watched; compare the topic's "
            "retention with the time for which no worker ran"
        )

    def to_output(self, partition: int, now_ns: int) -> Output:
        """The finding of it: a page, since services were not watched for a while."""
        return internal_alarm(
            SCORE,
            str(partition),
            str(self.after),
            at_ns=now_ns,
            severity="page",
            detector=DETECTOR,
            note=self.text(partition),
        )
