"""Circuit breaker and back-off of one receiver. Pure: time and chance are given."""

from __future__ import annotations

from dataclasses import dataclass

BASE_S = 1.0
CAP_S = 60.0
"""Longest wait between two attempts: a channel that was down is noticed within a minute of its return."""

MAX_ASKED_S = 900.0
"""Longest wait a receiver may ask for."""


def backoff_s(attempt: int, chance: float, asked_s: float | None = None) -> float:
    """Seconds to wait after failed attempt number ``attempt`` (from 1).

    Exponential with full jitter (``chance`` uniform in 0..1), never under half the base; what the receiver
    asked for is the least.
    """
    longest = min(CAP_S, BASE_S * 2.0 ** min(attempt - 1, 16))
    return max(BASE_S / 2, chance * longest, min(asked_s or 0.0, MAX_ASKED_S))


@dataclass(slots=True)
class Breaker:
    """Leaves a receiver alone for ``rest_s`` after ``limit`` failures in a row; then one attempt decides.

    ``answered`` is whether it took something since this process began. What a receiver refuses for good is
    neither a failure nor a success: the next message may be taken at once. ``failing_why`` is the reason of
    the first failure in a row, in the words of the receiver or of the network.
    """

    limit: int = 5
    rest_s: float = 30.0
    failures: int = 0
    open_until_ns: int = 0
    failing_since_ns: int = 0
    failing_why: str = ""
    answered: bool = False

    @property
    def down_since_ns(self) -> int | None:
        """When the failures in a row began, if they are as many as ``limit``."""
        return self.failing_since_ns if self.failures >= self.limit else None

    def allows(self, now_ns: int) -> bool:
        """Whether an attempt may be made now."""
        return now_ns >= self.open_until_ns

    def succeeded(self) -> None:
        """The receiver took it."""
        self.failures = 0
        self.open_until_ns = 0
        self.answered = True

    def renew(self) -> None:
        """The receiver is another one now: nothing is known of it."""
        self.failures, self.open_until_ns, self.answered = 0, 0, False

    def failed(self, now_ns: int, why: str = "") -> None:
        """The receiver did not take it."""
        if not self.failures:
            self.failing_since_ns, self.failing_why = now_ns, why
        self.failures += 1
        if self.failures >= self.limit:
            self.open_until_ns = now_ns + int(self.rest_s * 1e9)
