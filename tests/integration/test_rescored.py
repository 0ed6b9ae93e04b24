"""Stored text scored again, and a new service watched by what was learned from it: on running servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Running, running, wait
from tests.sending import LANGUAGES, NS_PER_S, App, Delivery

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

MINUTE_NS = 60 * NS_PER_S
DAY_NS = 1440 * MINUTE_NS
DESK, ANNEX = "harbour-desk", "harbour-annex"
DAYS, CALLS, USUAL_EVERY, AT_ONCE = 3.5, 1500, 50, 4
SETTINGS = """
[detection]
tick_s = 60
lateness_s = 5
idle_s = 2
learn_days = 2
"""
"""A tick is over soon after it was sent: live time is not ours to compress."""

_STATE = """
SELECT state, baseline_value FROM series FINAL
WHERE lineage = 'live' AND service = %(service)s AND score = 'refusal' AND slice = 'all'
"""


@pytest.fixture(scope="module")
def lightship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("rescored") / "home", SETTINGS, dashboard=False) as started:
        yield started


def said(lightship: Running, *arguments: str) -> dict[str, Any]:
    done = lightship.lightship(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def sent(lightship: Running, app: App, begin_ns: int, end_ns: int, calls: int, refused_every: int) -> None:
    """Live calls of an application, evenly from one time to another, some of them refused."""
    delivery = Delivery(lightship.gateway, "live")
    try:
        for i in range(calls):
            at_ns = begin_ns + (end_ns - begin_ns) * i // calls
            app.chat(at_ns, LANGUAGES[i % len(LANGUAGES)], refused=i % refused_every == 0)
            if i % 256 == 255 or i == calls - 1:
                delivery.deliver(app)
    finally:
        delivery.close()


def test_a_new_service_is_watched_by_what_stored_text_taught(lightship: Running) -> None:
    now_ns = time.time_ns()
    began_ns = now_ns - round(DAYS * DAY_NS)
    sent(lightship, App(DESK, 1), began_ns, now_ns - 30 * MINUTE_NS, CALLS, USUAL_EVERY)
    wait("all is stored", lambda: lightship.rows("SELECT count() FROM interactions FINAL") == [(CALLS,)])

    report = said(lightship, "rescore", "--service", DESK, "--score", "refusal")
    assert report["lineage"].startswith("rescore-")
    again = said(lightship, "rescore", "--service", DESK, "--score", "refusal")
    assert again["lineage"] == report["lineage"]

    place = ("--service", ANNEX, "--environment", "test", "--as", "Ada", "--reason", "the same assistant")
    source = ("--from", report["lineage"], "--from-service", DESK, "--from-environment", "test")
    answers: list[str] = []

    def adopted() -> bool:
        done = lightship.lightship("baselines", "adopt", *place, *source)
        answers.append(done.stderr)
        return done.returncode == 0

    try:
        wait("detection has kept what it learned", adopted, 90.0, 2.0)
    except AssertionError as error:
        raise AssertionError(answers[-1]) from error

    new = App(ANNEX, 2)

    def goes_on() -> None:
        """It is called all the time: what is older than the clock of closed ticks would count as late."""
        now_ns = time.time_ns()
        sent(lightship, new, now_ns - NS_PER_S, now_ns, AT_ONCE, 2)

    def watched() -> list[Any]:
        goes_on()
        return lightship.rows(_STATE, service=ANNEX)

    wait("the new service is watched", watched, every_s=1.0)
    ((state, level),) = lightship.rows(_STATE, service=ANNEX)
    assert state == "accepted"
    assert level == pytest.approx(1 / USUAL_EVERY, abs=0.01)

    def incident() -> list[dict[str, Any]]:
        goes_on()
        listed = lightship.alerts("/incidents?lineage=live")["incidents"]
        return [i for i in listed if (i["service"], i["score"]) == (ANNEX, "refusal")]

    wait("its refusals are told in its first minutes", incident, every_s=1.0)
    assert lightship.rows(_STATE, service=DESK)[0][0] == "watching"
