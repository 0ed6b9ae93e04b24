"""What a series is compared with, as plain values that can be stored, read and checked by themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from detectors.engine.baseline import Baseline


@dataclass(frozen=True, slots=True)
class Reference:
    """The frozen baseline of one channel of a series.

    ``version`` is that of the series, as findings name it, ``channel_version`` the digest of this channel's.
    ``body`` holds its arrays as JSON; numbers keep all their digits. ``cells`` and ``counts`` are what was
    learned from.
    """

    unit: str
    score: str
    slice: str
    series: str
    version: str
    channel: str
    channel_version: str
    body: str
    cells: tuple[int, ...]
    counts: tuple[int, ...]


def as_text(baseline: Baseline) -> str:
    """One row of a baseline as JSON.

    Raises
    ------
    ValueError
        If there is not exactly one row.
    """
    if len(baseline) != 1:
        raise ValueError(f"one channel is written at a time, got {len(baseline)}")
    arrays = baseline.to_arrays()
    facts = {
        name: {"dtype": array.dtype.str, "values": array.tolist()} for name, array in sorted(arrays.items())
    }
    return json.dumps(facts, separators=(",", ":"))


def from_text(text: str) -> Baseline:
    """Inverse of `as_text`.

    Raises
    ------
    ValueError
        If the text is not a baseline.
    """
    try:
        facts = json.loads(text)
        return Baseline.from_arrays(
            {name: np.array(fact["values"], dtype=np.dtype(fact["dtype"])) for name, fact in facts.items()}
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a baseline: {error!r}") from error
