"""river's drift detectors as a second opinion: one per row, fed our standardised residuals.

They have no budget and never page; they annotate findings ("ADWIN agrees"). Raw values would make them alarm
on weekly cycles; residuals have the season and the dispersion of ticks taken off. State is not pickled: it is
the parameters and the last inputs, which are replayed. So that a restart changes nothing, a running detector
is rebuilt from the same inputs whenever the oldest are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from river import drift

from detectors.drift.baseline import FLAG, Baseline
from detectors.drift.ticks import Floats, Ints

KEEP = 4_096
"""Inputs replayed; up to twice as many are held."""

DETECTORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"ADWIN": drift.ADWIN, "PageHinkley": drift.PageHinkley, "KSWIN": drift.KSWIN}
)
"""Detectors of real inputs. The binary ones (DDM and kin) need single events, which residuals are not."""


def residuals(baseline: Baseline, tick: int, n: Floats, s: Floats) -> Floats:
    """Standardised residual of each row's tick (variance 1 while nothing changes); NaN without events."""
    m = baseline.expected(tick)
    mean = n * m
    if baseline.form == FLAG:
        sums = np.where(baseline.mirrored, n - s, s)
        variance = mean * (1 - m)
    else:
        sums, variance = s, n * baseline.event_var
    scale = np.sqrt(np.maximum(baseline.k0 * variance, 1e-300))
    sign = np.where(baseline.mirrored, -1.0, 1.0)
    return np.where(n > 0, sign * (sums - mean) / scale, np.nan)


class RiverDetector:
    """One named river detector per row.

    Parameters
    ----------
    name
        One of `DETECTORS`.
    rows
        Number of rows.
    parameters
        Keyword arguments of the river class; a detector that draws random numbers needs its ``seed``.
    keep
        Inputs that are replayed.

    Raises
    ------
    ValueError
        If the name is not known or ``keep`` is not positive.
    """

    def __init__(
        self, name: str, rows: int, parameters: Mapping[str, float] | None = None, keep: int = KEEP
    ) -> None:
        if name not in DETECTORS:
            raise ValueError(f"river detector {name!r} is not one of {', '.join(DETECTORS)}")
        if keep < 1:
            raise ValueError(f"keep must be at least 1, got {keep}")
        self.name, self.keep = name, keep
        self.parameters = dict(parameters or {})
        self._inputs: list[list[float]] = [[] for _ in range(rows)]
        self._detectors = [self._make() for _ in range(rows)]

    def __len__(self) -> int:
        return len(self._detectors)

    def update(self, values: Floats) -> Ints:
        """Feed one value to each row (NaN: nothing) and return the rows that see a drift now.

        Raises
        ------
        ValueError
            If the number of values differs from the number of rows.
        """
        if len(values) != len(self):
            raise ValueError(f"expected {len(self)} values, got {len(values)}")
        drifted = []
        for row, value in enumerate(values.tolist()):
            if value == value:  # noqa: PLR0124 - not NaN
                self._inputs[row].append(value)
                self._detectors[row].update(value)
                if self._detectors[row].drift_detected:
                    drifted.append(row)
                if len(self._inputs[row]) >= 2 * self.keep:
                    self._inputs[row] = self._inputs[row][-self.keep :]
                    self._detectors[row] = self._replayed(self._inputs[row])
        return np.array(drifted, dtype=np.int64)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Name, parameters and the inputs held, as named arrays."""
        names = sorted(self.parameters)
        return {
            "name": np.array(self.name),
            "keep": np.array(self.keep),
            "parameter_names": np.array(names, dtype=np.str_),
            "parameter_values": np.array([self.parameters[n] for n in names], dtype=float),
            "lengths": np.array([len(x) for x in self._inputs], dtype=np.int64),
            "inputs": np.concatenate([np.zeros(0), *(np.array(x) for x in self._inputs)]),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Inverse of `snapshot`: every detector is replayed from its inputs."""
        values: list[float] = arrays["parameter_values"].tolist()
        names: list[str] = arrays["parameter_names"].tolist()
        parameters = dict(zip(names, values, strict=True))
        lengths = np.array(arrays["lengths"], dtype=np.int64)
        out = cls(str(arrays["name"]), len(lengths), parameters, int(arrays["keep"]))
        parts = np.split(np.array(arrays["inputs"], dtype=float), np.cumsum(lengths)[:-1])
        out._inputs = [part.tolist() for part in parts] if len(lengths) else []
        out._detectors = [out._replayed(x) for x in out._inputs]
        return out

    def _make(self) -> Any:
        whole = {k: int(v) if float(v).is_integer() else v for k, v in self.parameters.items()}
        return DETECTORS[self.name](**whole)

    def _replayed(self, inputs: list[float]) -> Any:
        detector = self._make()
        for value in inputs:
            detector.update(value)
        return detector
