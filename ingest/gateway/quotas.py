"""How much a key may send: token buckets of requests, records and bytes.

What a request costs is known only when it has been read. So a bucket lets everything in while it is not
empty, is charged afterwards and may go below zero; then it refuses until time has paid the debt. A request
is never too large for a quota, and over time no more is taken than the rate allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

MINUTE_S, DAY_S = 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits of a key; 0 is none.

    ``burst_s``: for how many seconds of unused rate a key may catch up. Bytes count after decompression.
    """

    requests_per_s: float = 0.0
    records_per_s: float = 0.0
    burst_s: float = 10.0
    bytes_per_minute: float = 0.0
    bytes_per_day: float = 0.0


QUOTA_NAMES = tuple(f.name for f in fields(Quotas))


class Bucket:
    """Fills at ``rate`` a second up to ``most``; starts full."""

    def __init__(self, rate: float, most: float, now_s: float) -> None:
        self._rate = rate
        self._most = most
        self._level = most
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until it is not empty any more; 0 if it is not."""
        self._fill(now_s)
        return 0.0 if self._level > 0 else max(-self._level / self._rate, 1e-3)

    def take(self, n: float, now_s: float) -> None:
        """Charge ``n``, whatever is there; a negative one gives back."""
        self._fill(now_s)
        self._level = min(self._level - n, self._most)

    def _fill(self, now_s: float) -> None:
        self._level = min(self._most, self._level + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = now_s


class Meter:
    """The buckets of one key. ``now_s`` is a clock that never goes back."""

    def __init__(self, quotas: Quotas, now_s: Callable[[], float]) -> None:
        self.quotas = quotas
        self._now_s = now_s
        now = now_s()
        self._requests = _bucket(quotas.requests_per_s, quotas.requests_per_s * quotas.burst_s, now)
        self._records = _bucket(quotas.records_per_s, quotas.records_per_s * quotas.burst_s, now)
        self._bytes = [
            ("bytes_per_minute", _bucket(quotas.bytes_per_minute / MINUTE_S, quotas.bytes_per_minute, now)),
            ("bytes_per_day", _bucket(quotas.bytes_per_day / DAY_S, quotas.bytes_per_day, now)),
        ]

    def admit(self) -> tuple[str, float] | None:
        """Count a request in; or which quota is used up, and for how many seconds."""
        now = self._now_s()
        named = [("requests_per_s", self._requests), ("records_per_s", self._records), *self._bytes]
        waits = [(b.wait_s(now), name) for name, b in named if b is not None]
        longest, name = max(waits, default=(0.0, ""))
        if longest > 0:
            return name, longest
        if self._requests is not None:
            self._requests.take(1, now)
        return None

    def charge(self, records: int, size: int) -> None:
        """What a request turned out to hold; negative numbers give back."""
        now = self._now_s()
        if self._records is not None:
            self._records.take(records, now)
        for _, bucket in self._bytes:
            if bucket is not None:
                bucket.take(size, now)


def _bucket(rate: float, most: float, now_s: float) -> Bucket | None:
    return Bucket(rate, most, now_s) if rate > 0 else None
