"""A lineage that has ended is bytes, and goes on from them as if it had never rested."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.baselines.adopt import kept_in
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import Entry
from detectors.counts.series_rows import CellRow
from detectors.engine import snapshot as codec
from detectors.finding import Finding
from detectors.observation import Control, Mark, Observation, ServiceKey
from ingest.agents.detect.resting import LineageKey
from ingest.agents.detect.shard import Shard
from tests.at_length import at_length
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import KEY, World, config
from tests.ingest.test_detect_stage import LATENESS_NS, Kept, log_of, raw, stage

Message = Observation | Mark | Control
OTHER = replace(KEY, service="shop")
ENDS_AT = (0.3, 0.95)
"""Where in the log the lineage ends, and goes on later: while it learns, and while it is watched."""


class _Awake(Shard):
    """A shard that puts nothing to rest."""

    def _rest_lineage(self, lineage: LineageKey, offset: int) -> None:
        pass


def _log() -> list[Message]:
    log: list[Message] = [
        *log_of(World(seed=1, per_day=150, days=15, refusal=0.01, change=refusals_in_spanish))
    ]
    for part in sorted(ENDS_AT, reverse=True):
        at = round(part * len(log))
        last = {m.partition: m for m in log[:at] if isinstance(m, Mark)}
        latest = max(m.event_ns for m in last.values())
        ends = [replace(m, event_ns=latest, ended=True) for _, m in sorted(last.items())]
        asked = [ServiceBudget(pages, 0.1).control(key) for key in (KEY, OTHER) for pages in (0.3, 0.2, 0.1)]
        log[at:at] = [*ends, *asked]
    return log


def _shard(kind: type[Shard] = Shard) -> Shard:
    return kind(config(), 2, LATENESS_NS)


def _told(
    shard: Shard,
) -> tuple[list[tuple[Finding, int]], list[tuple[ServiceKey, CellRow, int]], list[Entry]]:
    return shard.findings, shard.cells, shard.closed


@pytest.fixture(scope="module")
def log() -> list[Message]:
    return _log()


@pytest.fixture(scope="module")
def awake(log: list[Message]) -> Shard:
    shard = _shard(_Awake)
    for offset, message in enumerate(log):
        shard.apply(offset, message)
    assert any(f.score == "refusal" for f, _ in shard.findings)
    return shard


@pytest.mark.parametrize("restarts", at_length([True, False]))
def test_what_ends_and_goes_on_says_what_it_says_without_a_rest(
    log: list[Message], awake: Shard, restarts: bool
) -> None:
    shard = _shard()
    lives = [shard]
    for offset, message in enumerate(log):
        shard.apply(offset, message)
        if isinstance(message, Mark) and not shard.watchers and offset:
            lives.append(shard := Shard.unpack(shard.pack(), config(), 2, LATENESS_NS) if restarts else shard)
    assert len(lives) > len(ENDS_AT)
    each = [_told(life) for life in (lives if restarts else lives[:1])]
    assert tuple([row for part in parts for row in part] for parts in zip(*each, strict=True)) == _told(awake)


def test_at_rest_it_is_bytes_that_baselines_are_adopted_from(log: list[Message]) -> None:
    running = stage(store := Kept())
    running.process(raw(log))
    running.snapshot()
    shard = running._shards[0]
    assert not shard.watchers
    assert {s.state for s in store.series} >= {"watching"}, "what was last known of its series is stored"
    found = {text: kept for text, *kept in codec.services(*codec.unpack(store.snapshots[-1].blob))}
    assert found.keys() == {KEY.text(), OTHER.text()}
    state, arrays = found[KEY.text()]
    assert len(kept_in(state, arrays, config().specs)) > 3


def test_budgets_given_meanwhile_do_not_pile_up(log: list[Message]) -> None:
    shard = _shard()
    for offset, message in enumerate(log):
        shard.apply(offset, message)
    size = len(shard.pack())
    for more in range(200):
        shard.apply(len(log) + more, ServiceBudget(0.1 + more / 1000, 0.1).control(KEY))
    assert not shard.watchers
    assert len(shard.pack()) < size + 1000
