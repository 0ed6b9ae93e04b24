"""Which exceptions in detection no single service is to blame for."""

from __future__ import annotations

from ingest.errors import IngestError

OF_THE_WHOLE = (IngestError, MemoryError)
"""A store that is away, a log with a gap, a machine that is full."""
