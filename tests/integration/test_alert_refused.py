"""A page that its receiver refuses, through the real broker and store: told, stood in for, sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.settings import ReceiverSettings
from tests.alert_service import World, new_world, until
from tests.alerts.invented import refusals
from tests.loopback import Loopback, says

pytestmark = pytest.mark.integration


@pytest.fixture
def hooks() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback(says(404)) as pager, Loopback(says(200)) as other:
        yield pager, other


def heard(server: Loopback) -> list[tuple[str, str]]:
    """Service and headline of what a server was told."""
    bodies: list[dict[str, Any]] = [r.json() for r in server.got]
    return [(b["brief"]["where"]["service"], b["brief"]["headline"]) for b in bodies]


def test_a_refused_page_is_told_through_the_others_and_sent_again_when_its_receiver_works(
    broker: str, store: str, tmp_path: Path, hooks: tuple[Loopback, Loopback]
) -> None:
    pager, other = hooks
    receivers = (
        ReceiverSettings(name="pager", url=f"{pager.url}/hook", fallback="other"),
        ReceiverSettings(name="other", url=f"{other.url}/hook"),
    )
    world: World = new_world(broker, store, tmp_path, receivers)
    with world.service() as service:
        world.say(refusals())
        until(lambda: len(other.got) == 2)
        assert [said for name, said in heard(other) if name == "lightship"] == [
            said for _, said in heard(other) if "receiver pager refused a page" in said and "404" in said
        ]
        (stood_in,) = [said for name, said in heard(other) if name == "support-assistant"]
        assert stood_in.startswith("in place of pager · support-assistant: refusals")
        down = next(i for i in service.desk.all() if i.score == "receiver_down")
        assert (down.severity, down.told) == ("page", ("other", "terminal"))
    pager.answer = says(200)
    with world.service() as service:
        token = (world.settings.home / "keys" / "alerts.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        assert len(pager.got) == 1  # a restart alone says nothing of the receiver
        for name, status in (("nobody", 404), ("pager", 200)):
            answer = httpx.post(
                f"{service.address}/receivers/{name}/works", json={"actor": "ana"}, headers=headers
            )
            assert answer.status_code == status, answer.text
        until(lambda: len(pager.got) == 2)
        until(
            lambda: all(i.primary_finding.ended_at for i in service.desk.all() if i.score == "receiver_down")
        )
    (_, _), (_, late) = heard(pager)
    assert late.startswith("late: was due at ")
    assert late.endswith(stood_in.partition(" · ")[2])
    world.group = f"{world.group}-again"  # the whole log comes again
    with world.service() as service:
        until(lambda: service.metrics.get("findings") >= 3)
    assert (len(pager.got), len([n for n, _ in heard(other) if n == "support-assistant"])) == (2, 1)
