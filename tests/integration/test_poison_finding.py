"""Findings and rows that the alerts service fails on, in a running one: the next page still arrives."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.changes.change_event import RecordedChange
from alerts.errors import Unstorable
from alerts.faults import ROWS, Faults
from alerts.incidents import grouping
from alerts.notify.pipeline import Attempt
from alerts.notify.protocol import SENT
from alerts.repository.incidents import IncidentRepository
from detectors.finding import Finding, Suspect
from infra.clickhouse import connect
from infra.settings import ReceiverSettings
from tests.alert_service import new_world, until
from tests.alerts.deliveries import delivery
from tests.alerts.invented import refusals
from tests.alerts.memory import HandClock
from tests.brokers import EMBEDDED
from tests.databases import fresh_database
from tests.integration.test_alerts import Receiver, receiving

pytestmark = pytest.mark.integration

POISON = "poison"


def named(receiver: Receiver) -> set[str]:
    """The services that pages are about."""
    texts = [body.decode() for _, _, body in receiver.got]
    return {
        name for name in (POISON, "support-assistant", "lightship") if any(f'"{name}"' in t for t in texts)
    }


@pytest.mark.parametrize("broker", [EMBEDDED], indirect=True)
def test_a_finding_that_fails_stops_no_page(
    broker: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = grouping.place_finding

    def fails(finding: Finding, *args: Any) -> Any:
        if finding.service == POISON:
            raise KeyError(finding.service)
        return place(finding, *args)

    monkeypatch.setattr(grouping, "place_finding", fails)
    with receiving() as receiver:
        world = new_world(broker, store, tmp_path, (ReceiverSettings(name="hook", url=receiver.url),))
        with world.service() as service:
            world.say(refusals("p1", service=POISON), b"{", refusals())
            until(lambda: {"support-assistant", "lightship"} <= named(receiver))  # the failure itself, too
            ready = httpx.get(f"{service.address}/readyz").json()
            metrics = httpx.get(f"{service.address}/metrics").text
            alive = httpx.get(f"{service.address}/healthz").status_code
    assert POISON not in named(receiver)
    assert ready["ready"]
    assert "KeyError" in ready["set_aside"][0]
    assert alive == 200
    assert "lightship_alerts_dead_letters_total 2" in metrics
    assert "lightship_alerts_faults_total 1" in metrics


def test_rows_that_the_store_can_never_take_are_told_from_a_store_that_is_away(store: str) -> None:
    settings = fresh_database(store, "refused_rows")
    faults = Faults(HandClock())
    log = IncidentRepository(lambda: connect(settings), faults)
    attempt = Attempt(delivery(), 1, SENT, 200, "", 1)
    with pytest.raises(Unstorable, match="notifications"):
        log.record_attempt(replace(attempt, number=2**40))
    log.record_attempt(attempt)
    since = datetime(2026, 3, 17, tzinfo=UTC)
    good = [RecordedChange("default", "live", "a", None, Suspect("release", v, since)) for v in "xyz"]
    odd: Any = 7
    log.store_changes([good[0], replace(good[1], lineage=odd), good[2]])
    with closing(connect(settings)) as client:
        assert {str(v) for (v,) in client.query("SELECT value FROM changes FINAL").result_rows} == {"x", "z"}
    assert [f.part for f, _ in faults.known()] == [ROWS]
    log.close()
