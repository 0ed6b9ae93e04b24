"""Adoption a few series at a time, so that nothing else waits for it.

To price what evidence costs takes about as long as a message, for each few series. So from a record's tick on
`PART` series are taken in with every message that the shard applies, of one service a message. Until its turn
comes a series goes on as it was. What comes when follows from the log alone; the shares of the budget are
dealt to all of a record's series at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from detectors.baselines.accept import Scene
from detectors.baselines.adopt import Packed, admitted, adopt_series
from detectors.baselines.learning import Learner
from detectors.counts.aggregate import Aggregate
from detectors.counts.pending_controls import text_of
from detectors.engine import snapshot
from detectors.observation import Control
from detectors.series.baseline_origin import ADOPTED, Origin

PART = 64
"""Series that are taken in at once."""


class Adoptions:
    """Records of one service that are being adopted, in order; ``_at`` series of the first one are done."""

    def __init__(self) -> None:
        self._records: deque[tuple[bytes, str, str]] = deque()
        self._at = 0
        self._packed: Packed | None = None

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Control) -> None:
        """Adopt what an ``adopt`` record holds, after those that wait."""
        data, body = record.body.get("baselines"), record.body
        if isinstance(data, bytes):
            self._records.append((data, text_of(body, "actor"), text_of(body, "reason")))

    def step(self, scene: Scene, fold: Aggregate, learner: Learner, renew: Callable[[], None]) -> None:
        """Take in the next few; what cannot be read is left out."""
        if not self._records:
            return
        data, actor, reason = self._records[0]
        try:
            if self._packed is None:
                self._packed = Packed(data)
                if self._at == 0:
                    scene.watch.shares.deal(admitted(self._packed.keys, scene, fold, renew), scene.config)
            origin = Origin(ADOPTED, scene.tick, actor, reason)
            adopt_series(self._packed.series(self._at, self._at + PART), origin, scene, fold, learner, renew)
            self._at += PART
            over = self._at >= len(self._packed)
        except snapshot.WrongSnapshot:
            over = True
        if over:
            self._records.popleft()
            self._at, self._packed = 0, None

    def state(self) -> dict[str, Any]:
        """Plain form for a snapshot; empty when nothing waits."""
        return {"adopting": [self._at, [list(r) for r in self._records]]} if self._records else {}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        if "adopting" in facts:
            self._at, records = facts["adopting"]
            self._records = deque((data, actor, reason) for data, actor, reason in records)
