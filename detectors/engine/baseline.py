"""The frozen reference of many channels at once: arrays with one row a channel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from detectors.engine.ticks import Bools, Floats, Ints, Singles, place_in_week

FLAG = "flag"
VALUE = "value"
HORIZONS_S = (
    *(900, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400),
    *(days * 86_400 for days in (2, 4, 7, 14, 28, 56, 112, 224)),
)
"""Block lengths whose dispersion is priced, in seconds: a quarter of an hour to months, which small shifts of
quiet series take."""
DAY_INDEX = 6
"""Place of the day among them."""
SCHEMA = 2
"""1 held everything in double precision."""
MIN_RATE = 1e-7


def block_ticks(tick_s: int) -> tuple[int, ...]:
    """Lengths of blocks in ticks, one per entry of `HORIZONS_S` (at least one tick)."""
    return tuple(max(1, round(s / tick_s)) for s in HORIZONS_S)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a learning period said about C channels of one form.

    ``form`` is ``flag`` (s hits among n events) or ``value`` (s the sum of n real values). Every array has
    C rows. A flag whose hits outnumber its misses is ``mirrored``: the engine counts its misses, and
    ``level``, ``hour`` and ``week`` are of the misses. ``rare`` rows had too few events for a measured
    dispersion. ``fit`` says whether a full day was covered; rows that are not fit must not be watched.
    """

    form: str
    tick_s: int
    level: Floats  # (C,) expected value per event
    hour: Singles  # (C, 24) additive effect
    week: Singles  # (C, 7) additive effect, Monday first
    k0: Floats  # (C,) dispersion of single ticks, >= 1, for winsorising
    event_var: Floats  # (C,) variance of one event (1 for flags)
    block_kappa: Singles  # (C, 15) dispersion of block sums per horizon
    block_df: Singles  # (C, 15) how many blocks that rests on; 0 = too few to say
    info: Floats  # (C,) mean information per tick
    usual_n: Floats  # (C,) highest usual hourly mean of n per tick
    burst_n: Floats  # (C,) highest usual n of a single tick
    total_s: Floats  # (C,) sum of winsorised s
    total_n: Floats  # (C,) events
    mirrored: Bools  # (C,)
    rare: Bools  # (C,)
    fit: Bools  # (C,)
    first_tick: Ints  # (C,)
    ticks: Ints  # (C,) length of the learning period

    def __len__(self) -> int:
        return len(self.level)

    @property
    def version(self) -> str:
        """16 hex digits of the content."""
        digest = hashlib.sha256(f"{SCHEMA}/{self.form}/{self.tick_s}".encode())
        for name in _ARRAYS:
            array: NDArray[np.generic] = getattr(self, name)
            digest.update(f"/{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    @property
    def events(self) -> Floats:
        """What dispersion was measured on: hits of flags, values of others."""
        return self.total_s if self.form == FLAG else self.total_n

    @property
    def long_run(self) -> Floats:
        """Largest measured dispersion, at least 1: so many events say as much as one independent event."""
        known = np.where(self.block_df > 0, self.block_kappa, 1.0).astype(float)
        return np.asarray(np.maximum(1.0, known.max(axis=1)), dtype=float)

    def take(self, rows: Ints | Sequence[int]) -> Baseline:
        """The named rows, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return Baseline(self.form, self.tick_s, **{name: getattr(self, name)[index] for name in _ARRAYS})

    def expected(self, tick: int) -> Floats:
        """Expected value per event of each row at one tick (of the misses where mirrored)."""
        hour, day = place_in_week(tick, self.tick_s)
        return bounded_rate(self.level + self.hour[:, hour] + self.week[:, day], self.level, self.form)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Named arrays for a snapshot."""
        head: dict[str, NDArray[np.generic]] = {
            "schema": np.array(SCHEMA),
            "form": np.array(self.form),
            "tick_s": np.array(self.tick_s),
        }
        return head | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Baseline:
        """Inverse of `to_arrays`.

        Raises
        ------
        ValueError
            If the schema is not readable.
        """
        schema = int(arrays["schema"])
        if schema not in (1, SCHEMA):
            raise ValueError(f"baseline schema {schema} is not readable, expected {SCHEMA}")
        held = {n: arrays[n].astype(np.float32) if n in _SINGLES else arrays[n] for n in _ARRAYS}
        return cls(str(arrays["form"]), int(arrays["tick_s"]), **held)  # type: ignore[arg-type]

    @classmethod
    def concat(cls, parts: Sequence[Baseline]) -> Baseline:
        """Rows of several baselines of one form and tick length, in order.

        Raises
        ------
        ValueError
            If there is none, or forms or tick lengths differ.
        """
        heads = {(p.form, p.tick_s) for p in parts}
        if len(heads) != 1:
            raise ValueError(f"baselines to join must share form and tick length, got {sorted(heads)}")
        form, tick_s = heads.pop()
        return cls(
            form, tick_s, **{name: np.concatenate([getattr(p, name) for p in parts]) for name in _ARRAYS}
        )


_SINGLES = ("hour", "week", "block_kappa", "block_df")
_ARRAYS = tuple(f.name for f in fields(Baseline) if f.name not in ("form", "tick_s"))


def bounded_rate(m: Floats, level: Floats, form: str) -> Floats:
    """Season values kept inside what a rate can be; values of other channels are returned as they are."""
    if form == VALUE:
        return m
    low = np.maximum(0.2 * level, MIN_RATE)
    return np.minimum(np.maximum(m, low), 0.999)
