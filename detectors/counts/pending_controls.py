"""Control records of one service that wait for their tick.

A control record changes what a detector holds. It is obeyed before the first tick at or after the one it
names closes, or before the next one if that is past: both follow from its place in the log and from the marks
around it, so a log read again, or in other batches, gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from detectors.observation import Control, ServiceKey


class Waiting:
    """Records that were read and not obeyed yet, in order of tick, then of the log."""

    def __init__(self, key: ServiceKey) -> None:
        self._key = key
        self._records: list[Control] = []

    def add(self, record: Control) -> None:
        """Note one; it takes effect at its tick."""
        self._records.append(record)
        self._records.sort(key=lambda r: r.tick)  # stable: the order of the log within a tick

    def due(self, tick: int) -> list[Control]:
        """Take those that hold from ``tick`` on or longer."""
        ripe = [r for r in self._records if r.tick <= tick]
        self._records = self._records[len(ripe) :]
        return ripe

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [[r.action, r.tick, sorted(r.body.items())] for r in self._records]

    def restore(self, state: Iterable[tuple[str, int, Iterable[tuple[str, Any]]]]) -> None:
        """Inverse of `state`."""
        self._records = [Control(self._key, action, tick, dict(items)) for action, tick, items in state]


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A text of a control record's body, empty where it has none."""
    value = body.get(name)
    return value if isinstance(value, str) else ""
