"""Findings as they come, incidents as they are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import BadRecord, Defect
from alerts.incidents.codec import incident_from_json, incident_to_dict, incident_to_json
from alerts.incidents.events import Acknowledge, End, Write
from alerts.incidents.incident import Incident
from alerts.incidents.intake import MAX_BYTES, read_finding
from alerts.state.incident_state import IncidentState
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret

FIXTURES = Path(__file__).parent.parent / "fixtures"


def lived() -> Incident:
    """An incident that has been through everything."""
    book = IncidentState(TIMING, route=lambda _: ("hook",))
    for finding in (
        lengths(),
        refusals(),
        overall(),
        secret("h1", score="refusal"),
        secret("h2", score="refusal"),
    ):
        book.apply(finding)
    (incident,) = book.all()
    for event in (Acknowledge("ana", "mine"), Write("ana", "prompt 18?"), End("accepted", "ana", "meant so")):
        book.act(incident.incident_id, event, to_ns(at("04:40")))
    return book.all()[0]


def test_an_incident_survives_its_json() -> None:
    incident = lived()
    assert incident.told == ("hook",)
    assert incident.hits.count == 2
    assert incident_from_json(incident_to_json(incident)) == incident


def test_the_json_names_the_facts_of_the_finding_that_speaks() -> None:
    data = incident_to_dict(lived())
    assert (data["score"], data["slice"], data["effect"], data["evidence"]) == (
        "refusal",
        "language=es",
        0.57,
        "breach",
    )
    assert (data["onset_low"], data["onset"]) == ("2026-03-17T04:00:00Z", "2026-03-17T04:05:00Z")
    assert data["suspects"] == [{"kind": "prompt_version", "value": "v18", "since": "2026-03-17T04:03:00Z"}]
    assert data["slices"][0]["slice"] == "language=es"
    assert json.loads(incident_to_json(lived())) == json.loads(json.dumps(data))


def test_incidents_written_by_the_first_release_are_read() -> None:
    """The golden file is never written again: a new version gets a file of its own."""
    golden = (FIXTURES / "incident.v1.json").read_text(encoding="utf-8")
    then = replace(
        lived(),
        undo=None,
        asked_seq=0,
        first_about=None,
        ended_by=None,
        ended_reason=None,
        clock_ns=to_ns(at("04:40")),
    )  # what people did moved the lineage's clock
    assert incident_from_json(golden) == then


def test_a_foreign_version_is_a_defect() -> None:
    data = {**incident_to_dict(lived()), "v": 99}
    with pytest.raises(Defect, match="99"):
        incident_from_json(json.dumps(data))


def test_a_finding_survives_its_json() -> None:
    assert read_finding(overall().to_json().encode()) == overall()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alert_kind": "gossip"}, "alert_kind"),
        ({"status": "perhaps"}, "status"),
        ({"severity": "loud"}, "severity"),
        ({"service": ""}, "service"),
        ({"tenant": "t" * 513}, "tenant"),
        ({"score": None}, "score"),
        ({"effect": "large"}, "effect"),
        ({"v": 7}, "version"),
        ({"onset": "yesterday"}, "not a finding"),
        ({"made_at": None}, "made_at"),
        ({"slices": 3}, "not a finding"),
        ({"slices": [{"slice": "all", "share": "most", "effect": None}]}, "slices"),
        ({"cleared": ["\ud800"]}, "Unicode"),
        ({"n": 1e30}, "n must"),
        ({"n": True}, "n must"),
        ({"made_at": "0001-01-01T00:00:00Z"}, "era"),
        ({"finding_id": ...}, "finding_id"),
    ],
)
def test_what_is_no_finding_is_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    data = {**refusals().to_dict(), **changes}
    body = {k: v for k, v in data.items() if v is not ...}
    with pytest.raises(BadRecord, match=message):
        read_finding(json.dumps(body).encode())


def test_a_finding_may_not_be_larger_than_the_limit() -> None:
    with pytest.raises(BadRecord, match="limit"):
        read_finding(b" " * (MAX_BYTES + 1))


def test_numbers_that_are_not_finite_are_absent() -> None:
    text = refusals().to_json().replace('"effect":0.57', '"effect":1e999').replace("0.41", "NaN")
    finding = read_finding(text.encode())
    assert (finding.effect, finding.effect_low) == (None, None)
    incident_to_json(IncidentState(TIMING)._open(finding, 0).incident)  # type: ignore[union-attr]


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_any_bytes_are_a_finding_or_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        read_finding(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(refusals().to_dict())), _JSON, max_size=4))
def test_whatever_is_read_can_be_kept_and_told(changes: dict[str, Any]) -> None:
    """A finding with any fields replaced is refused, or goes through all the way."""
    body = {**overall().to_dict(), **changes}
    try:
        finding = read_finding(json.dumps(body).encode())
    except BadRecord:
        return
    book = IncidentState(TIMING)
    for incident in [c.incident for c in book.apply(replace(finding, status="provisional", ended_at=None))]:
        assert incident_from_json(incident_to_json(incident)) == incident
