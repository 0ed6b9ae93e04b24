"""Lightship about itself: detection that stands still is one incident, told once, and over when it moves."""

from __future__ import annotations

from alerts.briefs.headline import headline
from alerts.incidents.incident import RECOVERING, RESOLVED, Incident
from alerts.monitoring.backlog import UNMOVED_S, Backlog
from alerts.notify.breaker import Breaker
from alerts.notify.route import router
from alerts.notify.self_monitoring import (
    DETECTOR,
    STALLED,
    STALLED_S,
    Late,
    Look,
    detection,
    disks,
    late,
    open_findings,
    receiver,
    restarts,
    stalled_since_ns,
    statements,
)
from infra.clock import NS_PER_S, to_datetime
from infra.disks import DiskSpace
from infra.embedded.restart_loop import Restarted
from infra.settings import ReceiverSettings, RouteSettings, Settings
from tests.alerts.lifecycles import World, look_twice

SAID = 1_773_720_000_000_000_000
MIN = 60 * NS_PER_S


def look(world: World, now_ns: int, said_ns: int | None, since_ns: int = 0) -> Incident | None:
    """What the service does every few seconds, and what comes of it."""
    world.clock.ns = now_ns
    known = open_findings(world.run().desk.all())
    found = statements([detection(said_ns, now_ns, since_ns)], known, now_ns)
    world.log += [f.to_json().encode() for f in found]
    incidents = world.run().desk.all()
    return incidents[0] if incidents else None


def told(world: World) -> list[str]:
    return [d.kind for d in world.channel.got]


def test_detection_that_stands_still_is_a_page_and_over_when_it_moves_again() -> None:
    world = World()
    assert look(world, SAID + int(STALLED_S * NS_PER_S), SAID) is None
    for minutes in (4, 5, 30):  # again and again, by processes that know nothing of each other
        incident = look(world, SAID + minutes * MIN, SAID)
        assert incident is not None
        assert (incident.state, incident.severity, incident.primary_finding.detector) == (
            "firing",
            "page",
            DETECTOR,
        )
        assert (incident.score, incident.onset_ns) == (STALLED, SAID)
        assert told(world)[:1] == ["opened"]
    assert len(world.log) == 1
    moved = look(world, SAID + 40 * MIN, SAID + 40 * MIN)
    assert moved is not None
    assert moved.state in (RECOVERING, RESOLVED)
    assert moved.primary_finding.ended_at == to_datetime(SAID + 40 * MIN)
    look_twice(world.run().desk)
    again = look(world, SAID + 90 * MIN, SAID + 41 * MIN)
    assert again is not None
    assert len(world.log) == 3


def test_whoever_has_only_begun_to_look_gives_it_time_to_start() -> None:
    now_ns = SAID + 600 * MIN  # it was all switched off for the night
    assert stalled_since_ns(SAID, now_ns, now_ns - MIN) is None
    assert stalled_since_ns(SAID, now_ns, now_ns - 4 * MIN) == SAID
    assert stalled_since_ns(None, now_ns, 0) is None


def look_at(world: World, *looks: Look) -> list[Incident]:
    """What comes of looks at parts of Lightship."""
    said = statements(looks, open_findings(world.run().desk.all()), world.clock.ns)
    world.log += [f.to_json().encode() for f in said]
    return world.run().desk.all()


def test_a_receiver_that_takes_nothing_is_a_page_for_the_others_until_it_does_again() -> None:
    names = ("pager", "desk", "mail")
    settings = Settings(
        receiver=tuple(ReceiverSettings(name=name) for name in names),
        route=(RouteSettings(receiver="pager"),),
    )
    route, breaker, world = router(settings), Breaker(), World()
    now_ns = world.clock.ns
    for _ in range(breaker.limit):
        breaker.failed(now_ns, "HTTP 500")
    early = receiver("pager", breaker.down_since_ns, answered=breaker.answered, now_ns=now_ns + 4 * MIN)
    assert early == []  # not yet, and not fine
    world.clock.ns = now_ns + 6 * MIN
    (incident,) = look_at(
        world,
        *receiver(
            "pager",
            breaker.down_since_ns,
            answered=False,
            now_ns=world.clock.ns,
            why=breaker.failing_why,
        ),
    )
    assert (incident.slice, incident.severity, incident.onset_ns) == ("receiver=pager", "page", now_ns)
    assert route(incident) == ("desk", "mail", "terminal")
    assert "receiver pager has accepted no message for 5 min (HTTP 500)" in headline(incident)
    fresh = Breaker()  # a restart: nothing was sent yet
    assert receiver("pager", fresh.down_since_ns, answered=fresh.answered, now_ns=world.clock.ns) == []
    other = receiver("desk", now_ns, answered=False, now_ns=world.clock.ns)
    assert len(look_at(world, *other)) == 2  # each is its own matter
    breaker.succeeded()
    world.clock.ns += MIN
    over = look_at(world, *receiver("pager", breaker.down_since_ns, answered=True, now_ns=world.clock.ns))
    ended = [i.slice for i in over if i.primary_finding.ended_at is not None]
    assert ended == ["receiver=pager"]
    alone = router(Settings(receiver=(ReceiverSettings(name="pager"),)))
    assert alone(incident) == ("terminal",)  # nobody else is there


