"""ADWIN beside our statistics: what it may say, and that a restart changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.series.adwin_tickets import DETECTOR
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.traffic import DAY, KEY, START, Row, World, config, observation, watch

CHANGE = START + 4 * DAY
OFF = config(learn=2 * 288)
ON = config(learn=2 * 288, adwin_tickets=True)
"""After two days our statistic can hardly know how far a day strays, and waits."""


def _longer(row: Row, draw: np.random.Generator) -> Row:
    del draw
    more = 1.5 if row.minute >= CHANGE else 1.0
    return replace(row, scores={**row.scores, "output_length": float(row.scores["output_length"]) * more})


WORLD = World(seed=5, per_day=600, days=6, change=_longer)


def test_it_is_off_unless_asked_for() -> None:
    assert [f for f in watch(WORLD, OFF)[1] if f.detector == DETECTOR] == []


@pytest.mark.long
def test_what_it_sees_is_a_ticket_without_evidence_and_nothing_else_changes() -> None:
    findings = watch(WORLD, ON)[1]
    told = [f for f in findings if f.detector == DETECTOR]
    assert [(f.score, f.direction, f.severity, f.slice) for f in told] == [
        ("output_length", "rise", "ticket", "all")
    ]
    assert told[0].evidence is None
    assert told[0].made_at.timestamp() > CHANGE * 60
    assert [f for f in findings if f.detector != DETECTOR] == watch(WORLD, OFF)[1]


@pytest.mark.long
def test_a_restart_anywhere_gives_the_same_tickets_and_bytes() -> None:
    rows = list(WORLD.rows())
    whole, said = _run(rows, restart_every=0)
    again, said_again = _run(rows, restart_every=97)
    assert said_again == said
    assert any(f.detector == DETECTOR for f in said)
    assert pack(*again.state()) == pack(*whole.state())


def _run(rows: list[Row], restart_every: int) -> tuple[ServiceWatcher, list[Finding]]:
    watcher, findings = ServiceWatcher(KEY, ON, START // 5), []
    for offset, first in enumerate(range(0, len(rows), 16)):
        batch = rows[first : first + 16]
        if restart_every and offset % restart_every == 0:
            watcher = ServiceWatcher.restore(KEY, ON, *unpack(pack(*watcher.state())))
        watcher.observe(observation(batch, offset), offset)
        findings += watcher.advance((batch[-1].minute - 2) // 5, offset).findings
    return watcher, findings
