"""Two receivers of a route, a level after them, and an acknowledgement at PagerDuty, on the whole service."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from infra.settings import EscalationSettings, LevelSettings, ReceiverSettings, RouteSettings
from tests.alert_service import new_world, until
from tests.alerts.invented import refusals
from tests.loopback import Loopback, says

pytestmark = pytest.mark.integration


def test_both_receivers_are_told_then_each_level_once_until_somebody_acknowledges_at_pagerduty(
    broker: str, store: str, tmp_path: Path
) -> None:
    secret, routing = tmp_path / "webhook", tmp_path / "routing"
    secret.write_text("invented secret")
    routing.write_text("invented-routing-key")
    with Loopback(says(202)) as pager, Loopback(says(200)) as team, Loopback(says(200)) as lead:
        receivers = (
            ReceiverSettings(
                "pager",
                "pagerduty",
                url=pager.url,
                token_file=str(routing),
                webhook_secret_file=str(secret),
            ),
            ReceiverSettings("team", url=team.url),
            ReceiverSettings("lead", url=lead.url),
        )
        world = new_world(broker, store, tmp_path, receivers)
        levels = (LevelSettings(("lead",), 0.0), LevelSettings(("lead",), 0.05))
        world.settings = replace(
            world.settings,
            alerts=replace(world.settings.alerts, public_url="https://ops.example.org"),
            route=(RouteSettings(receivers=("pager", "team"), escalation="on-call"),),
            escalation=(EscalationSettings("on-call", levels),),
        )
        with world.service() as service:
            world.say(refusals())
            until(lambda: len(pager.got) == len(team.got) == 1)
            until(lambda: len(lead.got) == 1)
        with world.service() as service:  # the level before is not told again, the next one is
            until(lambda: len(lead.got) == 2)
            (incident,) = service.desk.all()
            assert [(call.level, call.policy) for call in incident.escalated] == [
                (1, "on-call"),
                (2, "on-call"),
            ]
            event = {
                "id": "01",
                "event_type": "incident.acknowledged",
                "occurred_at": datetime.now(UTC).isoformat(),
                "agent": {"summary": "Ana", "type": "user_reference"},
                "data": {"incident_key": incident.incident_id},
            }
            body = json.dumps({"event": event}).encode()
            mac = hmac.new(b"invented secret", body, hashlib.sha256).hexdigest()
            answer = httpx.post(
                f"{service.address}/act/pagerduty/pager",
                content=body,
                headers={"x-pagerduty-signature": f"v1={mac}", "host": "ops.example.org"},
            )
            assert answer.status_code == 200, answer.text
            assert service.desk.all()[0].acknowledged_by == "pagerduty:Ana"
        kinds = [json.loads(request.body)["kind"] for request in lead.got]
        assert kinds == ["escalated", "escalated"]
        assert (len(team.got), len(lead.got)) == (1, 2)