def test_a_disk_is_a_ticket_then_a_page_then_over() -> None:
    world, said = World(), []
    for free in (50, 8, 7, 2, 8, 40):
        world.clock.ns += MIN
        incidents = look_at(world, *disks([DiskSpace("/data, here", free << 30, 100 << 30)], world.clock.ns))
        said.append([(i.severity, i.active) for i in incidents])
    ticket, page, over = ("ticket", True), ("page", True), ("page", False)
    assert said == [[], [ticket], [ticket], [page], [page], [over]]
    assert incidents[0].slice == "disk=/data%2C here"
    assert disks([DiskSpace("tiny", 400 << 20, 1 << 30)], 0)[0].severity == "page"  # its last half gigabyte


def test_what_comes_late_is_said_of_services_with_enough_values() -> None:
    many = [Late("default", f"s{k}", 1000, 51) for k in range(30)]
    found = late([Late("default", "few", 199, 199), Late("default", "fine", 1000, 50), *many], 5)
    assert len([x for x in found if x.since_ns == 5]) == 20
    assert "few" not in str(found)
    (fine,) = late([Late("default", "fine", 1000, 50)], 5)
    assert (fine.slice, fine.since_ns) == ("service=default/fine", None)


def restarted(world: World, *minutes_ago: float) -> list[Incident]:
    times = tuple(world.clock.ns - int(m * MIN) for m in minutes_ago)
    one = Restarted("worker", len(times), times, "exit code 70")
    return look_at(world, *restarts([one, Restarted("broker", 0, ())], world.clock.ns))


def test_a_process_that_is_restarted_again_and_again_is_a_page_within_two_minutes() -> None:
    """One that dies every 55 s, as seen live: the third restart is the page, and it is told once."""
    world = World()
    began_ns = world.clock.ns
    seen: list[int] = []
    for second in range(0, 601, 5):
        world.clock.ns = began_ns + second * NS_PER_S
        ends = list(range(0, second + 1, 55))
        incidents = restarted(world, *((second - at) / 60 for at in ends))
        if incidents and not seen:
            seen.append(second)
    assert seen
    assert seen[0] <= 120
    (incident,) = incidents
    assert (incident.severity, incident.slice) == ("page", "process=worker")
    assert "worker restarted 3 times in 10 min, last with exit code 70" in headline(incident)
    assert told(world) == ["opened"]
    world.clock.ns += 20 * MIN
    (over,) = restarted(world)
    assert over.primary_finding.ended_at is not None


def test_one_restart_or_two_are_no_page() -> None:
    assert restarted(World(), 1) == []
    assert restarted(World(), 1, 2, 11, 12, 13, 14) == []


def test_records_that_lie_at_a_position_that_does_not_move_are_a_page() -> None:
    world, backlog = World(), Backlog()
    spans, logs = ("otlp_spans", 0), ("otlp_logs", 1)
    began_ns = world.clock.ns

    def at(second: float, offset: int, *waiting: tuple[str, int]) -> list[Incident]:
        world.clock.ns = began_ns + int(second * NS_PER_S)
        ms = dict.fromkeys(waiting, 1)
        return look_at(world, backlog.look({spans: offset, logs: 4}, ms, world.clock.ns))

    assert at(0, 7) == []
    assert at(600, 7) == []  # nothing came, so nothing waits
    assert at(620, 7, spans) == []
    assert at(640, 8, spans) == []  # it moves, and more waits: it is behind
    assert at(640 + UNMOVED_S - 1, 8, spans) == []
    (incident,) = at(640 + UNMOVED_S, 8, spans)
    assert incident.severity == "page"
    assert "records wait in otlp_spans and none is processed" in headline(incident)
    (over,) = at(640 + UNMOVED_S + 20, 9, spans)
    assert over.primary_finding.ended_at is not None
