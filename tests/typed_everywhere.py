"""Something planted in everything that people type while Lightship runs."""

from __future__ import annotations

from typing import Any

import httpx

from alerts.acting.request import MAX_NAME
from tests.canaries import SERVICE
from tests.garden import KINDS, TYPED, Garden
from tests.running import Running

_GROUPS = [KINDS[at : at + 2] for at in range(0, len(KINDS), 2)]
_RULE = """\
[[rule]]
score = "refusal"
measure = "rate"
op = ">"
limit = 0.9
services = ["{service}"]
slice = "model={slice}"
"""


def type_everything(lightship: Running, gateway: httpx.Client, g: Garden, lineage: str) -> None:
    """Notes, reasons, names, rules, feedback and changes, each with values of every kind it can hold."""
    incidents = lightship.alerts("/incidents?state=open&limit=500")["incidents"]
    assert len(incidents) > 1
    first, second = (f"/incidents/{one['incident_id']}" for one in incidents[:2])
    place = {"lineage": lineage, "environment": "test", "service": SERVICE}

    def tell(path: str, reason: str = "", **named: str) -> Any:
        return lightship.tell(path, {**named, "actor": "ada", "reason": reason})

    for kinds in _GROUPS:
        tell(f"{first}/note", g.text("note", kinds))
        comment = {"trace_id": "ab" * 16, "name": "helpful", "value": 1, "comment": g.text("comment", kinds)}
        post(gateway, "/v1/feedback", comment, lineage)
        change = {"kind": "flag", "value": "x", "who": "ada", "note": g.text("change", kinds)}
        post(gateway, "/v1/changes", change, lineage)
    tell(f"{first}/acknowledge", g.text("acknowledgement"))
    tell(f"{first}/hold", g.text("hold"))
    tell(f"{second}/false-alarm", g.text("false alarm"))
    for kind in TYPED:
        pattern = f"{g.name_of('pattern', kind)}*"[:MAX_NAME]
        silence = tell("/silences", g.text("silence"), service=pattern, lasts="2h")["silence"]["silence_id"]
        tell(f"/silences/{silence}/lift", g.text("lift"))
        toml = _RULE.format(service=SERVICE, slice=g.name_of("slice of a rule", kind))
        rule = tell("/rules", g.text("rule"), toml=toml, lineage=lineage, environment="test")["rule"]
        tell(f"/rules/{rule['rule_id']}/remove", g.text("removal"), **place)
        names = {"value": g.name_of("change value", kind), "service": g.name_of("change service", kind)}
        post(gateway, "/v1/changes", {"kind": "release", "who": g.name_of("who", kind), **names}, lineage)
        judged = {"response_id": g.name_of("response id", kind), "label": g.name_of("label", kind)}
        post(gateway, "/v1/feedback", {"name": g.name_of("name", kind), "who": "ada", **judged}, lineage)
    tell("/baselines/expect", g.text("expectation"), at="2026-11-27T09:30:00Z", **place)
    tell(f"{first}/release", g.text("release of a hold"))


def post(gateway: httpx.Client, path: str, body: dict[str, Any], lineage: str) -> None:
    """Send to one of the gateway's doors for JSON."""
    gateway.post(path, json=body, headers={"lightship-lineage": lineage}).raise_for_status()
