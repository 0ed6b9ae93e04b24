"""What a table says of a score of one's own, as a `ScoreSpec`; and back, for scorers that are plug-ins."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from detectors.grid import FlagGrid, Grid, LogGrid, LogitGrid, SignedLogGrid
from detectors.scorers.protocol import ScoreSpec
from detectors.scorers.registry import BUILT_IN

GROUP = "lightship.scorers"
"""Entry points that are scorers."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


def spec_of(name: str, table: Mapping[str, Any]) -> ScoreSpec:
    """The score that ``table`` (keys of ``[scorers.own.<score>]``) declares.

    Raises
    ------
    ValueError
        If the name is taken or not of the form ``my_score``, or the values do not go together.
    """
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r:.60} is no name of a score: use up to 48 lower-case letters, digits and _")
    if name in BUILT_IN:
        raise ValueError(f"{name!r} is a built-in score: choose another name")
    kind, harmful, severity, usual = (table[key] for key in ("kind", "harmful", "severity", "usual"))
    if severity == "page" and harmful != 1:
        raise ValueError(f"{name}: only what harms users when it rises may page: set harmful = 1")
    if kind == "category" and harmful != 0:
        harmful = 0  # the default of the table; names do not rise
    if usual and kind != "flag":
        raise ValueError(f"{name}: usual is a rate of a flag, and the kind is {kind!r}")
    return ScoreSpec(
        name,
        table["title"] or name.replace("_", " ").capitalize(),
        kind,
        _grid(name, table),
        "interaction",
        harmful,
        severity,
        table["generation"],
        table["value_unit"],
        usual or None,
    )


def table_of(spec: ScoreSpec) -> dict[str, Any]:
    """The table that declares ``spec``.

    Raises
    ------
    ValueError
        If no table can: its unit is not the interaction, or its grid is another than its kind's.
    """
    grid = spec.grid
    table: dict[str, Any] = {
        "kind": spec.kind,
        "title": spec.title,
        "value_unit": spec.value_unit,
        "harmful": spec.harmful,
        "severity": spec.severity,
        "usual": spec.usual or 0.0,
        "generation": spec.generation,
        "low": grid.low if isinstance(grid, LogGrid) else 1.0,
        "high": grid.high if isinstance(grid, LogGrid) else 1e6,
    }
    if spec_of(spec.name, table) != spec:
        raise ValueError(
            f"{spec.name}: a score of one's own is of interactions, has a title, and the grid of its kind:"
            " FlagGrid(), LogitGrid(), LogGrid(low, high), SignedLogGrid() or, for categories, none"
        )
    return table


def declared_specs(
    tables: Mapping[str, Mapping[str, Any]], plug_ins: Iterable[object]
) -> dict[str, ScoreSpec]:
    """What tables and loaded plug-ins declare, for processes that only put scores into words.

    What cannot be declared is left out: the processes that measure say so.
    """
    out: dict[str, ScoreSpec] = {}
    for name, table in tables.items():
        with suppress(ValueError):
            out[name] = spec_of(name, table)
    for found in plug_ins:
        for spec in getattr(scorer_of(found), "specs", ()):
            with suppress(ValueError):
                table_of(spec)
                out.setdefault(spec.name, spec)
    return out


def scorer_of(found: object) -> object:
    """The scorer that an entry point names: the object itself, or what a class or function makes."""
    is_made = isinstance(found, type) or (callable(found) and not hasattr(found, "score"))
    return found() if is_made and callable(found) else found


def _grid(name: str, table: Mapping[str, Any]) -> Grid | None:
    if table["kind"] == "positive":
        low, high = float(table["low"]), float(table["high"])
        if not (0 < low < high and math.log(high / low) < _WIDEST):
            raise ValueError(
                f"{name}: need 0 < low < high and at most twelve decades between, got {low}, {high}"
            )
        return LogGrid(low, high)
    grids: Mapping[str, Grid | None] = {
        "flag": FlagGrid(), "bounded": LogitGrid(), "real": SignedLogGrid(), "category": None,
    }  # fmt: skip
    return grids[table["kind"]]


_WIDEST = 12.01 * math.log(10)
