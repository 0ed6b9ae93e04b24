"""Lightship about itself: detection that stands still is one incident, told once, and over when it moves."""

from __future__ import annotations

from alerts.incident import RECOVERING, RESOLVED, Incident
from alerts.self_watch import DETECTOR, STALLED, STALLED_S, open_finding, stalled_since_ns, statement
from infra.clock import NS_PER_S, to_datetime
from tests.alerts.lives import World, look_twice

SAID = 1_773_720_000_000_000_000
MIN = 60 * NS_PER_S


def look(world: World, now_ns: int, said_ns: int | None, since_ns: int = 0) -> Incident | None:
    """What the service does every few seconds, and what comes of it."""
    world.clock.ns = now_ns
    known = open_finding(world.run().desk.all())
    found = statement(stalled_since_ns(said_ns, now_ns, since_ns), known, now_ns)
    world.log += [found.to_json().encode()] if found is not None else []
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
        assert (incident.state, incident.severity, incident.lead.detector) == ("firing", "page", DETECTOR)
        assert (incident.score, incident.onset_ns) == (STALLED, SAID)
        assert told(world)[:1] == ["opened"]
    assert len(world.log) == 1
    moved = look(world, SAID + 40 * MIN, SAID + 40 * MIN)
    assert moved is not None
    assert moved.state in (RECOVERING, RESOLVED)
    assert moved.lead.ended_at == to_datetime(SAID + 40 * MIN)
    look_twice(world.run().desk)
    again = look(world, SAID + 90 * MIN, SAID + 41 * MIN)
    assert again is not None
    assert len(world.log) == 3


def test_whoever_has_only_begun_to_look_gives_it_time_to_start() -> None:
    now_ns = SAID + 600 * MIN  # it was all switched off for the night
    assert stalled_since_ns(SAID, now_ns, now_ns - MIN) is None
    assert stalled_since_ns(SAID, now_ns, now_ns - 4 * MIN) == SAID
    assert stalled_since_ns(None, now_ns, 0) is None
