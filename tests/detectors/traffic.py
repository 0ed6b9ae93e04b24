"""Invented traffic for tests of detection: rows as stage 1 sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from detectors.budgets.budget import Budget, service_budget
from detectors.finding import Finding
from detectors.grid import FlagGrid, LogGrid
from detectors.observation import ABSENT, Column, Observation, ServiceKey, SourcePosition, column_of
from detectors.scorers.protocol import ScoreSpec
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig

KEY = ServiceKey("default", "demo-t", "demo", "desk")
DAY = 1440
START = 29_635_200
"""Minute of a Thursday midnight, UTC."""

SPECS: Mapping[str, ScoreSpec] = {
    s.name: s
    for s in (
        ScoreSpec("refusal", "Refusals", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("secrets", "Secrets", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("output_length", "Length", "positive", LogGrid(1, 1e5), harmful=0, value_unit="characters"),
        ScoreSpec("steps", "Steps", "positive", LogGrid(1, 1e3), harmful=0),
        ScoreSpec("finish_reason", "Finish reason", "category", None),
    )
}


def config(**changes: object) -> WatchConfig:
    """Engine settings as shipped."""
    values = {
        "specs": SPECS,
        "tick_s": 300,
        "learn": 14 * 288,
        "max_values": 20,
        "pages": service_budget(Budget(1.0, 2_592_000)),
        "tickets": service_budget(Budget(2.0, 604_800)),
        "config_hash": "test",
    }
    return WatchConfig(**{**values, **changes})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Row:
    """One interaction."""

    minute: int
    dimensions: Mapping[str, str | None]
    scores: Mapping[str, float | str]


@dataclass
class World:
    """Traffic of ``per_day`` interactions, changed by ``change`` (a row in, a row out)."""

    per_day: float = 1300
    days: float = 15
    seed: int = 0
    refusal: float = 0.01
    change: Callable[[Row, np.random.Generator], Row] = field(default=lambda row, _: row)

    def rows(self) -> Iterator[Row]:
        """All rows in order of time."""
        draw = np.random.default_rng([self.seed, 77])
        count = draw.poisson(self.per_day * self.days)
        at = np.sort(draw.uniform(0, self.days * DAY, count)).astype(int)
        for minute in at:
            language = str(draw.choice(["en", "es", "de", "fr"], p=[0.45, 0.25, 0.2, 0.1]))
            row = Row(
                START + int(minute),
                {"language": language, "request_model": "m-1", "prompt_version": "7"},
                {
                    "refusal": float(draw.random() < self.refusal),
                    "secrets": 0.0,
                    "output_length": float(np.exp(draw.normal(6, 0.6))),
                    "steps": float(draw.choice([1, 2, 3], p=[0.5, 0.35, 0.15])),
                    "finish_reason": "stop" if draw.random() < 0.99 else "length",
                },
            )
            yield self.change(row, draw)


def observation(
    rows: list[Row],
    offset: int,
    unit: str = "interaction",
    specs: Mapping[str, ScoreSpec] = SPECS,
) -> Observation:
    """Rows as one message."""
    scores = {}
    for name, spec in specs.items():
        values = [r.scores.get(name) for r in rows]
        if spec.grid is None:
            scores[name] = column_of([None if v is None else str(v) for v in values])
        else:
            grid = spec.grid
            scores[name] = Column((), tuple(ABSENT if v is None else grid.cell(float(v)) for v in values))
    names = sorted({d for r in rows for d in r.dimensions})
    return Observation(
        KEY,
        SourcePosition("otlp_spans", 0, offset),
        unit,
        tuple(r.minute for r in rows),
        {d: column_of([r.dimensions.get(d) for r in rows]) for d in names},
        scores,
        dict.fromkeys(scores, 1),
    )


def watch(
    world: World, settings: WatchConfig | None = None, unit: str = "interaction"
) -> tuple[ServiceWatcher, list[Finding]]:
    """Feed a world to a watcher, closing ticks two minutes behind; all findings."""
    settings = settings or config()
    watcher = ServiceWatcher(KEY, settings, START // 5)
    findings: list[Finding] = []
    batch: list[Row] = []
    offset = 0
    for row in world.rows():
        batch.append(row)
        if len(batch) == 16:
            watcher.observe(observation(batch, offset, unit, settings.specs), offset)
            findings += watcher.advance((row.minute - 2) // 5, offset).findings
            batch, offset = [], offset + 1
    if batch:
        watcher.observe(observation(batch, offset, unit, settings.specs), offset)
    findings += watcher.advance(None, offset).findings
    return watcher, findings
