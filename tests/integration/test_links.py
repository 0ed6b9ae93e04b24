"""Links of messages, end to end: from the webhook's message to the incident's history."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from alerts.access.keys import LINKS, read_token
from tests.alert_service import until
from tests.alerts.invented import refusals
from tests.integration.test_alerts import HookWorld, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.integration


def test_a_message_holds_links_that_act_after_a_restart_too(
    world: HookWorld,  # noqa: F811 - the fixture
) -> None:
    public = "https://ops.example.org/lightship"
    world.settings = replace(world.settings, alerts=replace(world.settings.alerts, public_url=public))
    with world.service() as service:
        world.say(refusals())
        until(lambda: service.metrics.get("sent") == 1)
        links = {a["name"]: a["url"] for a in world.receiver.got[0][1]["brief"]["do"]["acts"]}
        assert {url.startswith(f"{public}/act/") for url in links.values()} == {True}
    key = world.settings.home / LINKS
    assert key.stat().st_mode & 0o077 == 0
    assert key.read_text().strip() not in str(world.receiver.got)
    with world.service() as service:
        host = {"host": "ops.example.org"}
        path = urlsplit(links["Acknowledge"]).path.removeprefix("/lightship")
        with httpx.Client(base_url=service.address, headers=host) as proxy:
            assert proxy.get(path).status_code == 200
            assert service.desk.all()[0].acknowledged_by is None
            assert proxy.post(path).status_code == 200
            token = {"authorization": f"Bearer {read_token(world.settings.home)}"}
            assert proxy.get("/incidents", headers=token).status_code == 421  # the API has no public name
        assert service.desk.all()[0].acknowledged_by == "link:hook"
    rows = world.rows("SELECT what, actor FROM incident_transitions FINAL WHERE what = 'acknowledged'")
    assert rows == [("acknowledged", "link:hook")]
    stored = world.rows("SELECT brief FROM incidents FINAL")
    assert "/act/" not in str(stored)
