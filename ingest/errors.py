"""What can go wrong between an application's telemetry and a stored row.

::

    IngestError
    ├── BadRecord        the sender's bytes; never succeeds on a retry (dead letter, 4xx)
    │   ├── TooLarge     over a size limit, before or after decompression (413)
    │   └── UnknownEncoding   a content encoding nobody here reads (415)
    ├── Unavailable      something we depend on; succeeds later (retry, 503)
    │   └── DiskFull     the disk has only its reserve left (503)
    └── Defect           our mistake; the process ends
        └── BrokenDeploy   most of what comes dies by it (the process says so first)
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.messages import Output


class IngestError(Exception):
    """Root of this room's errors. The message names the value and the remedy, never content."""


class BadRecord(IngestError):
    """The record cannot be processed, now or later."""


class TooLarge(BadRecord):
    """More bytes than the limit, counted after decompression."""


class UnknownEncoding(BadRecord):
    """A content encoding that is not identity, gzip, zstd or deflate."""


class Unavailable(IngestError):
    """A dependency does not answer; the same call may succeed later."""


class DiskFull(Unavailable):
    """The disk has only its reserve left; the message names it."""


class Defect(IngestError):
    """A state that our own code must never reach."""


class BrokenDeploy(Defect):
    """Most records die by a defect of ours. ``alarms`` are messages that tell people, to be sent first."""

    def __init__(self, says: str, alarms: Sequence[Output] = ()) -> None:
        super().__init__(says)
        self.alarms = tuple(alarms)
