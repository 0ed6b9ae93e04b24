"""What services share in one tenant makes detection fail: it is set aside, and every other fleet goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from alerts.incidents.intake import read_finding
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import BEGINNING, Entry, Report, SharedRow, decode, encode
from detectors.finding import SEVERAL, Finding
from detectors.fleet.fleet import FleetWatcher
from detectors.observation import Control, ServiceKey
from detectors.observation import encode as encode_control
from infra.kafka import DEAD_LETTERS, FINDINGS, TICKS
from ingest.agents.detect.quarantine import RELEASE
from ingest.agents.fleet.shard import FleetShard
from ingest.agents.fleet.stage import FleetStage
from ingest.errors import Unavailable
from ingest.messages import Output, RawMessage
from ingest.operations.doctor.check_quarantine import check_quarantine
from ingest.operations.quarantine import TOPICS, SetAside
from ingest.topics.dead_letter import read as read_letter
from tests.detectors.traffic import START
from tests.ingest.test_detect_stage import Kept
from tests.ingest.test_fleet_stage import REFUSALS

S = 1_000_000_000
NOW_NS = 1_800_000_000 * S
BAD = ServiceKey("bad", "live", "", SEVERAL)
GOOD = ServiceKey("good", "live", "", SEVERAL)
MOST_COUNTED = 1 << 63
"""More than a watcher's counts can hold: what a defect further up may report."""


def rows(tick: int, count: int = 3) -> tuple[SharedRow, ...]:
    return tuple(
        SharedRow("", service, tick, "interaction", "refusal", "request_model=m-1", (0, 1), (count, 1))
        for service in ("a", "b")
    )


def stream(ticks: int = 8, bad_from: int = 4) -> list[Report | Control]:
    """Each tick is closed for both tenants; from one of them on, the bad one counts more than can be."""
    made: list[Report | Control] = [ServiceBudget(0.5, 0.5).control(BAD)]
    before, offset = BEGINNING, 0
    for n in range(ticks):
        tick = START + n
        for tenant in ("bad", "good"):
            count = MOST_COUNTED if tenant == "bad" and n >= bad_from else 3
            made.append(Report(0, (Entry(offset, before, tenant, "live", tick + 1, rows(tick, count)),)))
            before, offset = offset, offset + 1
    return made


def raw(messages: Sequence[Report | Control], start: int = 0) -> list[RawMessage]:
    return [
        RawMessage(TICKS.name, 0, start + i, encode(m) if isinstance(m, Report) else encode_control(m))
        for i, m in enumerate(messages)
    ]


def stage(store: Kept, version: str = "1") -> FleetStage:
    return FleetStage(store, REFUSALS, 1, version=version, now_ns=lambda: NOW_NS)


def pages(outputs: Sequence[Output]) -> list[Finding]:
    found = [read_finding(o.value) for o in outputs if o.topic == FINDINGS.name]
    return [f for f in found if f.alert_kind == "pipeline"]


def applied(messages: Sequence[Report | Control]) -> FleetShard:
    shard = FleetShard(REFUSALS, 1, "1")
    for offset, message in enumerate(messages):
        shard.apply(offset, message)
    return shard


def test_one_fleet_that_fails_is_set_aside_and_the_other_is_as_if_nothing_were() -> None:
    shard, calm = applied(stream()), applied(stream(bad_from=99))
    assert shard.quarantine.keys() == {BAD}
    assert shard.watchers.keys() == {GOOD}
    ours, theirs = (s.watchers[GOOD].state() for s in (shard, calm))
    assert ours[0] == theirs[0]
    assert all((ours[1][name] == theirs[1][name]).all() for name in theirs[1])
    assert shard.next_offset == calm.next_offset
    assert shard.event_ns == calm.event_ns


@pytest.mark.parametrize("seed", range(5))
def test_restarts_anywhere_end_in_the_same_state(seed: int) -> None:
    messages = [*stream(), Control(BAD, RELEASE, 0), *stream()[1:]]
    draw, shard = random.Random(seed), FleetShard(REFUSALS, 1, "1")
    for offset, message in enumerate(messages):
        shard.apply(offset, message)
        if draw.random() < 0.4:
            shard = FleetShard.unpack(shard.pack(), REFUSALS, 1, "1")
    assert shard.pack() == applied(messages).pack()


def test_it_is_a_page_a_row_and_a_line_of_the_doctor_whatever_the_store_does() -> None:
    store = Kept()
    one, outputs = stage(store), list[Output]()
    store.failures = 2
    while not outputs:
        try:
            outputs = one.process(raw(stream()))
        except Unavailable:
            continue
    (page,) = pages(outputs)
    assert (page.severity, page.score, page.service, page.ended_at) == (
        "page",
        "quarantine",
        "lightship",
        None,
    )
    assert "what services share (bad/live/*) is not watched" in page.notes[0]
    assert "OverflowError at detectors.fleet" in page.notes[0]
    (row,) = store.quarantine
    assert (row.key, row.error, row.released) == (BAD, "OverflowError", False)
    one.snapshot()
    again = stage(store)
    (same,) = pages(again.process(raw([ServiceBudget(1, 1).control(BAD)], len(stream()))))
    assert same.finding_id == page.finding_id
    assert len(store.quarantine) == 1
    aside = SetAside("fleet", 0, "bad", "live", "", SEVERAL, 9, "2026-01-01 00:00:00", "E", "p", "1")
    (line,) = check_quarantine([aside])
    assert "what services share" in line.says
    assert (line.remedy or "").endswith("lightship quarantine release '*'")
    assert TOPICS["fleet"] == TICKS.name


