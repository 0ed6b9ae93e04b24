"""What a receiver gave up: told at once, sent to its fallback, and sent again when it works; once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerts.briefs.brief import Links
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.metrics import Metrics
from alerts.notify.delivery_log import CountedLog
from alerts.notify.delivery_state import MOST_LATE, RESENT_S, DeliveryState, late_key, number_of
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery, Outcome
from alerts.outbox.dispatch import resent
from alerts.repository import deliveries
from alerts.repository.deliveries import read_fates
from alerts.state.ports import Message, Setup, Source
from detectors.finding import Finding
from infra.clock import NS_PER_S
from tests.alerts.invented import TIMING, lengths, refusals
from tests.alerts.lifecycles import ended
from tests.alerts.memory import Channel, HandClock, Killed, MemoryPost, MemoryStore, Steps

GONE, AWAY = Outcome(GAVE_UP, "hooks.example.org: 404", 404), Outcome(RETRY, "time-out")
OTHER = refusals("g1", service="billing-bot")
THIRD = refusals("g2", service="search")


class Receiver(Channel):
    """Keeps what it took, and refuses whatever is about ``refused`` unless it comes late."""

    def __init__(self, steps: Steps, refused: str = "") -> None:
        super().__init__(steps)
        self.refused = refused
        self.took: list[Delivery] = []

    def send(self, delivery: Delivery) -> Outcome:
        outcome = super().send(delivery)
        if delivery.place.service == self.refused and "-late-" not in delivery.dedup_key:
            return GONE
        self.took += [delivery] if outcome.outcome == SENT else []
        return outcome


@dataclass
class World:
    """A store, three receivers and a clock, which outlive the processes that send."""

    fallbacks: Mapping[str, str] = field(default_factory=lambda: {"pager": "", "mail": ""})
    steps: Steps = field(default_factory=Steps)
    routed: tuple[str, ...] = ("pager",)

    def __post_init__(self) -> None:
        self.clock = HandClock()
        self.store = MemoryStore(self.steps)
        self.channels = {name: Receiver(self.steps) for name in self.fallbacks}
        self.due: dict[tuple[str, int], int] = {}
        self.trials: dict[str, int] = {}
        self.log: list[Finding] = []

    def rows(self, statement: str, _: dict[str, Any]) -> Sequence[Sequence[Any]]:
        """What the store answers to the three questions."""
        if statement == deliveries._DUE:
            return [
                (i, seq, row.notify, row.receivers, row.incident.severity, self.due[i, seq] // 1000)
                for (i, seq), (row, _) in self.store.transitions.items()
                if row.notify
            ]
        if statement == deliveries._TOOK:
            took = dict(self.trials)
            for a in self.store.attempts.values():
                if a.outcome == "sent":
                    took[a.delivery.receiver] = max(took.get(a.delivery.receiver, 0), a.at_ns)
            return [(receiver, at_ns // 1000) for receiver, at_ns in took.items()]
        newest: dict[tuple[str, str], Any] = {}
        for a in sorted(self.store.attempts.values(), key=lambda a: (a.number, a.outcome != "sending")):
            newest[a.delivery.receiver, a.delivery.dedup_key] = a
        return [
            (to, a.delivery.incident_id, key, a.delivery.kind, a.number, a.outcome, a.at_ns // 1000, a.reason)
            for (to, key), a in newest.items()
        ]

    def process(self) -> Process:
        return Process(self)

    def run(self, seconds: float = 30.0) -> Process:
        """A process that reads the log and sends for a while; killed ones are started again."""
        while True:
            process = self.process()
            try:
                process.run(seconds)
            except Killed:
                continue
            return process

    def got(self, receiver: str) -> list[tuple[str, str]]:
        """Kind and headline of what a receiver took."""
        return [(d.kind, d.brief.headline) for d in self.channels[receiver].took]


class Process:
    """One life of the service, without threads."""

    def __init__(self, world: World) -> None:
        self.world, self.state = world, DeliveryState()
        log = CountedLog(world.store, Metrics(), self.state)
        self.pipelines = {
            name: Pipeline(channel, log, world.clock, lambda: 0.5) for name, channel in world.channels.items()
        }
        links = Links("http://dashboard", "http://api", "0")
        setup = Setup(TIMING, lambda _: world.routed, links, self.state.arrived)
        self.desk = IncidentService(setup, world.store, MemoryPost(), self.due, world.clock, Metrics())
        self.state.load(*read_fates(world.rows, world.clock.ns))
        self.desk.load()

    def due(self, delivery: Delivery, attempts: int, done: bool) -> None:
        pipeline = self.pipelines[delivery.receiver]
        if done:
            pipeline.finished([delivery.dedup_key])
            return
        self.world.due.setdefault((delivery.incident_id, delivery.seq), delivery.due_ns)
        self.state.due(delivery, attempts)
        pipeline.add(delivery, attempts)

    def run(self, seconds: float = 30.0) -> None:
        world = self.world
        for k, finding in enumerate(world.log):
            self.desk.apply([Message(Source("findings", 0, k), finding.to_json().encode())])
        end_ns = world.clock.ns + int(seconds * NS_PER_S)
        while world.clock.ns < end_ns:
            for one in self.state.resends(self.desk.find, world.fallbacks, world.clock.ns):
                delivery = resent(one, self.desk)
                self.state.due(delivery, one.attempts, routed=False)
                self.pipelines[one.receiver].add(delivery, one.attempts)
            self.desk.elapse()
            waits_s = [pipeline.run() for pipeline in self.pipelines.values()]
            world.clock.sleep(min(3.0, *(max(w, 0.1) for w in waits_s)))

    @property
    def incident(self) -> Incident:
        return self.desk.all()[-1]


def later(world: World, seconds: float) -> None:
    world.clock.sleep(seconds)


def test_a_refused_page_is_known_at_once_and_over_when_the_receiver_takes_something() -> None:
    world = World()
    world.channels["pager"].answers = [GONE]
    world.log = [refusals()]
    began_ns = world.clock.ns
    process = world.run(5)
    refused = process.state.refused("pager")
    assert refused is not None
    assert refused.since_ns - began_ns < NS_PER_S
    assert "404" in refused.reason
    assert process.pipelines["pager"].breaker.answered is False
    assert world.process().state.refused("pager") is not None  # a restart knows it
    process.state.works("pager", world.clock.ns + 1)
    assert process.state.refused("pager") is None


def test_a_refused_ticket_is_no_page_that_was_lost() -> None:
    world = World()
    world.channels["pager"].answers = [GONE]
    world.log = [lengths()]
    assert world.run(5).state.refused("pager") is None


def test_what_was_given_up_is_sent_late_and_once_after_the_next_success() -> None:
    world = World()
    world.channels["pager"].answers = [GONE]
    world.log = [refusals()]
    process = world.run(5)
    assert world.got("pager") == []
    later(world, 3600)
    process.run(30)
    assert world.got("pager") == []  # nothing says that it works
    world.log = [*world.log, OTHER]
    world.run(30)
    kinds = [kind for kind, _ in world.got("pager")]
    assert kinds == ["opened", "opened"]
    (_, fresh), (_, late) = world.got("pager")
    assert "late" not in fresh
    assert late.startswith("late: was due at ")
    world.run(600)
    assert len(world.got("pager")) == 2


def test_a_trial_has_it_sent_too_and_the_message_says_how_it_stands_now() -> None:
    world = World()
    world.channels["pager"].answers = [GONE] * 2
    world.log = [lengths(), refusals()]  # a ticket that became a page: both messages refused
    world.run(5)
    later(world, 600)
    world.trials["pager"] = world.clock.ns
    world.run(30)
    ((kind, headline),) = world.got("pager")
    assert kind == "opened"  # it never heard of it
    assert "refusals" in headline
    (sent,) = world.channels["pager"].got[2:]
    assert sent.brief.severity == "page"


def test_of_what_is_over_only_those_hear_who_heard_of_it() -> None:
    world = World()
    world.channels["pager"].answers = [GONE]
    world.log = [refusals()]
    process = world.run(5)
    process.desk.act(process.incident.incident_id, "false-alarm", "ana", "load test")
    world.channels["pager"].answers = [GONE]
    process.run(10)
    world.trials["pager"] = world.clock.ns
    world.run(30)
    assert world.got("pager") == []
    other = World()
    other.log = [refusals()]
    process = other.run(5)
    other.channels["pager"].answers = [GONE]
    process.desk.act(process.incident.incident_id, "false-alarm", "ana", "load test")
    process.run(10)
    other.trials["pager"] = other.clock.ns
    other.run(30)
    assert [kind for kind, _ in other.got("pager")] == ["opened", "resolved"]


def test_what_is_old_or_refused_again_and_again_is_left() -> None:
    world = World()
    world.channels["pager"].answers = [GONE]
    world.log = [refusals()]
    world.run(5)
    later(world, RESENT_S + 60)
    world.trials["pager"] = world.clock.ns
    world.run(30)
    assert world.got("pager") == []
    picky = World()
    picky.channels["pager"].answers = [GONE] * 100
    picky.log = [refusals()]
    for _ in range(MOST_LATE + 3):
        picky.run(10)
        picky.trials["pager"] = picky.clock.ns
    assert len(picky.channels["pager"].got) == 1 + MOST_LATE


def test_a_fallback_gets_the_page_at_once_and_hears_how_it_goes_on() -> None:
    world = World({"pager": "mail", "mail": ""})
    world.channels["pager"].answers = [GONE]
    world.log = [refusals()]
    process = world.run(5)
    ((kind, headline),) = world.got("mail")
    assert (kind, headline.startswith("in place of pager · ")) == ("opened", True)
    process.desk.act(process.incident.incident_id, "false-alarm", "ana", "load test")
    world.run(10)
    assert [kind for kind, _ in world.got("mail")] == ["opened", "resolved"]
    tickets = World({"pager": "mail", "mail": ""})
    tickets.channels["pager"].answers = [GONE]
    tickets.log = [lengths()]
    tickets.run(10)
    assert tickets.got("mail") == []


def test_two_that_stand_in_for_each_other_do_not_play_ball() -> None:
    world = World({"pager": "mail", "mail": "pager"})
    for channel in world.channels.values():
        channel.answers = [GONE] * 100
    world.log = [refusals()]
    world.run(60)
    assert [len(channel.got) for channel in world.channels.values()] == [1, 1]


def test_nobody_has_taken_it_counts_from_the_delivery() -> None:
    world = World()
    world.channels["pager"].answers = [AWAY] * 10_000
    world.log = [refusals()]
    process = world.run(2 * TIMING.remind_s)
    assert world.got("pager") == []
    world.channels["pager"].answers.clear()
    process.run(TIMING.remind_s - 120)
    ((kind, headline),) = world.got("pager")
    assert kind == "opened"
    assert headline.startswith("late: was due at ")
    process.run(240)
    assert [kind for kind, _ in world.got("pager")] == ["opened", "reminder"]


def test_who_got_the_page_late_is_not_reminded_with_the_others() -> None:
    both = World(routed=("pager", "mail"))
    process = both.process()
    both.channels["mail"].answers = [AWAY] * 10_000
    both.log = [refusals()]
    process.run(TIMING.remind_s - 60)
    both.channels["mail"].answers.clear()
    process.run(240)
    assert [kind for kind, _ in both.got("pager")] == ["opened", "reminder"]
    assert [kind for kind, _ in both.got("mail")] == ["opened"]


@pytest.mark.parametrize("last", [ended(refusals(), "05:20"), THIRD])
def test_a_process_killed_anywhere_sends_each_message_once_or_again_under_its_key(last: Finding) -> None:
    def life(kill_at: int | None) -> World:
        world = World({"pager": "mail", "mail": ""}, Steps(kill_at))
        world.channels["pager"].refused = refusals().service
        world.log = [refusals()]
        world.run(10)
        later(world, 900)
        world.log = [*world.log, OTHER]
        world.run(30)
        world.log = [*world.log, last]
        world.run(30)
        return world

    plain = life(None)
    assert [headline.partition(":")[0] for _, headline in plain.got("pager")][:2] == ["billing-bot", "late"]
    for kill_at in range(1, plain.steps.n + 1, 3):
        world = life(kill_at)
        for name in world.channels:
            keys = Counter(d.dedup_key for d in world.channels[name].got)
            assert set(keys) == {d.dedup_key for d in plain.channels[name].got}, kill_at
            assert sum(n - 1 for n in keys.values()) <= 1, kill_at


def test_keys_are_read_as_they_are_made() -> None:
    key = late_key("0123456789abcdef", 7, 2)
    assert number_of(key) == (7, 2)
    assert number_of(late_key("0123456789abcdef", 7, 0)) == (7, 0)
    assert number_of("0" * 32) is None
