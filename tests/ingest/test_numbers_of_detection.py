"""Numbers and times that nobody should send and that reach detection all the same: nothing raises."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from detectors.observation import (
    ABSENT,
    LATEST_MINUTE,
    MAX_CELL,
    Column,
    Control,
    Mark,
    Message,
    Observation,
    WrongFormat,
    decode,
    encode,
)
from detectors.scorers import SPECS
from ingest.agents.detect.shard import Shard
from tests.at_length import at_length
from tests.detectors.traffic import KEY, config
from tests.ingest.test_identities import KEYED, S, traffic

NUMBERS = (ABSENT, 0, 1, MAX_CELL, MAX_CELL + 1, -2, 2**31, 2**40, -(2**40), 2**63 - 1)
MINUTES = (0, 1, 29_000_000, 29_000_105, LATEST_MINUTE, LATEST_MINUTE + 1, -5, 2**40)
TIMES_NS = (0, -5, 4_000_000_000 * S, 2**62, 2**63 - 1)


def spoilt(o: Observation, draw: random.Random) -> Observation:
    """An observation with one kind of its numbers replaced."""

    def some(numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(draw.choice(numbers) for _ in o.minutes)

    def columns(of: dict[str, Column]) -> dict[str, Column]:
        return {name: Column(c.values, some(NUMBERS)) for name, c in of.items()}

    return replace(
        o,
        **draw.choice(
            (
                {"minutes": some(MINUTES)},
                {"scores": columns(o.scores)},
                {"dimensions": columns(o.dimensions)},
                {"at_ms": some(NUMBERS)},
                {"generations": {name: draw.choice(NUMBERS) for name in o.generations}},
                {"users": some(NUMBERS), "conversations": some(NUMBERS), "traces": some(NUMBERS)},
            )
        ),
    )


def log(seed: int) -> list[Message]:
    draw, out = random.Random(seed), list[Message]()
    for message in traffic(seed, 5, KEYED, 4):
        bad = isinstance(message, Observation) and draw.random() < 0.15
        out.append(spoilt(message, draw) if bad and isinstance(message, Observation) else message)
        if isinstance(message, Mark) and draw.random() < 0.1:
            out.append(replace(message, event_ns=draw.choice(TIMES_NS)))
    return out


@pytest.mark.parametrize("seed", at_length(range(12), short=3))
def test_numbers_out_of_every_range_are_dead_letters_or_harmless(seed: int) -> None:
    shard, refused = Shard(config(specs=SPECS), 1, 60 * S), 0
    for offset, message in enumerate(log(seed)):
        try:
            shard.apply(offset, decode(encode(message)))
        except WrongFormat:
            refused += 1
            shard.next_offset = offset + 1
    assert refused
    assert not shard.quarantine
    assert not shard.conversation_faults
    data = shard.pack()
    assert Shard.unpack(data, config(specs=SPECS), 1, 60 * S).pack() == data


def test_a_cell_that_no_grid_has_counts_nothing() -> None:
    (message,) = [m for m in traffic(1, 1, KEYED, 4) if isinstance(m, Observation)][:1]
    cells = Column((), (MAX_CELL,) * len(message.minutes))
    shard = Shard(config(specs=SPECS), 1, 60 * S)
    shard.apply(
        0, decode(encode(replace(message, scores={"latency_s": cells}, generations={"latency_s": 1})))
    )
    later = Mark(message.key.tenant, "live", "otlp_spans", 0, 1, (message.minutes[0] + 30) * 60 * S)
    shard.apply(1, later)
    assert not shard.quarantine
    assert shard.cells == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (["t", "live", "otlp_spans", 0, 1, -1, False, False], "offsets and times"),
        (["t", "live", "otlp_spans", 0, 1, 2**63, False, False], "offsets and times"),
        (["t", "live", "otlp_spans", 0, 1, 1.5, False, False], "expected int"),
        ([7, "live", "otlp_spans", 0, 1, 1, False, False], "expected str"),
        (["t", "live", "otlp_spans", 0, 1, 1, 0, False], "expected bool"),
    ],
)
def test_a_mark_of_no_time_is_refused(body: list[Any], says: str) -> None:
    with pytest.raises(WrongFormat, match=says):
        decode(bytes((2, 2)) + msgpack.packb(body))


@pytest.mark.parametrize(("action", "tick"), [(1, 0), ("accept", 1.5), ("accept", 2**63), ("accept", None)])
def test_a_control_record_of_no_tick_is_refused(action: Any, tick: Any) -> None:
    assert decode(encode(Control(KEY, "accept", -1, {"actor": "ana"}))) == Control(
        KEY, "accept", -1, {"actor": "ana"}
    )
    with pytest.raises(WrongFormat):
        decode(bytes((2, 3)) + msgpack.packb([KEY.text(), action, tick, []]))
