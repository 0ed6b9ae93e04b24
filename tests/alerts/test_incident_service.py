"""The single writer: what is stored, told and posted, and what a kill at any step leaves behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from alerts.errors import NotPossible, Unavailable
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED
from alerts.state.ports import Message, Source
from detectors.finding import Finding
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret
from tests.alerts.lifecycles import World, ended, look_twice
from tests.at_length import at_length

LOG: tuple[Finding, ...] = (
    lengths(),
    refusals(),
    secret(),
    refusals(status="confirmed", made_at=at("04:25")),
    secret("h2", made_at=at("04:09")),
    ended(refusals(), "05:30"),
    ended(lengths(), "05:31"),
    lengths("z", made_at=at("09:20"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10")),
)


def undisturbed() -> World:
    world = World(*LOG)
    world.run()
    return world


def test_one_life_tells_each_thing_once() -> None:
    world = undisturbed()
    assert Counter(d.kind for d in world.channel.got) == {"opened": 3, "raised": 1, "resolved": 1}
    assert len({d.dedup_key for d in world.channel.got}) == 5


@pytest.mark.parametrize("batch", at_length([4, 1]))
def test_a_kill_at_any_step_changes_nothing_that_people_see(batch: int) -> None:
    """Everything is told; a message is repeated only if the kill fell between its intent and its outcome,
    then once and under its own key; and the stored history is the undisturbed one, written once."""
    plain = undisturbed()
    counted = World(*LOG, batch=batch)
    counted.run()
    for kill_at in range(1, counted.steps.n + 1):
        world = World(*LOG, batch=batch)
        world.steps.kill_at = kill_at
        world.run()
        name = counted.steps.names[kill_at - 1]
        sent = Counter(d.dedup_key for d in world.channel.got)
        assert set(sent) == {d.dedup_key for d in plain.channel.got}, name
        extra = sum(sent.values()) - len(sent)
        assert extra <= (1 if name in ("after send", "before sent") else 0), name
        assert not world.store.rewritten, name
        history = {k: body for k, (_, body) in world.store.transitions.items()}
        assert history == {k: body for k, (_, body) in plain.store.transitions.items()}, name


def test_what_is_no_finding_becomes_a_dead_letter_and_holds_nothing_up() -> None:
    world = World(b"{", refusals(), b"[]")
    process = world.run()
    assert [source.offset for source, _ in world.post.letters] == [0, 2]
    assert len(process.desk.all()) == 1


def test_what_cannot_be_stored_has_not_happened() -> None:
    world = World(refusals())
    process = world.process()
    process.desk.load()
    message = Message(Source("findings", 0, 0), world.log[0])
    world.store.answers = False
    with pytest.raises(Unavailable):
        process.desk.apply([message])
    assert process.desk.all() == []
    assert process.pipeline.waiting == 0
    world.store.answers = True
    process.desk.apply([message])
    assert process.pipeline.waiting == 1


def test_what_cannot_be_posted_is_told_all_the_same_and_posted_later() -> None:
    world = World(refusals())
    process = world.process()
    process.desk.load()
    world.post.answers = False
    message = Message(Source("findings", 0, 0), world.log[0])
    for _ in range(2):
        with pytest.raises(Unavailable):
            process.desk.apply([message])
    process.send()
    assert [d.kind for d in world.channel.got] == ["opened"]
    (incident,) = process.desk.all()
    assert process.desk.act(incident.incident_id, "acknowledge", "ana", "") is not None
    assert world.post.actions == []
    world.post.answers = True
    process.desk.apply([message])
    assert [key for key, _ in world.post.incidents] == [incident.incident_id] * 2
    assert [a["actor"] for a in world.post.actions] == ["ana"]


def test_two_tenants_do_not_see_each_other_in_trust() -> None:
    world = World(refusals(), refusals("f2", tenant="another", made_at=at("05:00")))
    world.run()
    assert [d.brief.trust.incidents for d in world.channel.got] == [0, 0]


def test_nobody_acts_through_a_process_that_is_not_the_writer() -> None:
    world = World(refusals())
    process = world.run()
    (incident,) = process.desk.all()
    process.desk.suspend()
    with pytest.raises(Unavailable):
        process.desk.act(incident.incident_id, "acknowledge", "ana", "")


def test_actions_are_stored_told_and_on_record() -> None:
    world = World(refusals())
    process = world.run()
    (incident,) = process.desk.all()
    assert process.desk.act("ffffffffffffffff", "acknowledge", "ana", "") is None
    for action, reason in (("acknowledge", ""), ("note", "looks like v18"), ("false-alarm", "load test")):
        assert process.desk.act(incident.incident_id, action, "ana", reason) is not None
    with pytest.raises(NotPossible):
        process.desk.act(incident.incident_id, "accept", "ana", "no")
    process.send()
    assert [a["action"] for a in world.post.actions] == ["acknowledge", "note", "false-alarm"]
    assert {a["actor"] for a in world.post.actions} == {"ana"}
    assert [d.kind for d in world.channel.got] == ["opened", "resolved"]
    after = world.process()
    after.desk.load()
    (restored,) = after.desk.all()
    assert (restored.ending, restored.acknowledged_by) == ("false_alarm", "ana")
    assert [n.text for n in restored.notes] == ["looks like v18"]


def test_false_alarms_count_in_the_trust_of_later_briefs() -> None:
    world = World(refusals())
    process = world.run()
    (incident,) = process.desk.all()
    process.desk.act(incident.incident_id, "false-alarm", "ana", "load test")
    world.log.append(
        refusals("z", made_at=at("09:20"), onset=at("09:05"), onset_low=at("09:00"), onset_high=at("09:10"))
        .to_json()
        .encode()
    )
    process.read()
    trust = world.channel.got[-1].brief.trust
    assert (trust.false_alarms, trust.incidents) == (1, 1)


def test_time_is_how_far_detection_came() -> None:
    world = World(refusals(), ended(refusals(), "05:30"))
    process = world.run()
    look_twice(process.desk)
    assert process.desk.all()[0].state == RECOVERING  # no data, no time
    world.store.hours_of_traffic = 4 / 60  # when the last tick began; it ended five minutes later
    look_twice(process.desk)
    assert process.desk.all()[0].state == RECOVERING
    world.store.hours_of_traffic = 6 / 60
    look_twice(process.desk)
    assert process.desk.all()[0].state == RESOLVED


@pytest.mark.parametrize(
    ("hours", "interactions", "hits", "state"),
    [(2, 10, 0, FIRING), (0.9, 500, 0, FIRING), (2, 500, 1, FIRING), (2, 500, 0, RESOLVED)],
)
def test_policy_hits_stop_when_enough_traffic_went_by_without_them(
    hours: float, interactions: int, hits: int, state: str
) -> None:
    world = World(secret())
    process = world.run()
    world.store.hours_of_traffic, world.store.interactions = hours, interactions
    world.store.hits_to_come = hits
    look_twice(process.desk)
    assert process.desk.all()[0].state == state


def test_ticks_are_judged_once_what_was_found_in_them_can_have_been_said() -> None:
    world = World(secret())
    process = world.run()
    world.store.hours_of_traffic, world.store.interactions = 2, 500
    process.desk.elapse()
    risen = overall("f4", score="secrets", made_at=at("05:00"), status="confirmed")
    world.log.append(risen.to_json().encode())
    process.read()
    look_twice(process.desk)
    (incident,) = process.desk.all()
    assert incident.state == FIRING  # hits may pause, the rise goes on


def test_a_hit_long_after_the_last_is_another_leak_if_there_was_traffic() -> None:
    late = secret("h2", made_at=at("09:00"), onset=at("09:00"))
    assert len(World(secret(), late).run().desk.all()) == 1
    for lineage, incidents in (("live", 2), ("import-9", 1)):  # an import's hits run ahead of its ticks
        world = World(*(replace(f, lineage=lineage) for f in (secret(), late)))
        world.store.interactions, world.store.hours_of_traffic = 500, 5
        assert len(world.run().desk.all()) == incidents


def test_a_lineage_without_a_route_is_kept_and_not_told() -> None:
    world = World(refusals(lineage="import-9"))
    process = world.process(lambda i: ("hook",) if i.place.lineage == "live" else ())
    process.read()
    assert len(process.desk.all()) == 1
    assert world.channel.got == []


def test_what_was_false_is_doubted_by_detection_and_what_is_noted_later_is_not_asked_again() -> None:
    world = World(refusals(), lengths())
    process = world.run()
    incident = next(i for i in process.desk.all() if i.score == "refusal")
    process.desk.act(incident.incident_id, "false-alarm", "Ada", "a load test")
    process.desk.act(incident.incident_id, "note", "Bo", "it was mine")
    process.desk.elapse()
    assert world.post.controls == [], "it can be undone"
    world.clock.sleep(TIMING.undo_s)
    process.desk.elapse()
    asked = [(r.action, r.body["slice"], r.body["finding_id"], r.body["reason"]) for r in world.post.controls]
    assert sorted(asked) == [
        ("doubt", "all", "f3", "a load test"),
        ("doubt", "language=es", "f1", "a load test"),
    ]
    world.run().desk.elapse()  # it may never have got there
    assert sorted(asked) == sorted(
        {(r.action, r.body["slice"], r.body["finding_id"], r.body["reason"]) for r in world.post.controls}
    )


def test_accepting_asks_detection_until_it_has_obeyed() -> None:
    world = World(refusals(), lengths())
    process = world.run()
    incident = next(i for i in process.desk.all() if i.score == "refusal")
    world.post.answers = False  # the broker is away when the person accepts, and the process ends
    process.desk.act(incident.incident_id, "accept", "Ada", "the new prompt is stricter")
    world.post.answers = True
    again = world.run()
    again.desk.elapse()
    assert world.post.controls == [], "it can be undone"
    world.clock.sleep(TIMING.undo_s)
    again.desk.elapse()
    asked = {(r.action, r.key.text(), r.body["slice"], r.body["finding_id"]) for r in world.post.controls}
    where = "default/live/production/support-assistant"
    assert asked == {("accept", where, "language=es", "f1"), ("accept", where, "all", "f3")}
    assert world.post.controls[0].tick == int(at("04:05").timestamp()) // TIMING.tick_s
    assert world.post.controls[0].body["reason"] == "the new prompt is stricter"
    done = [ended(f, "04:30").to_json().encode() for f in (refusals(), lengths())]
    world.log += done  # detection says that it has
    world.run().desk.elapse()
    n = len(world.post.controls)
    restarted = world.run()
    restarted.desk.elapse()
    assert len(world.post.controls) == n
    after = restarted.desk.find(incident.incident_id)
    assert after is not None
    assert (after.state, after.ending) == (RESOLVED, "accepted")


def test_detection_is_not_asked_what_was_undone_and_what_it_was_asked_is_not_undone() -> None:
    world = World(refusals())
    process = world.run()
    incident_id = process.desk.all()[0].incident_id
    process.desk.act(incident_id, "accept", "Ada", "the wrong one")
    again = world.run()  # it waits over a restart
    undone = again.desk.act(incident_id, "undo", "Ada", "")
    assert undone is not None
    assert undone.state == FIRING
    world.clock.sleep(2 * TIMING.undo_s)
    again.desk.elapse()
    assert world.post.controls == []
    again.desk.act(incident_id, "false-alarm", "Ada", "a load test")
    world.clock.sleep(TIMING.undo_s)
    again.desk.elapse()
    with pytest.raises(NotPossible, match="reopen"):
        again.desk.act(incident_id, "undo", "Ada", "")


def test_accepting_what_a_rule_said_asks_detection_too() -> None:
    world = World(
        refusals(alert_kind="rule", status="confirmed"), lengths(alert_kind="slo", status="confirmed")
    )
    process = world.run()
    incident = next(i for i in process.desk.all() if i.score == "refusal")
    process.desk.act(incident.incident_id, "accept", "Ada", "we live with it")
    world.clock.sleep(TIMING.undo_s)
    process.desk.elapse()
    asked = [(r.action, r.body["finding_id"], r.body["actor"]) for r in world.post.controls]
    assert asked == [("accept", "f1", "Ada")]
