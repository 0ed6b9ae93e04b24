"""river's online detectors over rows: ADWIN, PageHinkley and KSWIN of numbers, HDDM_A and HDDM_W of hits.

Purpose: peers of ours in backtests, and a second opinion. Those of numbers are fed one value a tick, best our
standardised residual: of raw values they take every daily cycle for a change (ADWIN: on 24 of 100 unchanged
daily cycles, 100 of 100 autocorrelated series). Those of hits are fed the events of a tick one by one, hits
spread evenly. Independence breaks first. Error control is each detector's own, per row; there is no budget.

river's state is objects of its library, so ours is what they were fed: after every `BLOCK` inputs a row
begins anew from the last `BLOCK`, and a snapshot holds the inputs since, to be fed again. A row therefore
remembers between one and two blocks.

Papers: Bifet and Gavalda 2007 (ADWIN), Page 1954, Raab, Heusinger and Schleif 2020 (KSWIN), Frias-Blanco et
al. 2015 (HDDM).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detectors.engine.ticks import Bools, Floats, Ints

SCHEMA = 1
BLOCK = 512
SEED = 1
"""Of detectors that draw at random."""

NUMBERS = ("ADWIN", "PageHinkley", "KSWIN")
HITS: Mapping[str, str] = MappingProxyType({"HDDM_A": "HDDMA", "HDDM_W": "HDDMW"})
"""Names of river's classes."""


class RiverRows:
    """``rows`` detectors of one kind, by the name in `NUMBERS` or `HITS`, with river's ``settings``.

    Evidence is 1 after a tick in which a row's detector saw a change, else 0. Ticks without events feed
    nothing. Numbers are s / n: give n = 1 for values that are standardised already.

    Raises
    ------
    ValueError
        If the name is not known, or the number of rows not positive.
    """

    def __init__(self, name: str, rows: int, tick: int = -1, **settings: float) -> None:
        if name not in NUMBERS and name not in HITS:
            raise ValueError(f"{name!r} is not one of {', '.join([*NUMBERS, *HITS])}")
        if rows < 1:
            raise ValueError(f"at least one row is needed, got {rows}")
        self.name = name
        self.settings = dict(sorted(settings.items()))
        self.last_tick = tick
        self._inputs: list[list[float]] = [[] for _ in range(rows)]
        self._saw = np.zeros(rows, dtype=bool)
        self._made = [self._make() for _ in range(rows)]

    @property
    def threshold(self) -> Floats:
        """1 for every row."""
        return np.ones(len(self._saw))

    def evidence(self) -> Floats:
        """1 where a change was seen in the last tick."""
        return self._saw.astype(float)

    def update(self, tick: int, n: Floats, s: Floats) -> Bools:
        """Feed one tick; which rows saw a change in it."""
        n, s = np.asarray(n, dtype=float), np.asarray(s, dtype=float)
        if tick <= self.last_tick:
            raise ValueError(f"tick {tick} is not after the last one, {self.last_tick}")
        if not (n.shape == s.shape == self._saw.shape and np.isfinite(n).all() and np.isfinite(s).all()):
            raise ValueError(f"expected finite counts for {len(self._saw)} rows, got {n} and {s}")
        if self.name in HITS and not (np.all(s >= 0) and np.all(s <= n)):
            raise ValueError("hits must lie between 0 and the number of events")
        fed = [self._feed(row, n[row], s[row]) for row in range(len(n))]
        self._saw = np.array(fed, dtype=bool)
        self.last_tick = tick
        return self._saw.copy()

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Begin some rows anew."""
        for row in np.asarray(rows, dtype=np.int64).tolist():
            self._inputs[row], self._made[row] = [], self._make()
            self._saw[row] = False

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Name, settings, and the inputs each row is to be fed again."""
        return {
            "schema": np.array(SCHEMA),
            "name": np.array(self.name),
            "settings": np.array(json.dumps(self.settings)),
            "last_tick": np.array(self.last_tick),
            "saw": self._saw.copy(),
            "lengths": np.array([len(x) for x in self._inputs], dtype=np.int64),
            "inputs": np.array([v for x in self._inputs for v in x], dtype=float),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `snapshot`.

        Raises
        ------
        ValueError
            If the schema is not readable.
        """
        if int(arrays["schema"]) != SCHEMA:
            raise ValueError(f"river rows of schema {arrays['schema']} are not readable, expected {SCHEMA}")
        lengths = arrays["lengths"].tolist()
        made = cls(
            str(arrays["name"]),
            len(lengths),
            int(arrays["last_tick"]),
            **json.loads(str(arrays["settings"])),
        )
        ends = np.cumsum(lengths)
        for row, (length, end) in enumerate(zip(lengths, ends, strict=True)):
            made._inputs[row] = arrays["inputs"][end - length : end].tolist()
            for value in made._inputs[row]:
                made._made[row].update(value)
        made._saw = np.array(arrays["saw"], dtype=bool)
        return made

    def _make(self) -> Any:
        seed = {"seed": SEED} if self.name == "KSWIN" else {}
        from river import drift  # it costs every start dear, and few see a change

        in_river: Any = drift.binary if self.name in HITS else drift
        return getattr(in_river, HITS.get(self.name, self.name))(**seed, **self.settings)

    def _feed(self, row: int, n: float, s: float) -> bool:
        saw = False
        for value in self._values(n, s):
            self._inputs[row].append(value)
            self._made[row].update(value)
            saw |= bool(self._made[row].drift_detected)
            if len(self._inputs[row]) == 2 * BLOCK:
                self._inputs[row] = self._inputs[row][BLOCK:]
                self._made[row] = self._make()
                for kept in self._inputs[row]:
                    self._made[row].update(kept)
        return saw

    def _values(self, n: float, s: float) -> list[float]:
        if n <= 0:
            return []
        if self.name in NUMBERS:
            return [s / n]
        count, hits = min(round(n), 2 * BLOCK), s / n
        steps = np.floor(hits * np.arange(count + 1) + 0.5)
        out: list[float] = np.diff(steps).tolist()
        return out
