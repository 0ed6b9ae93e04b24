"""The collector of cycles where a process keeps a large state: what is there stays, and is not walked."""

from __future__ import annotations

import gc

COLLECT_EVERY = 10_000
"""Objects more than were freed until it comes; 700 is usual."""


def spare_the_state() -> None:
    """Leave alone what is there by now, and come less often: that is a sixth of the time of stage 2."""
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)
