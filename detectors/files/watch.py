"""Watch one series of values from a file: causal, with the engine of the stream.

A series learns, is watched, crosses, and is watched on at its new level: the level is taken from ticks after
the crossing (they had no part in it), and once the new regime has lasted as long as the learning period it is
learned afresh. So a change that stays is one finding, and a return is another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.budgets.budget import MAX_SERVICES, Budget, service_budget
from detectors.files.file_finding import DETECTOR, Frame
from detectors.files.regime import Regime
from detectors.files.rows import LearnPeriod, Rows
from detectors.finding import Finding


def watch(
    times_s: Sequence[float] | NDArray[np.generic],
    values: Sequence[float] | Sequence[str] | NDArray[np.generic],
    *,
    kind: str,
    tick_s: int = 300,
    learn: str | int = "14d",
    budget: str = "1/month",
    services: int = MAX_SERVICES,
    n: Sequence[float] | NDArray[np.generic] | None = None,
    score: str = "value",
    service: str = "file",
) -> Iterator[Finding]:
    """Findings of one series, in order of time; what is found by a time depends on nothing later.

    Parameters
    ----------
    times_s
        Unix seconds of each value; put in order of time if they are not.
    values
        Numbers, or names of a category. For ``volume`` what each row counts for (usually 1).
    kind
        ``flag``, ``bounded``, ``positive``, ``real``, ``category`` or ``volume``.
    tick_s
        Length of a tick, seconds.
    learn
        Learning period: a span (``14d``, ``36h``) or a number of values. At least a day is advised: with
        less, a daily cycle that was never seen will be found as a change.
    budget
        Expected false findings, ``NUMBER/PERIOD``, over a whole fleet, as in the stream.
    services
        Services the budget is for; this series may spend what one of them may.
    n
        Events behind each value, for ``flag`` values that are shares.

    Raises
    ------
    ValueError
        If an argument is out of range, or a time or value is not a number; the message names the row.
    """
    data = Rows.of(times_s, values, n, kind, tick_s)
    share = service_budget(Budget.parse(budget), services).per_tick(tick_s)
    period = LearnPeriod.parse(learn)
    config = json.dumps([kind, tick_s, learn, budget, services, DETECTOR])
    frame = Frame(score, service, kind, tick_s, hashlib.sha256(config.encode()).hexdigest()[:16])
    start = 0
    while start < data.rows:
        end = period.end(data, start)
        if end is None or end >= data.rows:
            return
        regime = Regime(data, start, end, share, frame, period)
        yield from regime.findings()
        start = regime.next_row
