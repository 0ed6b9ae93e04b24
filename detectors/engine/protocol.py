"""What every online detector is: arrays over rows, no clock, no I/O, exact snapshots.

``n`` holds the events of a tick per row. ``s`` is what was counted of them: the sum of hits or values, or for
detectors of whole distributions the events per cell, shape (rows, cells). Conformance:
tests/conformance/test_detectors.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from detectors.engine.ticks import Floats, Ints


class Detector(Protocol):
    """State of some rows, in the order they were given or appended."""

    @property
    def threshold(self) -> Floats:
        """What `evidence` is compared with, per row."""
        ...

    def update(self, tick: int, n: Floats, s: Floats) -> object:
        """Close one tick; what comes back says which rows alarm.

        Raises
        ------
        ValueError
            If time goes back, or counts are not finite or impossible; the state is then as it was.
        """
        ...

    def evidence(self) -> Floats:
        """The statistic per row; a row alarms when it reaches `threshold`."""
        ...

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Forget what these rows have seen; what was learned before stays."""
        ...

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything, as named arrays that later updates leave alone."""
        ...

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `snapshot`: equal bytes, and equal ones after equal updates."""
        ...
