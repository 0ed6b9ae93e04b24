"""The judgement of traffic itself: what arrives while it is counted is no loss and no double."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.judged import accounted_for
from tests.running import Running


@dataclass
class _Traffic:
    """Stored spans, as the store counts them."""

    spans: int
    logs: int = 0


@dataclass
class _Ledger:
    """Answers as the ledger would; ``arriving`` spans come, one before each answer."""

    traffic: _Traffic
    arriving: int = 0
    doubled: int = 0
    pending: list[int] = field(default_factory=list)

    def lightship(self, *_: str) -> subprocess.CompletedProcess[str]:
        if self.arriving:
            self.arriving -= 1
            self.traffic.spans += 1
        stored = self.traffic.spans + self.doubled
        sums = {"received": stored, "stored": stored, "duplicate": 0, "rejected": 0, "dead_lettered": 0}
        waiting = self.pending.pop() if self.pending else 0
        partition = {"topic": "otlp_spans", **sums, "pending": waiting}
        report = {"balanced": True, "partitions": [partition]}
        return subprocess.CompletedProcess([], 0, json.dumps(report), "")


def test_what_arrives_while_it_is_counted_is_counted_again() -> None:
    traffic = _Traffic(spans=40)
    ledger = _Ledger(traffic, arriving=2, pending=[0, 3, 0])
    accounted_for(cast("Running", ledger), traffic)
    assert (traffic.spans, ledger.arriving, ledger.pending) == (42, 0, [])


def test_a_record_stored_twice_is_no_late_arrival() -> None:
    traffic = _Traffic(spans=40)
    with pytest.raises(AssertionError, match="otlp_spans: 40 sent"):
        accounted_for(cast("Running", _Ledger(traffic, doubled=1)), traffic)
