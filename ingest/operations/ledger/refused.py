"""What the gateway turned away: it never reached Kafka, so the account does not hold it."""

from __future__ import annotations

import re
from typing import Any

import httpx

from ingest.gateway.metrics import REJECTED

_LINE = re.compile(rf'{REJECTED.name}\{{(?:[^}}]*,)?reason="((?:[^"\\]|\\.)*)"[^}}]*\}} ([0-9.e+]+)')


def read_refused(metrics: str) -> list[dict[str, Any]]:
    """Reasons and counts in the text of ``/metrics``, the most frequent first."""
    counts: dict[str, int] = {}
    for reason, n in _LINE.findall(metrics):
        counts[reason] = counts.get(reason, 0) + round(float(n))
    return [{"reason": r, "n": n} for r, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]


def refused(gateway: str, wait_s: float = 2.0) -> list[dict[str, Any]] | None:
    """What the gateway at this address refused since it started; ``None`` if it does not answer."""
    try:
        answer = httpx.get(f"{gateway}/metrics", timeout=wait_s).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return read_refused(answer.text)
