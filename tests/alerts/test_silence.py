"""Silences: what they cover, that nobody is told meanwhile, and what people hear when they end."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.errors import NotPossible, Unavailable
from alerts.incidents.incident import DETECTOR, FIRING, RESOLVED
from alerts.silences.repository import silence_row
from alerts.silences.silence import LONGEST_S, MAX_SILENCES, Silence, newest, requested_silence
from alerts.state.incident_state import IncidentState
from detectors.finding import SEVERAL, Finding
from infra.clock import NS_PER_S, to_ns
from tests.alerts.invented import TIMING, at, lengths, overall, refusals
from tests.alerts.lifecycles import Process, World, ended, look_twice
from tests.alerts.memory import Killed

NOW = to_ns(at("04:00"))


def silence(lasts_s: float = 7200, now_ns: int = NOW, **patterns: str) -> Silence:
    return requested_silence("default", patterns, "ana", "deploy", now_ns, lasts_s)


def covers(patterns: dict[str, str], *findings: Finding) -> bool:
    book = IncidentState(TIMING)
    for finding in findings:
        book.apply(finding)
    (incident,) = book.all()
    return silence(**patterns).covers(incident)  # type: ignore[arg-type]


FLEET = overall("fl", service=SEVERAL, services_hit=("billing-bot", "support-assistant"))


@pytest.mark.parametrize(
    ("patterns", "findings", "is_covered"),
    [
        ({"service": "support-assistant"}, (refusals(),), True),
        ({"service": "support-*"}, (refusals(),), True),
        ({"service": "support"}, (refusals(),), False),
        ({"service": "SUPPORT-*"}, (refusals(),), False),
        ({"score": "refus*", "severity": "page"}, (refusals(),), True),
        ({"score": "refusal", "severity": "ticket"}, (refusals(),), False),
        ({"slice": "language=*"}, (refusals(),), True),
        ({"slice": "language=fr"}, (refusals(),), False),
        ({"slice": "tool=[a-z]"}, (refusals(slice="tool=[a-z]"),), True),  # brackets are no pattern
        ({"slice": "tool=[a-z]"}, (refusals(slice="tool=b"),), False),
        # a lesser change beside it does not matter, one as grave does
        ({"score": "refusal"}, (refusals(), lengths()), True),
        ({"score": "refusal"}, (refusals(), lengths(severity="page")), False),
        ({"score": "output_length"}, (lengths(), refusals()), False),
        # of several services every one
        ({"service": "support-*"}, (FLEET,), False),
        ({"service": "*s*"}, (FLEET,), False),
        ({"service": "*[bs]*"}, (FLEET,), False),
        ({"service": "*i*"}, (FLEET,), True),
    ],
)
def test_what_a_silence_covers(
    patterns: dict[str, str], findings: tuple[Finding, ...], is_covered: bool
) -> None:
    assert covers(patterns, *findings) is is_covered


def test_another_tenants_incidents_are_not_covered() -> None:
    assert not covers({"score": "refusal"}, refusals(tenant="b"))


@pytest.mark.parametrize(
    ("patterns", "lasts_s", "words"),
    [
        ({}, 3600, "everything"),
        ({"service": "*", "score": "**"}, 3600, "everything"),
        ({"severity": "pages"}, 3600, "'pages' matches none of page, ticket, info"),
        ({"score": "refusal"}, 5, "60 s to 30 days"),
        ({"score": "refusal"}, LONGEST_S + 1, "60 s to 30 days"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(patterns: dict[str, str], lasts_s: float, words: str) -> None:
    with pytest.raises(NotPossible, match=words):
        requested_silence("default", patterns, "ana", "deploy", NOW, lasts_s)


def test_two_rows_of_a_silence_are_one_that_ended_in_any_order() -> None:
    made = silence(score="refusal")
    (over,) = newest([made]).over(made.ends_ns)
    for rows in ((made, over), (over, made)):
        assert newest(rows).all == (over,)
    assert newest([made]).over(made.ends_ns - 1) == []
    assert (over.ended_by, over.ended_ns) == (DETECTOR, made.ends_ns)
    assert silence_row(made)["in_force"] != silence_row(over)["in_force"]


HOUR = 3600 * NS_PER_S


def announced(after_ns: int, lasts_s: float = 3600) -> Silence:
    return requested_silence("default", {"score": "refusal"}, "ana", "upgrade", NOW, lasts_s, NOW + after_ns)


def test_maintenance_is_announced_and_covers_nothing_before_it_begins() -> None:
    made = announced(HOUR)
    assert (made.begun, made.in_force, made.ends_ns) == (False, True, NOW + 2 * HOUR)
    book = IncidentState(TIMING)
    (change,) = book.draft().apply(refusals())
    begun = [newest([made]).at(NOW + t).covering(change.incident) is not None for t in (0, HOUR - 1, HOUR)]
    assert begun == [False, False, True]
    for after_ns in (-1, 91 * 24 * HOUR):
        with pytest.raises(NotPossible, match="it may begin within 90 days, not before now"):
            announced(after_ns)


def test_what_begins_in_announced_maintenance_is_not_told_even_after_a_restart() -> None:
    world = World()
    world.clock.ns = NOW
    made = of(world).desk.silence(announced(HOUR))
    process = of(world, refusals(), lengths(service="billing-bot"))
    assert told(world) == ["opened", "opened"], "it is told before"
    world.clock.ns = made.begins_ns
    process = of(world, refusals("f9", service="other", made_at=at("05:01")))
    assert [i.silence for i in process.desk.all() if i.place.service == "other"] == [made.silence_id]
    assert told(world) == ["opened", "opened"]


def of(world: World, *findings: Finding) -> Process:
    """A process that has read these."""
    world.log += [f.to_json().encode() for f in findings]
    process = world.process()
    process.read()
    return process


def told(world: World) -> list[str]:
    return [d.kind for d in world.channel.got]


def test_an_incident_in_silence_is_kept_and_told_when_the_time_is_over() -> None:
    world = World()
    world.clock.ns = NOW
    process = of(world)
    made = process.desk.silence(silence(score="refusal"))
    process = of(world, refusals(), lengths(service="billing-bot"))
    assert told(world) == ["opened"]  # the other service's
    (silent,) = [i for i in process.desk.all() if i.silence]
    assert (silent.state, silent.silence) == (FIRING, made.silence_id)
    world.clock.ns = made.ends_ns - 1
    process.desk.elapse()
    process.send()
    assert told(world) == ["opened"]
    world.clock.ns = made.ends_ns
    for _ in range(3):  # and once
        process.desk.elapse()
        process.send()
    assert told(world) == ["opened", "opened"]
    assert world.post.actions[0]["action"] == "silence"
    over = world.post.actions[1]
    assert (over["action"], over["actor"], over["silence"]["in_force"]) == ("silence_ended", DETECTOR, False)


def test_what_began_and_ended_in_silence_is_never_told() -> None:
    world = World()
    world.clock.ns = NOW
    made = of(world).desk.silence(silence(score="refusal"))
    process = of(world, refusals(), ended(refusals(), "05:30"))
    world.store.hours_of_traffic = 1
    look_twice(process.desk)
    assert process.desk.all()[0].state == RESOLVED
    process.desk.lift(made.silence_id, "bo", "deploy is done")
    process.send()
    assert told(world) == []


def test_lifting_tells_what_is_open_and_says_who_lifted() -> None:
    world = World()
    world.clock.ns = NOW
    process = of(world, refusals())
    made = process.desk.silence(silence(score="refusal"))
    assert process.desk.all()[0].silence == made.silence_id
    process = of(world, overall("f9", severity="page"))
    over = process.desk.lift(made.silence_id, "bo", "deploy is done")
    process.send()
    assert told(world) == ["opened"]  # heard of before
    assert over is not None
    assert (over.ended_by, over.in_force) == ("bo", False)
    with pytest.raises(NotPossible, match="has ended: deploy is done"):
        process.desk.lift(made.silence_id, "bo", "again")
    assert process.desk.lift("ffffffffffffffff", "bo", "x") is None
    last = world.store.transitions[process.desk.all()[0].incident_id, process.desk.all()[0].seq][0]
    assert (last.what, last.actor, last.reason) == (
        "unsilenced",
        "bo",
        "the silence ended: deploy is done",
    )


def test_something_graver_than_a_silence_covers_is_told_at_once() -> None:
    world = World()
    world.clock.ns = NOW
    of(world).desk.silence(silence(severity="ticket"))
    of(world, lengths())
    assert told(world) == []
    process = of(world, refusals())
    assert told(world) == ["opened"]
    (incident,) = process.desk.all()
    assert (incident.severity, incident.silence) == ("page", None)


def test_a_silence_that_was_not_stored_is_none() -> None:
    world = World()
    process = of(world, refusals())
    world.store.answers = False
    with pytest.raises(Unavailable):
        process.desk.silence(silence(score="refusal"))
    assert process.desk.silences() == ()
    assert process.desk.all()[0].silence is None


def test_there_are_not_more_silences_than_can_be_looked_through() -> None:
    world = World()
    world.clock.ns = NOW
    process = of(world)
    for k in range(MAX_SILENCES):
        process.desk.silence(silence(score=f"score_{k}"))
    with pytest.raises(NotPossible, match="lift some"):
        process.desk.silence(silence(score="refusal"))


def lived_through(kill_at: int | None) -> World:
    """A silence is made, covers, ends; the process may be killed at any step and then starts again."""
    world = World()
    world.clock.ns = NOW
    made = silence(score="refusal")

    def found(process: Process) -> None:
        world.log[:] = [refusals().to_json().encode()]
        process.read()

    steps: list[Any] = [lambda p: p.desk.silence(made), found, lambda p: p.desk.elapse()]
    process = of(world)
    world.steps.kill_at, world.steps.n, world.steps.names = kill_at, 0, []
    for k, step in enumerate(steps):
        if k == 2:
            world.clock.ns = made.ends_ns
        while True:
            try:
                step(process)
                process.send()
                break
            except Killed:
                process = of(world)
    world.steps.kill_at = None
    process = of(world)
    process.desk.elapse()
    process.send()
    return world


def test_a_kill_at_any_step_neither_breaks_a_silence_nor_tells_twice() -> None:
    plain = lived_through(None)
    assert told(plain) == ["opened"]
    names = list(plain.steps.names)
    for kill_at in range(1, len(names) + 1):
        world = lived_through(kill_at)
        name = names[kill_at - 1]
        assert {d.dedup_key for d in world.channel.got} == {d.dedup_key for d in plain.channel.got}, name
        assert len(world.channel.got) <= (2 if name in ("after send", "before sent") else 1), name
        assert not world.store.rewritten, name
        assert [r.what for r, _ in world.store.transitions.values()] == [
            r.what for r, _ in plain.store.transitions.values()
        ], name
