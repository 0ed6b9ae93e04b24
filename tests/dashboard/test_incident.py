from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents.codec import incident_to_json
from alerts.incidents.timing import Timing
from alerts.state.incident_state import IncidentState
from dashboard import palette
from dashboard.palette import State
from dashboard.queries.incidents import Trust
from dashboard.tables import incident as incidents
from dashboard.tables import incident_picture
from dashboard.tables.incident import Incident
from dashboard.views.incident import facts, timeline
from tests.dashboard import world_incidents
from tests.dashboard.made import BODY, NOW, incident

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_facts_are_read() -> None:
    found = incident()
    assert found.onset == datetime(2026, 3, 17, 2, 5, tzinfo=UTC)
    assert (found.effect, found.effect_low, found.effect_high) == (0.043, 0.031, 0.055)
    assert (found.evidence, found.threshold, found.baseline_version) == (18.4, 12.2, "v12")
    assert [(s.slice, s.share) for s in found.slices] == [("language=de", 0.71)]
    assert found.state is palette.PAGE


def test_numbers_belong_to_the_speaking_finding_and_examples_to_the_explaining_slice() -> None:
    found = incident()
    assert found.key.slice == "all"
    assert found.explained.slice == "language=de"


@pytest.mark.parametrize("made", [world_incidents.finding, world_incidents.slow, world_incidents.silent])
def test_what_the_alerts_service_writes_is_read(made: Any) -> None:
    statement = made(NOW)
    written = IncidentState(Timing()).apply(statement)[-1].incident
    from_wire = _read(incident_to_json(written), service=statement.service)
    assert from_wire.score == statement.score
    assert from_wire.own_slice == statement.slice
    assert from_wire.onset == statement.onset
    assert (from_wire.effect, from_wire.n) == (statement.effect, statement.n)
    assert from_wire.evidence == statement.evidence
    assert from_wire.config_hash == statement.config_hash
    assert [s.value for s in from_wire.suspects] == [s.value for s in statement.suspects]


def _read(text: str, **stored: Any) -> Incident:
    return incidents.read(replace(incident().stored, body=text, **stored))


@given(st.dictionaries(st.sampled_from([*BODY, "hits", "v", "notes"]), JSON))
def test_a_body_of_any_shape_leaves_facts_out_and_never_fails(body: dict[str, Any]) -> None:
    found = incident(dict.fromkeys(BODY) | body)
    assert found.onset_low <= found.onset <= found.onset_high
    assert found.measure.title
    for value in (found.effect, found.baseline_value, found.evidence):
        assert value is None or abs(value) < float("inf")


@pytest.mark.parametrize("text", ["", "[1]", "null", "{", '{"onset":', "[" * 100_000])
def test_a_body_that_is_no_object_gives_an_incident_without_facts(text: str) -> None:
    found = _read(text)
    assert found.onset == found.stored.opened
    assert not found.onset_known
    assert found.effect is None


@pytest.mark.parametrize(
    ("stored", "body", "state"),
    [
        ({}, {}, palette.PAGE),
        ({"severity": "ticket"}, {}, palette.TICKET),
        ({"state": "pending"}, {}, palette.PENDING),
        ({"state": "recovering"}, {}, palette.RECOVERING),
        ({"evidence": "no_data"}, {}, palette.NO_DATA),
        ({}, {"alert_kind": "silence"}, palette.NO_DATA),
        ({"evidence": "error"}, {}, palette.FAILED),
        ({}, {"alert_kind": "pipeline"}, palette.FAILED),
        (
            {"state": "resolved", "ending": "false_alarm", "resolved": NOW - timedelta(minutes=1)},
            {},
            palette.OK,
        ),
    ],
)
def test_states_are_shown_in_one_word(stored: dict[str, Any], body: dict[str, Any], state: State) -> None:
    assert incident(body, **stored).state is state


def test_json_that_repeats_a_number_as_text_is_not_a_number() -> None:
    found = _read(json.dumps(BODY | {"effect": "0.5", "n": True, "hits": "9"}))
    assert (found.effect, found.n, found.hits) == (None, None, None)


_numbers = st.sampled_from((0, -1, 2**63, 2**64, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf")))
_times = st.sampled_from(
    (
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999Z"),
        *("2300-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-03-17T02:05:00", "2026-03-17"),
    )
)
_odd = st.one_of(
    _numbers, _times, st.sampled_from(("", "\ud800", "\x00", "x" * 10_000, "=", "a=b", None, True))
)


@given(
    st.dictionaries(st.sampled_from([*BODY, "hits", "held_by"]), _odd, max_size=4),
    st.dictionaries(st.sampled_from(["score", "slice", "effect", "evidence", "threshold", "log_to"]), _odd),
    st.sampled_from(("breach", "no_data")),
)
def test_an_incident_with_extremes_in_its_body_is_drawn(
    odd: dict[str, Any], finding: dict[str, Any], evidence: str
) -> None:
    found = incident(
        {**odd, "findings": [{**BODY["findings"][0], **finding}], "suspects": [{**odd, "value": "v18"}]},
        evidence=evidence,
    )
    for fact in facts.facts(found, Trust(1, 3), NOW):
        "".join(fact).encode()
    incident_picture.window(found, NOW)
    incident_picture.comparison(found, NOW)
    incident_picture.change(found)
    incident_picture.marks(found)
    timeline.lines(found, [], NOW)
    assert found.measure.title
