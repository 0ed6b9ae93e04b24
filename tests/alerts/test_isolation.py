"""One finding, incident, row or message that our own code fails on is set aside, and all the rest goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from alerts.briefs.brief import Brief
from alerts.errors import Defect, Unstorable
from alerts.faults import INCIDENTS, LASTS_S, Faults
from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.incident import Incident
from alerts.monitoring.health_watch import HealthWatch
from alerts.notify.pipeline import MOST_DEFECTS, Attempt, Pipeline
from alerts.notify.protocol import GAVE_UP, Delivery, Outcome
from alerts.notify.sender import Sender
from alerts.state.incident_state import Change
from alerts.stored_rows import FEW, readable
from detectors.finding import Finding
from infra.disks import DiskSpace
from infra.supervised_thread import SupervisedThread
from tests.alerts.deliveries import delivery, incident_of
from tests.alerts.invented import at, lengths, refusals
from tests.alerts.lifecycles import Process, World, ended, look_twice
from tests.alerts.memory import Channel, HandClock, MemoryStore, Steps

POISON = "poison"


def poison(finding_id: str = "p1", **changes: object) -> Finding:
    return refusals(finding_id, service=POISON, **changes)


def route(incident: Incident) -> tuple[str, ...]:
    """Fails as a rule of a route would on a name that nobody thought of."""
    if incident.place.service == POISON:
        raise KeyError(incident.place.service)
    return ("hook",)


def life(*findings: Finding, batch: int = 3) -> tuple[World, Process]:
    world = World(*findings, batch=batch)
    process = world.process(route)
    process.read()
    return world, process


@pytest.mark.parametrize("batch", [1, 3])
def test_a_finding_that_fails_becomes_a_dead_letter_and_those_around_it_page(batch: int) -> None:
    world, process = life(refusals(), poison(), lengths(), batch=batch)
    assert [source.offset for source, _ in world.post.letters] == [1]
    assert "KeyError at" in world.post.letters[0][1]
    assert POISON not in world.post.letters[0][1]  # by type and place: the text may be a user's
    assert [d.kind for d in world.channel.got] == ["opened"] * len(process.desk.all())
    assert world.committed == 3


def test_a_fault_of_most_findings_is_of_none_of_them() -> None:
    with pytest.raises(Defect, match="findings failed"):
        life(*(poison(f"p{n}", made_at=at("05:00")) for n in range(FEW + 1)), batch=FEW + 1)


class Choosy(MemoryStore):
    """A store that refuses the rows of one service."""

    def store(self, changes: Sequence[Change], brief: Callable[[Incident], Brief]) -> None:
        if any(change.incident.place.service == POISON for change in changes):
            raise Unstorable("no such value")
        super().store(changes, brief)


def test_a_row_that_the_store_refuses_is_set_aside_and_not_waited_for() -> None:
    world = World(refusals(), poison(), lengths())
    world.store = Choosy(world.steps)
    world.run()
    assert [source.offset for source, _ in world.post.letters] == [1]
    assert {i for i, _ in world.store.transitions} == {d.incident_id for d in world.channel.got}


def test_an_incident_that_fails_stays_as_it_is_while_time_passes_for_the_others() -> None:
    broken: set[str] = set()

    def fails_later(incident: Incident) -> tuple[str, ...]:
        if incident.place.service in broken:
            raise ValueError(incident.place.service)
        return ("hook",)

    world = World(refusals(), refusals("q1", service=POISON))
    process = world.process(fails_later)
    process.read()
    (sick,) = [i for i in process.desk.all() if i.place.service == POISON]
    world.log += [ended(f, "05:30").to_json().encode() for f in (refusals(), refusals("q1", service=POISON))]
    process.read_on()
    broken.add(POISON)
    world.store.hours_of_traffic = 5.0
    look_twice(process.desk)
    states = {i.place.service: i.state for i in process.desk.all()}
    assert states == {POISON: "recovering", "support-assistant": "resolved"}
    broken.clear()
    again = world.process(fails_later)  # a release that can handle it goes on where it stood
    again.desk.load()
    look_twice(again.desk)
    after = again.desk.find(sick.incident_id)
    assert after is not None
    assert after.state == "resolved"


def test_a_new_finding_at_the_place_of_an_incident_that_fails_still_pages() -> None:
    """Its incident is set aside, a new one is opened: what fails is in the way of no page."""
    broken: set[int] = set()

    def fails_for_the_first(incident: Incident) -> tuple[str, ...]:
        if incident.opened_ns in broken:
            raise ValueError(incident.opened_ns)
        return ("hook",)

    world = World(refusals(), ended(refusals(), "05:30"))
    process = world.process(fails_for_the_first)
    process.read()
    (first,) = process.desk.all()
    broken.add(first.opened_ns)
    world.log.append(
        refusals("z", made_at=at("09:20"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10"))
        .to_json()
        .encode()
    )
    process.read_on()
    assert world.post.letters == []
    assert [d.kind for d in world.channel.got] == ["opened", "opened"]
    assert len({d.incident_id for d in world.channel.got}) == 2


def test_a_stored_incident_that_cannot_be_read_keeps_no_service_from_starting() -> None:
    good = incident_to_json(incident_of())
    body = json.loads(good)
    bodies = [
        good,
        json.dumps({**body, "notes": [None]}),
        "{",
        json.dumps({**body, "findings": 1}),
        "[" * 10**5,
    ]
    faults = Faults(HandClock())
    assert len(readable(bodies, incident_from_json, faults, INCIDENTS, lambda row: row[:8])) == 1
    assert [(f.part, f.n) for f, lately in faults.known() if lately] == [(INCIDENTS, 4)]
    with pytest.raises(Defect, match="cannot be read"):
        readable(["{"] * (FEW + 1), incident_from_json, faults, INCIDENTS, lambda row: row)


@dataclass
class Sick(Channel):
    """A channel whose own code fails on some incidents."""

    fails_on: set[str] = field(default_factory=set)

    def send(self, delivery: Delivery) -> Outcome:
        if delivery.incident_id in self.fails_on:
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "a text of a user")
        return super().send(delivery)


def two_deliveries() -> tuple[Delivery, Delivery]:
    return delivery(refusals()), delivery(refusals("q1", service="another"))


def test_a_message_that_fails_is_tried_again_and_given_up_and_the_others_go_out() -> None:
    sick, well = two_deliveries()
    channel, store, clock = Sick(fails_on={sick.incident_id}), MemoryStore(Steps()), HandClock()
    faults = Faults(clock)
    pipeline = Pipeline(channel, store, clock, lambda: 0.5, faults=faults)
    for message in (sick, well):
        pipeline.add(message)
    pipeline.run()
    assert channel.got == [well]
    while pipeline.waiting:
        clock.sleep(pipeline.run())
    outcomes = [a for a in store.attempts.values() if a.delivery == sick and a.outcome != "sending"]
    assert [a.number for a in outcomes] == list(range(1, MOST_DEFECTS + 1))
    assert outcomes[-1].outcome == GAVE_UP
    assert "UnicodeEncodeError at" in outcomes[-1].reason
    assert "user" not in outcomes[-1].reason
    assert pipeline.breaker.down_since_ns is None  # the receiver is not what fails
    assert any(sick.incident_id in text for text in faults.texts())


class NoLog:
    """A log of deliveries that refuses every row."""

    def record_attempt(self, attempt: Attempt) -> None:
        raise Unstorable(attempt.outcome)


def test_a_message_whose_attempts_cannot_be_written_down_is_sent_once_all_the_same() -> None:
    _, well = two_deliveries()
    channel, clock = Channel(), HandClock()
    pipeline = Pipeline(channel, NoLog(), clock, lambda: 0.5)
    pipeline.add(well)
    for _ in range(3):
        pipeline.run()
    assert channel.got == [well]
    assert pipeline.waiting == 0


def test_the_thread_that_sends_outlives_a_pipeline_that_breaks() -> None:
    sent = threading.Event()

    class Breaks(Pipeline):
        broken = True

        def run(self) -> float:
            if self.broken:
                self.broken = False
                raise RuntimeError
            sent.set()
            return 60.0

    clock = HandClock()
    faults = Faults(clock)
    sender = Sender("hook", Breaks(Channel(), MemoryStore(), clock, lambda: 0.5), faults)
    sender.start()
    assert sent.wait(10)
    assert sender.loop.problem is None
    assert faults.total == 1
    sender.stop(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_all_the_same_says_so() -> None:
    def ends() -> float:
        raise SystemExit

    loop = SupervisedThread("sender-hook", ends, lambda _: None)
    loop.start()
    deadline = time.monotonic() + 10
    while loop.is_alive and time.monotonic() < deadline:
        time.sleep(0.01)
    found = [loop.problem]
    loop.stop(1)
    found.append(loop.problem)  # it was asked to
    assert found == ["the thread sender-hook has ended", None]


def test_what_failed_is_an_incident_until_it_has_not_failed_for_a_while() -> None:
    clock = HandClock()
    faults = Faults(clock)
    watch = HealthWatch(dict, lambda: None, list, list, clock, faults=faults)
    with faults.isolate("digests"):
        raise ZeroDivisionError
    faults.note("findings", KeyError("a text of a user"), "findings/0/17")
    first = watch.statements([])
    assert {(f.slice, f.severity) for f in first} == {("part=digests", "ticket"), ("part=findings", "page")}
    assert any("findings/0/17" in note for f in first for note in f.notes)
    assert "a text" not in str(first)
    world = World(*first)
    incidents = world.run().desk.all()
    assert watch.statements(incidents) == []
    clock.sleep(LASTS_S + 1)
    assert {f.ended_at is None for f in watch.statements(incidents)} == {False}


def test_one_look_that_fails_hides_none_of_the_others() -> None:
    def rooms() -> list[DiskSpace]:
        raise OverflowError

    clock = HandClock()
    long_ago = clock.now_ns() - 3600 * 10**9
    clock.sleep(3600)
    watch = HealthWatch(dict, lambda: long_ago, rooms, list, clock)
    clock.sleep(3600)
    assert {f.score for f in watch.statements([])} == {"detection_stalled", "set_aside"}
