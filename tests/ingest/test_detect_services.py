"""Several registered services in one shard: kills and neighbours change nothing that is said of any."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from detectors.budgets.service_budget import ServiceBudget
from detectors.observation import Control, Mark, Observation, SourcePosition
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import DAY, KEY, START, Row, World, observation
from tests.ingest.test_detect_stage import Kept, mark, raw, said, stage

KILLS = 20
EVERY_MIN = 60
"""One raw message an hour brings rows of every service."""

GRANT = ServiceBudget(pages_per_month=0.1, tickets_per_week=0.1)
Group = list[Observation | Control | Mark]
"""What stage 1 says of one raw message: an observation a service, then a mark."""


def _leak(row: Row, draw: np.random.Generator) -> Row:
    if row.minute < START + 14 * DAY or draw.random() > 0.1:
        return row
    return replace(row, scores={**row.scores, "secrets": 1.0})


def _worlds() -> dict[str, World]:
    changes: dict[str, Callable[[Row, np.random.Generator], Row]] = {
        "desk": refusals_in_spanish,
        "quiet": lambda row, _: row,
        "shop": _leak,
    }
    return {
        name: World(seed=i, per_day=120 + 60 * i, days=15, refusal=0.01, change=change)
        for i, (name, change) in enumerate(changes.items())
    }


def _groups() -> Iterator[Group]:
    rows = {name: list(world.rows()) for name, world in _worlds().items()}
    ends = {name: [r.minute for r in mine] for name, mine in rows.items()}
    offset = 0
    for minute in range(START, START + 15 * DAY, EVERY_MIN):
        group: Group = [] if offset else [GRANT.control(replace(KEY, service=name)) for name in rows]
        for name, mine in rows.items():
            low, high = np.searchsorted(ends[name], [minute, minute + EVERY_MIN])
            if low < high:
                o = observation(mine[low:high], offset)
                source = SourcePosition("otlp_spans", 0, offset)
                group.append(replace(o, key=replace(KEY, service=name), source=source))
        yield [*group, mark(0, offset + 1, minute + EVERY_MIN - 1)]
        offset += 1
    yield [mark(0, offset + 1, START + 15 * DAY, ended=True)]


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    return list(_groups())


def _flat(groups: Sequence[Group]) -> Group:
    return [message for group in groups for message in group]


@pytest.fixture(scope="module")
def undisturbed(groups: list[Group]) -> set[bytes]:
    findings = said(stage(Kept(), 1).process(raw(_flat(groups))))
    assert {json.loads(f)["service"] for f in findings} == {"desk", "shop"}
    return findings


@pytest.mark.long
def test_kills_at_twenty_random_offsets_change_no_finding(
    groups: list[Group], undisturbed: set[bytes]
) -> None:
    draw = random.Random(0)
    stream = raw(_flat(groups))
    store, found = Kept(), set[bytes]()
    running, at = stage(store, 1), 0
    for kill in sorted(draw.sample(range(1, len(stream)), KILLS)):
        while at < kill:
            upto = min(at + draw.randrange(1, 60), kill)
            found |= said(running.process(stream[at:upto]))
            at = upto
            if draw.random() < 0.6:
                running.snapshot()
        kept = store.latest_snapshot(0)
        running, at = stage(store, 1), kept.next_offset if kept else 0
    found |= said(running.process(stream[at:]))
    assert found == undisturbed


@pytest.mark.long
def test_the_order_of_services_in_the_log_changes_no_finding(
    groups: list[Group], undisturbed: set[bytes]
) -> None:
    draw = random.Random(0)
    mixed = [[*draw.sample(group[:-1], len(group) - 1), group[-1]] for group in groups]
    found = said(stage(Kept(), 1).process(raw(_flat(mixed))))
    assert set(map(_anywhere, found)) == set(map(_anywhere, undisturbed))


@pytest.mark.long
def test_a_service_alone_in_its_shard_says_what_it_says_among_others(
    groups: list[Group], undisturbed: set[bytes]
) -> None:
    alone = set[str]()
    for name in _worlds():
        mine = [m for m in _flat(groups) if isinstance(m, Mark) or m.key.service == name]
        alone |= set(map(_anywhere, said(stage(Kept(), 1).process(raw(mine)))))
    assert alone == set(map(_anywhere, undisturbed))


def _anywhere(finding: bytes) -> str:
    """A finding without its place in the log and the digest of what stands before it there."""
    facts = json.loads(finding)
    return json.dumps(
        {k: v for k, v in facts.items() if k not in ("log_from", "log_to", "log_digest")}, sort_keys=True
    )
