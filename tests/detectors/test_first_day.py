"""Before anything is learned: a gross change is told, how a service is from the beginning is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.watch_config import WatchConfig
from tests.detectors.traffic import DAY, SPECS, START, Row, World, config, watch

CHANGE = START + DAY // 2


def _usual() -> WatchConfig:
    return config(specs={**SPECS, "refusal": replace(SPECS["refusal"], usual=0.1)})


def _refuses_more(row: Row, draw: np.random.Generator) -> Row:
    refused = row.scores["refusal"] or float(row.minute >= CHANGE and draw.random() < 0.7)
    return replace(row, scores={**row.scores, "refusal": float(refused)})


def test_a_service_that_always_refused_much_is_no_change() -> None:
    for seed, rate in enumerate((0.12, 0.3, 0.45, 0.8)):
        _, findings = watch(World(seed=seed, per_day=3_000, days=2, refusal=rate), _usual())
        assert findings == []


def test_a_rise_within_the_first_day_is_a_ticket() -> None:
    world = World(seed=1, per_day=3_000, days=1, refusal=0.05, change=_refuses_more)
    _, findings = watch(world, _usual())
    assert {(f.alert_kind, f.score, f.severity) for f in findings} == {("fast", "refusal", "ticket")}
    assert CHANGE <= findings[0].made_at.timestamp() / 60 <= CHANGE + 30


def test_what_began_high_may_rise_too() -> None:
    world = World(seed=2, per_day=3_000, days=1, refusal=0.15, change=_refuses_more)
    _, findings = watch(world, _usual())
    assert {f.score for f in findings} == {"refusal"}
