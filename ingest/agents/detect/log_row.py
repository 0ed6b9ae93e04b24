"""What a row of the observation log says beside its message: kind, owner and time."""

from __future__ import annotations

from detectors.observation import Mark, Message, Observation, ServiceKey

NS_PER_MINUTE = 60_000_000_000


def kind_and_owner(message: Message) -> tuple[str, ServiceKey]:
    """Kind of a message, and whose it is; a mark is of a whole lineage."""
    if isinstance(message, Mark):
        return "mark", ServiceKey(message.tenant, message.lineage, "", "")
    return "observation" if isinstance(message, Observation) else "control", message.key


def event_ns(message: Message) -> int:
    """Latest event time in a message; 0 if it has none."""
    if isinstance(message, Mark):
        return message.event_ns
    return max(message.minutes, default=0) * NS_PER_MINUTE if isinstance(message, Observation) else 0
