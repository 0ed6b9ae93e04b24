"""Which rows there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from bench.detection.cold_start import cold_start, short
from bench.detection.dark import dark
from bench.detection.events import events
from bench.detection.fast_path import gross
from bench.detection.fast_values import values
from bench.detection.figure import Report
from bench.detection.fleet import fleet
from bench.detection.months import months
from bench.detection.onset import onset
from bench.detection.ordinary import ordinary
from bench.detection.plan import Plan
from bench.detection.ramps import ramps
from bench.detection.rare import cliff, rare
from bench.detection.shared import shared
from bench.detection.snapshots import snapshots
from bench.detection.speed import speed
from bench.detection.tail import tail
from bench.detection.unseen import storms, traffic
from bench.detection.value_watch import value_watch
from bench.detection.vectors import vectors

Row = Callable[[Plan], Report]

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "1": partial(ordinary, "1"),
        "2": partial(ordinary, "2"),
        "3": partial(ordinary, "3"),
        "4": tail,
        "5": partial(ordinary, "5"),
        "6": traffic,
        "7": storms,
        "8": partial(ordinary, "8"),
        "10": partial(ordinary, "10"),
        "11": cold_start,
        "12": ramps,
        "13": events,
        "15": fleet,
        "16": onset,
        "17": speed,
        "18": vectors,
        "19": rare,
        "20": short,
        "21": gross,
        "22": cliff,
        "23": values,
        "24": value_watch,
        "d": dark,
        "f": shared,
        "m": months,
        "s": snapshots,
    }
)
