"""Recorded changes in ClickHouse: rows of the table ``changes``, for pages that draw them."""

from __future__ import annotations

from typing import Any

from alerts.changes.change_event import RecordedChange
from detectors.encodable import encodable

EVERYWHERE = "*"
"""Environment of a change that is of all of them; an empty one is that of services that name none."""


def change_row(change: RecordedChange) -> dict[str, Any]:
    """A row of ``changes``."""
    return {
        "tenant": change.tenant,
        "lineage": change.lineage,
        "since": change.suspect.since,
        "service": change.service or "",
        "environment": EVERYWHERE if change.environment is None else change.environment,
        "kind": encodable(change.suspect.kind),
        "value": encodable(change.suspect.value),
    }
