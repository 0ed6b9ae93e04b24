"""Silences on the real store: kept over a restart, lifted through the API."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from alerts.access.keys import read_token
from tests.alert_service import until
from tests.alerts.invented import overall, refusals
from tests.integration.test_alerts import HookWorld, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.integration


def test_a_silence_outlives_a_restart_and_tells_what_is_open_when_it_is_lifted(
    world: HookWorld,  # noqa: F811 - the fixture
) -> None:
    said = {"actor": "Ana", "reason": "a deploy"}
    with world.service() as service:
        token = {"authorization": f"Bearer {read_token(world.settings.home)}"}
        asked = {"score": "refusal", "lasts": "2h", **said}
        made = httpx.post(f"{service.address}/silences", json=asked, headers=token).json()["silence"]
        world.say(refusals(), overall())
        until(lambda: service.metrics.get("findings") == 2)
    with world.service() as service:
        until(lambda: len(service.desk.all()) == 1)
        (incident,) = service.desk.all()
        assert (incident.state, incident.silence) == ("firing", made["silence_id"])
        assert service.desk.silences()[0].to_dict() == made
        assert world.receiver.got == []
        lift = f"{service.address}/silences/{made['silence_id']}/lift"
        assert httpx.post(lift, json=said, headers=token).json()["silence"]["ended_by"] == "Ana"
        until(lambda: len(world.receiver.got) == 1)
    with world.service() as service:
        until(lambda: [s.in_force for s in service.desk.silences()] == [False])
    assert [body["kind"] for _, body, _ in world.receiver.got] == ["opened"]


@pytest.mark.long
def test_a_digest_of_tickets_is_sent_once_over_restarts(world: HookWorld) -> None:  # noqa: F811 - the fixture
    hook, screen = world.settings.receiver
    world.settings = replace(world.settings, receiver=(replace(hook, digest="daily"), screen))
    with world.service() as service:
        world.say(refusals(severity="ticket"))
        until(lambda: service.metrics.get("sent") == 1)
    for _ in range(2):
        with world.service():
            until(lambda: len(world.receiver.got) == 2)
    kinds = [body["kind"] for _, body, _ in world.receiver.got]
    assert kinds == ["opened", "digest"]
    assert [s["title"] for s in world.receiver.got[1][1]["digest"]["sections"]] == [
        "older tickets still open"
    ]
    assert world.rows("SELECT outcome FROM notifications FINAL WHERE kind = 'digest' ORDER BY outcome") == [
        ("sending",),
        ("sent",),
    ]
