from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import msgpack
import pytest

from detectors.counts.aggregate import MOST_LEVELS, Aggregate, TickCounts
from detectors.grid import FlagGrid
from detectors.observation import ABSENT, OTHER, Column, Observation, ServiceKey, SourcePosition
from detectors.scorers.protocol import ScoreSpec

KEY = ServiceKey("t", "live", "", "s")
SPECS = {
    "refusal": ScoreSpec("refusal", "Refusals", "flag", FlagGrid()),
    "finish_reason": ScoreSpec("finish_reason", "Finish reason", "category", None),
    "tool_loop": ScoreSpec("tool_loop", "Loops", "flag", FlagGrid(), unit="trace"),
}
Row = tuple[int, str | None, int, str | None]  # minute, language, refusal, finish reason


def message(rows: list[Row], offset: int) -> Observation:
    languages = sorted({r[1] for r in rows if r[1] is not None})
    reasons = sorted({r[3] for r in rows if r[3] is not None})
    return Observation(
        KEY,
        SourcePosition("otlp_spans", 0, offset),
        "interaction",
        tuple(r[0] for r in rows),
        {
            "language": Column(
                tuple(languages), tuple(ABSENT if r[1] is None else languages.index(r[1]) for r in rows)
            )
        },
        {
            "refusal": Column((), tuple(r[2] for r in rows)),
            "finish_reason": Column(
                tuple(reasons), tuple(ABSENT if r[3] is None else reasons.index(r[3]) for r in rows)
            ),
            "unknown": Column((), tuple(0 for _ in rows)),
        },
        {"refusal": 1, "finish_reason": 1, "unknown": 1},
    )


def named(fold: Aggregate, counts: list[TickCounts]) -> Counter[tuple[int, str, str, str]]:
    """Counts by tick, score, slice and level or cell."""
    out: Counter[tuple[int, str, str, str]] = Counter()
    names = fold.names()
    for c in counts:
        for series, cell, count in zip(c.series, c.cells, c.counts, strict=True):
            key = names[series]
            level = fold.category_names(key.score)
            out[c.tick, key.score, key.slice, level[cell] if level else str(cell)] += count
    return out


def rows_of(seed: int, n: int) -> list[Row]:
    draw = random.Random(seed)
    return [
        (
            draw.randrange(0, 40),
            draw.choice([None, "en", "es", "de"]),
            draw.choice([ABSENT, 0, 1]),
            draw.choice([None, "stop", "length"]),
        )
        for _ in range(n)
    ]


def expected(rows: list[Row]) -> Counter[tuple[int, str, str, str]]:
    out: Counter[tuple[int, str, str, str]] = Counter()
    for minute, language, refusal, reason in rows:
        for slice_ in ["all"] + ([f"language={language}"] if language else []):
            if refusal != ABSENT:
                out[minute // 5, "refusal", slice_, str(refusal)] += 1
            if reason:
                out[minute // 5, "finish_reason", slice_, reason] += 1
    return out


@pytest.mark.parametrize("seed", range(20))
def test_counts_do_not_depend_on_how_rows_were_cut_into_messages(seed: int) -> None:
    rows = rows_of(seed, 60)
    fold = Aggregate(SPECS, 300, 20)
    draw = random.Random(seed)
    at = offset = 0
    while at < len(rows):
        size = draw.randrange(1, 9)
        assert fold.add(message(rows[at : at + size], offset), 0) == []
        at, offset = at + size, offset + 1
        if draw.random() < 0.3:
            again = Aggregate(SPECS, 300, 20)
            again.restore(msgpack.unpackb(msgpack.packb(fold.state()), strict_map_key=False))
            fold = again
    assert named(fold, fold.advance(100)) == expected(rows)
    assert fold.open_counts() == []


def test_late_rows_are_counted_apart() -> None:
    fold = Aggregate(SPECS, 300, 20)
    rows: list[Row] = [(3, "en", 1, None), (12, "en", 0, None)]
    late = fold.add(message(rows, 0), next_tick=2)
    assert named(fold, late) == expected(rows[:1])
    assert fold.late_rows == 1
    assert named(fold, fold.advance(10)) == expected(rows[1:])


def test_only_the_first_values_are_tracked_but_all_count() -> None:
    fold = Aggregate(SPECS, 300, 2)
    fold.add(message([(0, v, 1, None) for v in ("a", "b", "c", "d")], 0), 0)
    counts = named(fold, fold.advance(1))
    assert counts[0, "refusal", "all", "1"] == 4
    assert {s for _, _, s, _ in counts} == {"all", "language=a", "language=b"}


def test_a_conversation_weighs_a_few_calls_in_detection_and_all_of_them_in_charts() -> None:
    fold = Aggregate(SPECS, 300, 20)
    loop = message([(0, None, 1, None)] * 50, 0)
    fold.add(replace(loop, conversations=(9,) * 50), 0)
    fold.add(replace(message([(0, None, 0, None)] * 3, 1), conversations=(1, 2, 0)), 0)
    (counts,) = fold.advance(1)
    assert (counts.cells, counts.counts, counts.beyond) == ([0, 1], [3, 50], [0, 40])


def test_users_weigh_a_few_calls_once_there_are_people() -> None:
    fold = Aggregate(SPECS, 300, 20)
    rows: list[Row] = [(0, None, 1, None)] * 50
    fold.add(replace(message(rows, 0), users=(7,) * 50), 0)
    fold.add(replace(message([(5, None, 1, None)] * 50, 0), users=(*range(10, 35), *(7,) * 25)), 0)
    assert [c.beyond for c in fold.advance(2)] == [[0], [15]]


@pytest.mark.parametrize("a_message", [1, 32])
def test_a_new_category_with_every_call_is_counted_as_other_once_there_is_no_room(a_message: int) -> None:
    fold, restored = Aggregate(SPECS, 300, 20), Aggregate(SPECS, 300, 20)
    names = [f"r{n}" for n in range(2 * MOST_LEVELS)]
    for at in range(0, len(names), a_message):
        rows: list[Row] = [(0, None, ABSENT, name) for name in names[at : at + a_message]]
        fold.add(message(rows, at), 0)
    restored.restore(msgpack.unpackb(msgpack.packb(fold.state()), strict_map_key=False))
    more: list[Row] = [(0, None, ABSENT, name) for name in ("new", OTHER, "r0")]
    counted = []
    for one in (fold, restored):
        one.add(message(more, 9999), 0)
        assert len(one.category_names("finish_reason")) == MOST_LEVELS + 1
        counted.append(named(one, one.advance(1)))
    assert counted[0] == counted[1]
    by_name = {name: n for (_, _, _, name), n in counted[0].items()}
    assert by_name[OTHER] == MOST_LEVELS + 2
    assert by_name["r0"] == 2
    assert sum(by_name.values()) == len(names) + len(more)
