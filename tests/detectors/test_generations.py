"""A scorer whose values changed their meaning: its series start anew, and nobody is paged for it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detectors.baselines import adopt
from detectors.counts.aggregate import Aggregate
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Column, Control, Observation, SourcePosition
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.test_accept import states
from tests.detectors.traffic import DAY, KEY, SPECS, START, Row, World, config, observation


def run(
    generation_at: dict[int, int],
    days: float,
    controls: dict[int, Control] | None = None,
    refusals: dict[int, float] | None = None,
) -> tuple[ServiceWatcher, list[Finding]]:
    """Days of traffic; from a day on refusals have a generation and a rate; records come at noon of a day."""
    watcher, findings, batch, offset = (
        ServiceWatcher(KEY, config(), START // 5),
        list[Finding](),
        list[Row](),
        0,
    )
    given_, generation = dict(controls or {}), 1

    def change(row: Row, draw):  # type: ignore[no-untyped-def]
        rate = next((r for d, r in (refusals or {}).items() if row.minute >= START + d * DAY), 0.02)
        return replace(row, scores={**row.scores, "refusal": float(draw.random() < rate)})

    for row in World(seed=2, per_day=250, days=days, change=change).rows():
        batch.append(row)
        day = (row.minute - START) / DAY
        if day >= min(given_, default=1e9) + 0.5:
            watcher.control(given_.pop(min(given_)))
        if len(batch) < 16:
            continue
        generation = max([g for d, g in generation_at.items() if day >= d], default=1)
        o = observation(batch, offset)
        watcher.observe(replace(o, generations={**o.generations, "refusal": generation}), offset)
        findings += watcher.advance((row.minute - 2) // 5, offset).findings
        watcher.adopt_next()
        batch, offset = [], offset + 1
    return watcher, findings


def test_a_new_generation_that_measures_five_times_as_much_pages_nobody_and_learns() -> None:
    watcher, findings = run({15: 2}, 15.5, refusals={15: 0.1})
    assert findings == []
    refusal = states(watcher, "refusal")["all"]
    assert (refusal.state, refusal.generation) == ("learning", 2)
    assert states(watcher, "secrets")["all"].state == "watching"
    assert states(watcher, "secrets")["all"].generation == 1
    again = ServiceWatcher.restore(KEY, config(), *unpack(pack(*watcher.state())))
    assert pack(*again.state()) == pack(*watcher.state())


def test_an_open_finding_of_the_old_generation_ends_with_it() -> None:
    _, findings = run({15: 2}, 15.3, refusals={14: 0.4})
    opened = [f for f in findings if f.score == "refusal" and f.ended_at is None]
    ended = [f for f in findings if f.score == "refusal" and f.ended_at is not None]
    assert {f.finding_id for f in ended} == {f.finding_id for f in opened} != set()
    assert all(f.notes[-1] == "over: the scorer has changed" for f in ended)


def test_what_was_scored_again_is_adopted_in_its_generation_and_watched_at_once() -> None:
    source, _ = run({0: 2}, 14.6, refusals={0: 0.1})
    learned = [k for k in adopt.kept_in(*unpack(pack(*source.state())), SPECS) if k.key.score == "refusal"]
    assert {one.generation for one in learned} == {2}
    record = Control(
        KEY, "adopt", 0, {"baselines": adopt.pack(learned), "actor": "Ada", "reason": "scored again"}
    )
    watcher, findings = run({15: 2}, 16, controls={15: record}, refusals={15: 0.1})
    assert findings == []
    refusal = states(watcher, "refusal")["all"]
    assert (refusal.state, refusal.generation, refusal.origin) == ("accepted", 2, "adopted")
    assert abs((refusal.baseline_value or 0) - 0.1) < 0.02


def one_row(generation: int, minute: int, offset: int) -> Observation:
    return Observation(
        KEY,
        SourcePosition("s", 0, offset),
        "interaction",
        (minute,),
        {},
        {"refusal": Column((), (1,)), "secrets": Column((), (0,))},
        {"refusal": generation, "secrets": 1},
    )


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 20)), min_size=1, max_size=30))
def test_one_generation_is_counted_at_a_time_and_it_never_goes_back(rows: list[tuple[int, int]]) -> None:
    fold, known, expected = Aggregate(SPECS, 300, 5), 0, 0
    for offset, (generation, minute) in enumerate(rows):
        fold.add(one_row(generation, minute, offset), 0)
        expected = 1 if generation > known else expected + (generation == known)
        known = max(known, generation)
        assert fold.generation("refusal") == known
    names = {n: key.score for n, key in fold.names().items()}
    counted = {"refusal": 0, "secrets": 0}
    for tick in fold.open_counts():
        for number, n in zip(tick.series, tick.counts, strict=True):
            counted[names[number]] += n
    assert counted == {"refusal": expected, "secrets": len(rows)}
    twin = Aggregate(SPECS, 300, 5)
    twin.restore(fold.state())
    assert twin.state() == fold.state()
