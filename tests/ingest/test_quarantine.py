"""A service that detection fails on is set aside: everything else goes on, as if nothing were."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from detectors.budgets.service_budget import ServiceBudget
from detectors.counts.aggregate import Aggregate
from detectors.counts.user_cap import UserCap
from detectors.fast.fast_watch import FastWatch
from detectors.finding import Finding
from detectors.observation import Control, Message, Observation, ServiceKey, decode, encode
from detectors.rule_watch.service_rules import RuleWatch
from detectors.scorers import SPECS
from detectors.series.series_banks import WatchList
from detectors.traffic.traffic import Traffic
from detectors.watch.watcher import ServiceWatcher
from ingest.agents.detect.quarantine import RELEASE
from ingest.agents.detect.shard import ANEW, Shard
from ingest.errors import Unavailable
from ingest.units.conversations import Conversations
from tests.at_length import at_length
from tests.detectors.traffic import config
from tests.ingest.test_identities import KEYED, S, traffic

BAD = ServiceKey("default", "live", "prod", "chat")
MINUTES = 18
FROM = 60
"""Offset from which the fault is there: the clock has closed a tick and stands within another."""


class SecretInTheText(RuntimeError):
    """Its text must be nowhere."""


def log(minutes: int = MINUTES, per_minute: int = 4) -> list[Message]:
    messages: list[Message] = [*traffic(3, minutes, KEYED, per_minute)]
    messages.insert(30, ServiceBudget(0.5, 0.5).control(BAD))
    return messages


@dataclass
class Run:
    """What came of a log."""

    shard: Shard
    cells: dict[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    closed: list[object] = field(default_factory=list)

    def of(self, key: ServiceKey) -> dict[tuple[object, ...], tuple[object, ...]]:
        return {k: v for k, v in self.cells.items() if k[0] == key}

    def others(self) -> tuple[object, ...]:
        cells = {k: v for k, v in self.cells.items() if k[0] != BAD}
        return cells, [f.to_json() for f in self.findings if owner(f) != BAD]


def owner(f: Finding) -> ServiceKey:
    return ServiceKey(f.tenant, f.lineage, f.environment or "", f.service)


def fresh() -> Shard:
    return Shard(config(specs=SPECS), 1, 60 * S, program="1")


def run(
    messages: Sequence[Message],
    cuts: frozenset[int] = frozenset(),
    before: Callable[[int, Shard], None] = lambda *_: None,
) -> Run:
    out = Run(fresh())
    for offset, message in enumerate(messages):
        before(offset, out.shard)
        shard = out.shard
        shard.apply(offset, decode(encode(message)))
        for key, c, _ in shard.cells:
            out.cells[key, c.series, c.start_s, c.part] = (c.n, c.total, tuple(c.cells), tuple(c.counts))
        out.findings += [f for f, _ in shard.findings]
        out.closed += [(e.tenant, e.until, e.rows) for e in shard.closed]
        shard.findings, shard.cells, shard.references, shard.closed = [], [], [], []
        if offset in cuts:
            out.shard = Shard.unpack(shard.pack(), config(specs=SPECS), 1, 60 * S, program="1")
    return out


@pytest.fixture(scope="module")
def whole() -> Run:
    return run(log())


PLACES: dict[str, tuple[type, str]] = {
    "counting": (Aggregate, "add"),
    "people": (UserCap, "add"),
    "fast path": (FastWatch, "observe"),
    "open ticks": (FastWatch, "peek"),
    "traffic": (Traffic, "observe"),
    "the clock": (Traffic, "advance"),
    "rules": (RuleWatch, "close"),
    "closing": (Aggregate, "advance"),
    "fast closing": (FastWatch, "close"),
    "drift": (WatchList, "update"),
    "series": (ServiceWatcher, "series_states"),
}


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, offset: list[int]) -> Iterator[None]:
    """``name`` raises for the bad service, from `FROM` on. Parts without a key are known by their watcher."""
    whose: list[ServiceKey | None] = [None]
    attempt, real = Shard._attempt, getattr(kind, name)

    def known(self: Shard, key: ServiceKey, *rest: Any) -> Any:
        whose[0] = key
        try:
            return attempt(self, key, *rest)
        finally:
            whose[0] = None

    def broken(self: Any, *rest: Any, **named: Any) -> Any:
        if whose[0] == BAD and offset[0] >= FROM:
            raise SecretInTheText("ida.varga@posthorn.example")
        return real(self, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Shard, "_attempt", known)
        patched.setattr(kind, name, broken)
        yield


@pytest.mark.parametrize("place", PLACES)
def test_a_part_that_raises_costs_its_service_alone(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, whole: Run
) -> None:
    kind, name = PLACES[place]
    at = [0]

    def before(offset: int, shard: Shard) -> None:
        at[0] = offset
        if place == "series" and offset == FROM:
            shard.series_states()

    with failing(monkeypatch, kind, name, at):
        got = run(log(), before=before)
    assert set(got.shard.quarantine) == {BAD}
    kept = got.shard.quarantine[BAD]
    assert kept.fault.error.endswith("SecretInTheText")
    assert kept.fault.place.startswith(("detectors.", "ingest.agents.detect."))
    assert FROM - 1 <= kept.offset <= FROM + 24
    assert got.others() == whole.others()
    assert "posthorn" not in caplog.text
    assert "chat is in quarantine" in caplog.text
    if kind is not Aggregate:  # what had been counted is sound: not a row is missing
        assert got.of(BAD) == whole.of(BAD)
        assert got.closed == whole.closed
    assert max(k[2] for k in got.of(BAD)) == max(k[2] for k in whole.of(BAD))  # type: ignore[type-var]


@pytest.mark.parametrize("place", at_length(["fast closing", "counting", "fast path"]))
def test_a_snapshot_anywhere_around_it_changes_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [0]

    def before(offset: int, _: Shard) -> None:
        at[0] = offset

    with failing(monkeypatch, *PLACES[place], at):
        undisturbed = run(log(), before=before)
        for seed in range(2):
            cuts = frozenset(random.Random(seed).sample(range(FROM - 8, len(log())), 8))
            got = run(log(), cuts, before)
            assert got.shard.pack() == undisturbed.shard.pack()
            assert (got.cells, got.findings) == (undisturbed.cells, undisturbed.findings)


@pytest.mark.parametrize("name", ["state", "restore"])
def test_a_state_that_cannot_be_packed_or_read_stops_no_snapshot(
    name: str, monkeypatch: pytest.MonkeyPatch, whole: Run
) -> None:
    real = getattr(ServiceWatcher, name)

    def state(self: ServiceWatcher) -> Any:
        facts, arrays = real(self)
        return {**facts, "wrong": object()} if self.key == BAD else facts, arrays

    def restore(_: type[ServiceWatcher], key: ServiceKey, *rest: Any) -> ServiceWatcher:
        if key == BAD:
            raise KeyError("watch")
        return real(key, *rest)  # type: ignore[no-any-return]

    monkeypatch.setattr(ServiceWatcher, name, state if name == "state" else classmethod(restore))
    got = run(log(), frozenset({FROM, FROM + 20}))
    assert set(got.shard.quarantine) == {BAD}
    assert got.others() == whole.others()
    if name == "state":
        assert got.of(BAD) == whole.of(BAD)


@pytest.mark.parametrize("name", ["add", "advance", "state", "restore"])
def test_conversations_that_raise_begin_anew(name: str, monkeypatch: pytest.MonkeyPatch, whole: Run) -> None:
    real, calls = getattr(Conversations, name), [0]

    def broken(self: Conversations, *rest: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise SecretInTheText("ida.varga@posthorn.example")
        return real(self, *rest, **named)

    monkeypatch.setattr(Conversations, name, broken)
    got = run(log(), frozenset({FROM, FROM + 20}))
    assert not got.shard.quarantine
    assert got.shard.counters()["lightship_detect_conversations_begun_anew_total"] <= 1
    assert got.others() == whole.others()


def test_what_is_of_the_whole_is_no_single_services_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bool:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(FastWatch, "observe", away)
    with pytest.raises(Unavailable):
        run(log())


def test_a_service_that_is_released_is_watched_anew_and_what_was_open_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shard, offset, messages, found = fresh(), 0, log(30, 12), list[Finding]()
    for offset, message in enumerate(messages):
        shard.apply(offset, message)
        if BAD in shard.watchers and (found := shard.watchers[BAD].open_findings()):
            break
    opened = [f.finding_id for f in found]
    assert opened

    def broken(*_: object) -> None:
        raise ValueError

    later = next(m for m in messages if isinstance(m, Observation) and m.key == BAD)
    with monkeypatch.context() as patched:
        patched.setattr(Traffic, "observe", broken)
        shard.apply(offset + 1, replace(later, source=replace(later.source, offset=9000)))
    assert BAD in shard.quarantine
    shard = Shard.unpack(shard.pack(), config(specs=SPECS), 1, 60 * S, program="1")
    shard.apply(offset + 2, ServiceBudget(0.25, 0.25).control(BAD))
    shard.findings = []
    shard.apply(offset + 3, Control(BAD, RELEASE, 0))
    assert BAD not in shard.quarantine
    assert BAD in shard.watchers
    assert [key for key, _ in shard.released] == [BAD]
    assert [f.finding_id for f, _ in shard.findings] == opened
    assert all(f.ended_at is not None and ANEW in f.notes for f, _ in shard.findings)
    again = Shard.unpack(shard.pack(), config(specs=SPECS), 1, 60 * S, program="1")
    assert again.pack() == shard.pack()
