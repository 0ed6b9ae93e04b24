"""How things stand: who is told of it, how often, in which order, and through an outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from alerts.incidents.events import Acknowledge, End
from alerts.incidents.incident import Incident
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import RETRY, SENT, Delivery, Outcome
from alerts.notify.status_follower import REST_S, Following
from alerts.outbox.incident_status import RESOLVED_FOR_S, IncidentStatus
from alerts.state.incident_state import IncidentState
from infra.clock import NS_PER_S, to_ns
from tests.alerts.deliveries import LINKS, delivery_of, incident_of
from tests.alerts.invented import TIMING, at, refusals
from tests.alerts.memory import Channel, HandClock
from tests.alerts.test_pipeline import Log

DOWN = Outcome(RETRY, "invented", 503)


@dataclass
class Listener:
    """A follower that notes what it heard, and when."""

    clock: HandClock
    every_s: float = 60.0
    answers: list[Outcome] = field(default_factory=list)
    heard: list[tuple[float, list[str]]] = field(default_factory=list)

    def follow(self, standing: Sequence[Delivery]) -> Outcome:
        self.heard.append((self.clock.ns / 1e9, [d.kind for d in standing]))
        return self.answers.pop(0) if self.answers else Outcome(SENT)


def told(*receivers: str) -> Incident:
    return replace(incident_of(), told=receivers)


def run(following: Following, clock: HandClock, seconds: float) -> None:
    end = clock.ns + int(seconds * 1e9)
    while clock.ns < end:
        clock.sleep(max(0.001, min(following.run(list), (end - clock.ns) / 1e9)))


def test_what_stands_is_repeated_and_an_outage_is_not_hammered() -> None:
    clock = HandClock()
    listener = Listener(clock)
    following = Following(listener, clock, lambda: 0.5)
    assert following.run(list) == REST_S
    assert following.update([delivery_of(told("hook"))])
    run(following, clock, 600)
    times = [t for t, _ in listener.heard]
    assert len(times) == 10
    assert all(59 < later - earlier < 61 for earlier, later in pairwise(times))
    listener.answers = [DOWN] * 10_000
    run(following, clock, 3600)
    failed = len(listener.heard) - 10
    assert 50 < failed < 200
    listener.answers.clear()
    run(following, clock, 61)
    assert len(listener.heard) > 10 + failed


def test_another_process_takes_over_and_hands_back() -> None:
    clock = HandClock()
    listener = Listener(clock)
    following = Following(listener, clock)
    standing = [delivery_of(told("hook"))]
    following.update(standing)
    run(following, clock, 1)
    following.forget()
    run(following, clock, 300)
    assert len(listener.heard) == 1
    assert following.update(standing)
    assert not following.update(standing)
    run(following, clock, 1)
    assert len(listener.heard) == 2


def test_nothing_is_said_before_a_message_that_is_due_or_after_a_newer_one() -> None:
    clock = HandClock()
    channel = Channel(answers=[DOWN])
    pipeline = Pipeline(channel, Log(), clock, lambda: 0.5)
    before, after = delivery_of(told("hook"), seq=2), delivery_of(told("hook"), "resolved", seq=5)
    assert pipeline.newest([before]) == [before]
    pipeline.add(after)
    pipeline.run()
    assert pipeline.newest([before, after]) == []  # on its way
    clock.sleep(120)
    pipeline.run()
    assert [d.kind for d in channel.got] == ["resolved", "resolved"]
    assert pipeline.newest([before, after]) == [after]  # the other would fire again what has ended


def test_a_receiver_follows_what_it_was_told_of_until_a_while_after_its_end() -> None:
    book = IncidentState(TIMING, route=lambda _: ("am",))
    incident_id = book.apply(refusals())[-1].incident.incident_id
    standing = IncidentStatus(LINKS)
    now_ns = to_ns(at("05:00"))
    (opened,) = standing.to("am", book.all(), now_ns)
    assert (opened.kind, opened.place.service) == ("opened", "support-assistant")
    assert standing.to("hook", book.all(), now_ns) == []
    assert standing.to("am", book.all(), now_ns)[0] is opened
    book.act(incident_id, Acknowledge("ana"), now_ns)
    (taken,) = standing.to("am", book.all(), now_ns)
    assert (taken.brief.acknowledged_by, taken.seq) == ("ana", opened.seq + 1)
    book.act(incident_id, End("false_alarm", "ana", "why"), now_ns)
    (ended,) = standing.to("am", book.all(), now_ns + int((RESOLVED_FOR_S - 1) * NS_PER_S))
    assert (ended.kind, ended.seq) == ("resolved", taken.seq + 1)
    assert standing.to("am", book.all(), now_ns + int((RESOLVED_FOR_S + 1) * NS_PER_S)) == []
