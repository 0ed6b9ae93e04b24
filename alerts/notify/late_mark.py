"""How a message says that it comes late, or in place of another receiver. Pure."""

from __future__ import annotations

from dataclasses import replace

from alerts.briefs import figures, words
from alerts.notify.protocol import Delivery
from infra.clock import NS_PER_S, to_datetime

LATE_S = 300.0
"""A message is late that is sent so long after it was due."""


def marked(delivery: Delivery, now_ns: int) -> Delivery:
    """A message as it is sent at ``now_ns`` (wall clock, ns since 1970 UTC).

    One that is late says when it was due in front of its headline: every channel shows that, so nobody takes
    an old page for a new one. One that stands in for a receiver that gave it up names that receiver.
    """
    said = []
    if is_late(delivery, now_ns):
        due = figures.clock(to_datetime(delivery.due_ns), to_datetime(now_ns))
        said.append(f"late: was due at {due}")
    if delivery.instead_of:
        said.append(f"in place of {words.plain(delivery.instead_of)}")
    if not said:
        return delivery
    headline = f"{', '.join(said)} · {delivery.brief.headline}"
    return replace(delivery, brief=replace(delivery.brief, headline=headline))


def is_late(delivery: Delivery, now_ns: int) -> bool:
    """Whether a message is late: it was due long ago, or was given up before."""
    long_due = now_ns - delivery.due_ns >= LATE_S * NS_PER_S
    return delivery.due_ns > 0 and (delivery.again or long_due)
