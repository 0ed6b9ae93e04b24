"""A leak after one that was called a false alarm, through the real broker and store, and restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from infra.settings import ReceiverSettings
from tests.alert_service import new_world, until
from tests.alerts.invented import secret
from tests.loopback import Loopback, says

pytestmark = pytest.mark.integration


def test_the_next_leak_is_an_incident_of_its_own_and_is_told(broker: str, store: str, tmp_path: Path) -> None:
    first = secret()
    later = first.made_at + timedelta(minutes=3)
    following = replace(
        secret("5ec2e75ec2e75ec2"), made_at=later, onset=later, onset_low=later, onset_high=later
    )
    with Loopback(says(200)) as hook:
        world = new_world(broker, store, tmp_path, (ReceiverSettings("hook", url=hook.url),))
        with world.service() as service:
            world.say(first)
            until(lambda: len(hook.got) == 1)
            (leak,) = service.desk.all()
            token = (world.settings.home / "keys" / "alerts.token").read_text().strip()
            answer = httpx.post(
                f"{service.address}/incidents/{leak.incident_id}/false-alarm",
                json={"actor": "ana", "reason": "an example of the manual"},
                headers={"authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 200, answer.text
            until(lambda: len(hook.got) == 2)
        with world.service() as service:
            world.say(following, first)  # the first one comes again, too
            until(lambda: len(hook.got) == 3)
            until(lambda: service.metrics.get("findings") >= 2)
            old, new = sorted(service.desk.all(), key=lambda i: i.state == "firing")
        told = [(r.json()["kind"], r.json()["incident_id"]) for r in hook.got]
        ended = hook.got[1].json()["brief"]
    assert told == [("opened", old.incident_id), ("resolved", old.incident_id), ("opened", new.incident_id)]
    assert (old.state, old.ending, old.hits.count, new.hits.count) == ("resolved", "false_alarm", 1, 1)
    assert (ended["ended_by"], ended["ended_reason"]) == ("ana", "an example of the manual")
