"""How long each child may take to stop, so that all of them stop in time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.embedded.child_spec import ChildSpec

LEVEL_S = 8.0
"""What is left, at most, to each level of children that stop when others have."""
AFTER_S = 3.0
"""From the last SIGKILL to the end: output that is still read, processes the kernel takes its time to end."""


def stop_deadlines(specs: Sequence[ChildSpec], within_s: float) -> Mapping[str, float]:
    """When each child is killed if it has not ended, in seconds from the beginning of the stop.

    ``specs`` are in start order. Children stop in levels, each when those that come after it have; steps that
    run once take no time.
    """
    below: dict[str, int] = {}
    by_name = {spec.name: spec for spec in specs}
    for spec in specs:
        below[spec.name] = max(
            (below[name] + (not by_name[name].once) for name in spec.after if name in below), default=0
        )
    levels = max(below.values(), default=0) + 1
    available_s = max(within_s - min(AFTER_S, within_s / 4), 0.0)
    level_s = min(LEVEL_S, available_s / levels)
    return {name: available_s - level_s * deeper for name, deeper in below.items()}