def test_a_record_in_the_log_has_it_watched_again_and_ends_the_page() -> None:
    store, messages = Kept(), stream()
    (page,) = pages(stage(store).process(raw(messages)))
    running = stage(store)
    running.process(raw(messages))
    (over,) = pages(running.process(raw([Control(BAD, RELEASE, 0)], len(messages))))
    assert over.finding_id == page.finding_id
    assert over.ended_at is not None
    assert [(r.key, r.released) for r in store.quarantine[-1:]] == [(BAD, True)]
    shard = running._shard
    assert shard is not None
    assert shard.watchers[BAD].next_tick == START + 8
    assert shard.watchers[BAD].config.pages.pages == 0.5  # what it was granted it may spend again


def test_another_version_of_the_program_releases_it() -> None:
    store, messages = Kept(), stream()
    one = stage(store)
    one.process(raw(messages))
    one.snapshot()
    ask = raw([ServiceBudget(1, 1).control(GOOD)], len(messages))
    records = [[o for o in stage(store, v).process(ask) if o.topic == TICKS.name] for v in ("1", "2")]
    assert records[0] == []
    assert [decode(o.value) for o in records[1]] == [Control(BAD, RELEASE, 0)]


def test_a_state_that_cannot_be_packed_or_read_sets_that_fleet_alone_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, messages = Kept(), stream(bad_from=99)
    one, real = stage(store), FleetWatcher.state
    one.process(raw(messages))
    whole = applied(messages).pack()
    with monkeypatch.context() as patched:
        patched.setattr(
            FleetWatcher, "state", lambda w: ({"wrong": object()}, {}) if w.key == BAD else real(w)
        )
        one.snapshot()
    assert [row.key for row in store.quarantine] == [BAD]
    assert FleetShard.unpack(store.snapshots[-1].blob, REFUSALS, 1).quarantine.keys() == {BAD}
    restore = FleetWatcher.restore.__func__  # type: ignore[attr-defined]

    def unreadable(cls: type[FleetWatcher], key: ServiceKey, *rest: object) -> FleetWatcher:
        if key == BAD:
            raise KeyError("learner")
        made: FleetWatcher = restore(cls, key, *rest)
        return made

    monkeypatch.setattr(FleetWatcher, "restore", classmethod(unreadable))
    shard = FleetShard.unpack(whole, REFUSALS, 1)
    assert shard.quarantine.keys() == {BAD}
    assert shard.watchers.keys() == {GOOD}


def test_a_replay_agrees_with_what_a_snapshot_has_set_aside() -> None:
    messages = stream(bad_from=99)
    kept, replayed = applied(messages), applied(messages)
    kept._set_aside(kept.watchers[BAD], ZeroDivisionError(), 7)
    replayed.agree(kept.pack())
    assert replayed.pack() == kept.pack()


@pytest.mark.parametrize("until", [0, 1 << 40, (1 << 64) - 1, -(1 << 63)])
def test_no_clock_that_a_report_names_ends_the_process(until: int) -> None:
    store = Kept()
    one = stage(store)
    entry = Entry(0, BEGINNING, "bad", "live", until, rows(START))
    one.process(raw([Report(0, (entry,))]))
    one.snapshot()
    assert store.snapshots


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda _: b"", lambda data: data[::-1]])
def test_a_report_that_cannot_be_read_is_put_aside_and_the_others_go_on(
    damage: Callable[[bytes], bytes],
) -> None:
    log = raw(stream(bad_from=99))
    log[5] = replace(log[5], value=damage(log[5].value))
    whole, store, outputs = FleetShard(REFUSALS, 1, "1"), Kept(), list[Output]()
    for message in log[:5] + log[6:]:
        whole.chain.add(message.offset, message.value)
        whole.apply(message.offset, decode(message.value))
    for upto, ends_before_a_snapshot in ((6, False), (8, True), (len(log), False)):
        one = stage(store)
        outputs += one.process(log[:upto])
        if not ends_before_a_snapshot:
            assert one.snapshot() == upto
    assert store.snapshots[-1].blob == whole.pack()  # what is kept of the log is enough to verify by
    assert [read_letter(o.value).value for o in outputs if o.topic == DEAD_LETTERS.name] == [log[5].value]
    said = pages(outputs)
    assert [(p.severity, p.score) for p in said] == [("page", "missing_ticks")] * 2
    assert len({p.finding_id for p in said}) == 1  # who reads it again states the same
    assert "between log offsets 3 and 5" in said[0].notes[0]
    assert whole.counters()["lightship_fleet_gaps_total"] == 1
