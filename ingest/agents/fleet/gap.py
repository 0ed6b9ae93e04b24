"""Entries that are missing in the log of closed ticks."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.internal_findings import internal_alarm
from ingest.messages import Output

SCORE = DETECTOR = "missing_ticks"


@dataclass(frozen=True, slots=True)
class Gap:
    """Of shard ``partition``, the entries between two offsets of its log never came, or could not be read."""

    partition: int
    after: int
    before: int

    def __str__(self) -> str:
        return (
            f"closed ticks of shard {self.partition} between log offsets {self.after} and {self.before} are "
            "missing: what services share is watched without them; compare the topic's retention with the "
            "time the fleet shard stood still, and look for its dead letters"
        )

    def to_output(self, now_ns: int) -> Output:
        """The finding of it: a page, since what services have in common is judged on less than there was."""
        return internal_alarm(
            SCORE,
            str(self.partition),
            str(self.after),
            at_ns=now_ns,
            severity="page",
            detector=DETECTOR,
            note=str(self),
        )
