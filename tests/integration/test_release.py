"""A release that moves forty scores of a service an hour old, through every process: one page, in time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from detectors.finding import parse_rfc3339, rfc3339
from infra.clock import to_datetime, to_ns
from tests.journey import HOUR_NS
from tests.judged import incidents, told
from tests.running import Running, running
from tests.sending import NS_PER_S, App, Delivery

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

SCORES, WINDOW_S, TICK_S = 40, 900, 300
LINEAGE = "evaluation-release"
BEGIN_NS = 20_155 * 24 * HOUR_NS
RELEASE_NS = BEGIN_NS + HOUR_NS
CALL_NS = 12 * NS_PER_S

OWN = """
[scorers.own.moved_{k:02d}]
regex = "no puedo ayudar"

[[rule]]
score = "moved_{k:02d}"
measure = "rate"
op = ">"
limit = 0.3
window_s = {window_s}
severity = "page"
services = ["harbour-*"]
"""


WATCHED = """
[[rule]]
score = "refusal"
measure = "rate"
op = ">"
limit = 0.3
window_s = 900
services = ["harbour-chat"]
"""


_SAID = """
SELECT DISTINCT finding_id FROM findings FINAL
WHERE lineage = {lineage:String} AND alert_kind = 'rule' AND score = 'refusal' AND slice = 'all'
"""


@pytest.mark.long
def test_forty_scores_moved_by_a_release_are_one_page_within_a_window_of_it(tmp_path: Path) -> None:
    settings = "".join(OWN.format(k=k, window_s=WINDOW_S) for k in range(SCORES))
    with running(tmp_path / "home", settings, dashboard=False) as lightship:
        delivery, app = Delivery(lightship.gateway, LINEAGE), App("harbour-chat", 7)
        marker = {
            "kind": "release",
            "who": "ci",
            "value": "4.0",
            "service": app.service,
            "time": rfc3339(to_datetime(RELEASE_NS)),
        }
        headers = {"lightship-lineage": LINEAGE}
        httpx.post(
            f"{lightship.gateway}/v1/changes", json=marker, headers=headers, timeout=30
        ).raise_for_status()
        for number in range(450):
            at_ns = BEGIN_NS + number * CALL_NS
            app.chat(at_ns, "es", refused=at_ns >= RELEASE_NS and number % 10 != 0)
            if number % 75 == 74:
                delivery.deliver(app)
            if number == 75:
                _watch(lightship, tmp_path, app)
        delivery.close()
        lightship.end(LINEAGE, RELEASE_NS + HOUR_NS)
        lightship.settle(LINEAGE)
        (incident,) = incidents(lightship, LINEAGE)
        whole = lightship.alerts(f"/incidents/{incident.incident_id}")
        ((finding_id,),) = lightship.rows(_SAID, lineage=LINEAGE)  # by the rule that came while it ran
        verified = lightship.lightship("verify", finding_id)
        posted = [message.json() for same in told(lightship, incident).values() for message in same]
    brief = whole["brief"]
    pages = [p for p in posted if p["brief"]["severity"] == "page" and p["kind"] != "resolved"]
    assert [p["incident_id"] for p in pages] == [incident.incident_id]  # before it there may be a ticket
    fired = parse_rfc3339(brief["when"]["fired"])
    assert timedelta(0) < fired - to_datetime(RELEASE_NS) <= timedelta(seconds=WINDOW_S + TICK_S)
    assert [brief["suspects"][0][name] for name in ("kind", "value")] == ["release", "4.0"]
    assert 1 + len(brief["what"]["others"]) + brief["what"]["more"] >= SCORES
    moved = {f["score"] for f in whole["findings"] if f["alert_kind"] == "rule"}
    assert len(moved) > 20
    assert verified.returncode == 0, verified
    assert to_ns(parse_rfc3339(brief["when"]["onset_high"])) >= RELEASE_NS


def _watch(lightship: Running, made: Path, app: App) -> None:
    """Add a rule to a service that sends already, as a person does."""
    lightship.registered(LINEAGE, [app.service])
    (made / "rule.toml").write_text(WATCHED, encoding="utf-8")
    where = ("--environment", "test", "--lineage", LINEAGE)
    why = ("--as", "Ada", "--reason", "the vendor promised it")
    said = lightship.lightship("rules", "add", str(made / "rule.toml"), *where, *why)
    assert (said.returncode, said.stderr) == (0, "")
    listed = lightship.lightship("rules", "added", "--lineage", LINEAGE)
    assert "harbour-chat · test  refusal: rate over 15 min > 0.3" in listed.stdout, listed
