"""Findings with extremes in every field: each is refused with a reason, or is kept, told and ended."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.errors import BadRecord
from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.intake import read_finding
from alerts.repository.rows import state_row, transition_row
from tests.alerts.invented import overall
from tests.alerts.lifecycles import World, look_twice
from tests.alerts.test_hostile_messages import CHANNELS

TEXTS = ("", " ", "\x00", "\ud800", "é\u202e", "a" * 512, "a" * 513, "*", "all", "x=y", "=", "a=b,c=d", "\n")
NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    10**400,
    0.0,
    -0.0,
    5e-324,
    1.7e308,
    -1e18,
    1e18,
)
TIMES = (
    "1970-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z", "2300-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-17T04:05:00", "2026-03-17T04:05:00+23:59",
    "2026-03-17T04:05:00Z", "",
)  # fmt: skip
PLAIN = (None, True, *TEXTS, *NUMBERS, float("nan"), float("inf"), *TIMES)
KINDS = ("drift", "fast", "rule", "volume", "silence", "slo", "anomaly", "policy", "pipeline", "gossip")
_plain = st.sampled_from(PLAIN)
_value = st.one_of(
    _plain,
    st.lists(_plain, max_size=3),
    st.lists(st.fixed_dictionaries({"slice": _plain, "share": _plain, "effect": _plain}), max_size=3),
    st.lists(st.fixed_dictionaries({"slice": _plain, "evidence": _plain, "threshold": _plain}), max_size=3),
    st.lists(st.fixed_dictionaries({"kind": _plain, "value": _plain, "since": _plain}), max_size=3),
)
_changes = st.dictionaries(
    st.sampled_from(sorted(set(overall().to_dict()) - {"alert_kind"})), _value, max_size=5
)


@settings(max_examples=300)
@given(_changes, st.sampled_from(KINDS), st.sampled_from(TIMES))
def test_a_finding_is_refused_or_goes_all_the_way(changes: dict[str, Any], kind: str, ended: str) -> None:
    body = json.dumps({**overall().to_dict(), **changes, "alert_kind": kind}).encode()
    over = {"status": "confirmed", "ended_at": ended, "made_at": "2026-03-17T06:00:00Z"}
    end = json.dumps({**overall().to_dict(), **changes, "alert_kind": kind, **over}).encode()
    try:
        read_finding(body)
    except BadRecord:
        return
    world = World(body, end)
    process = world.run()
    look_twice(process.desk)
    for transition, _ in world.store.transitions.values():
        transition_row(transition)
    for incident in process.desk.all():
        state_row(incident, process.desk.brief(incident))
        assert incident_from_json(incident_to_json(incident)) == incident
    for sent in world.channel.got:
        for texts_of in CHANNELS.values():
            "".join(texts_of(sent)).encode()
