"""From an app's SDK to a person's webhook through the whole of Lightship, while every process is killed.

Whatever dies on the way, everything that was acknowledged is stored once, accounted for and counted in the
aggregates; the one change that was planted is told once; and what detection confirms is what it confirms of
the same spans on an undisturbed day.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from detectors.internal_finding import SERVICE
from tests.brokers import KINDS
from tests.journey import Journey
from tests.judged import accounted_for, aggregated, confirmed, incidents, stored, told, verified
from tests.running import PROCESSES, running
from tests.webhook import Posted

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

KILLED_BEFORE = {
    6: "gateway",
    13: "broker",
    20: "store",
    27: "dashboard",
    34: "relay",
    41: "fleet",
    50: "broker",
    53: "store",
    55: "worker",
}
"""Slices of the traffic and the process that is killed when they are about to be sent, with what was sent
before still on its way; the last three fall into the change."""


@pytest.mark.parametrize("kind", KINDS)
def test_killing_every_process_changes_nothing(tmp_path: Path, kind: str) -> None:
    quiet, disturbed = Journey("evaluation-quiet"), Journey("evaluation-disturbed")
    with running(tmp_path / "home", kind=kind) as lightship, ThreadPoolExecutor(1) as killer:
        quiet.send(lightship)
        lightship.settle(quiet.lineage)
        assert quiet.refused_requests == 0
        told_before = len(lightship.hook.posted)

        killed: list[tuple[str, Future[int]]] = []

        def kill(number: int) -> None:
            if number in KILLED_BEFORE:
                name = KILLED_BEFORE[number]
                killed.append((name, killer.submit(lightship.kill, name)))

        # the alerts service dies when its message is out and nobody has told it so
        lightship.hook.once = lambda: lightship.kill("alerts")
        disturbed.send(lightship, kill)
        for name, at in killed:
            lightship.came_back(name, at.result())
        lightship.settle(disturbed.lineage)
        assert set(lightship.kills) == set(PROCESSES)

        for journey in (quiet, disturbed):
            stored(lightship, journey)
            aggregated(lightship, journey)
        accounted_for(lightship, quiet, disturbed)
        assert confirmed(lightship, disturbed.lineage) == confirmed(lightship, quiet.lineage)
        assert len(confirmed(lightship, quiet.lineage)) > 0
        verified(lightship, quiet.lineage, disturbed.lineage)
        messages: list[Posted] = []
        for journey in (quiet, disturbed):
            (incident,) = incidents(lightship, journey.lineage)
            assert (incident.service, incident.score, incident.slice) == (
                "harbour-chat",
                "refusal",
                "language=es",
            )
            assert abs(incident.onset_ns - journey.onset_ns) <= 3600 * 10**9
            (same_key,) = told(lightship, incident).values()
            messages += same_key
        assert told_before == 1
        # one message more, under the same key: the process that sent it died before it could write that down
        assert len(messages) <= 3
        # on a slow machine so many restarts may be told, too: nothing else is
        others = [posted.json() for posted in lightship.hook.posted if posted not in messages]
        assert all(other["where"]["service"] == SERVICE for other in others), others
