"""Recorded changes: which are suspects of an incident, from when on, and after a restart."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import Links, brief_of
from alerts.briefs.render import parts
from alerts.changes.change_event import MOST, NEAREST, RecordedChange, RecordedChanges, read_change
from alerts.changes.repository import change_row
from alerts.errors import BadRecord, Unavailable
from alerts.incident_service import IncidentService
from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.incident import Incident
from alerts.metrics import Metrics
from alerts.state.incident_state import IncidentState
from alerts.state.ports import Message, Setup, Source
from detectors.finding import Suspect
from infra.clock import to_ns
from ingest.requests.change_events import read_markers
from tests.alerts.invented import TIMING, at, lengths, overall, refusals
from tests.alerts.memory import HandClock, MemoryPost, MemoryStore


def change(value: str, clock: str, **rest: Any) -> RecordedChange:
    known = RecordedChange(
        "default", "live", "support-assistant", "production", Suspect("release", value, at(clock))
    )
    return replace(known, **rest)


def opened(*recorded: RecordedChange) -> tuple[IncidentState, Incident]:
    book = IncidentState(TIMING, recorded=RecordedChanges().with_(recorded))
    book.merge(book.draft().apply(refusals()))
    (incident,) = book.all()
    return book, incident


def named(incident: Incident) -> list[str]:
    return [s.value for s in incident.suspects]


def test_what_was_recorded_near_the_onset_is_named_first_the_nearest_before_others() -> None:
    book, _ = opened(change("early", "01:00"), change("4.2", "03:58"), change("late", "04:40"))
    for also in (overall(), lengths()):
        book.merge(book.draft().apply(also))
    (incident,) = book.all()
    assert named(incident)[:2] == ["4.2", "early"]
    assert "late" not in named(incident)
    assert "v18" in named(incident), "what detection found stays"
    text = "\n".join(dict(parts(brief_of(incident, kind="opened", links=Links("", "", ""))))["Suspects"])
    assert text.startswith("release 4.2, new at 03:58")


@pytest.mark.parametrize(
    ("rest", "concerns"),
    [
        ({"service": None}, True),
        ({"service": None, "environment": None}, True),
        ({"service": "billing-bot"}, False),
        ({"environment": "staging"}, False),
        ({"tenant": "other"}, False),
        ({"lineage": "demo-1"}, False),
    ],
)
def test_it_must_have_been_done_where_the_incident_is(rest: dict[str, Any], concerns: bool) -> None:
    _, incident = opened(change("4.2", "04:00", **rest))
    assert ("4.2" in named(incident)) == concerns


def test_what_is_recorded_late_is_named_from_then_on_and_writes_no_history() -> None:
    book, before = opened()
    assert book.draft().suspect() == []
    book.recorded = book.recorded.with_([change("4.2", "04:00")])
    changes = book.draft().suspect()
    book.merge(changes)
    (incident,) = book.all()
    assert named(incident)[0] == "4.2"
    assert [c.rows for c in changes] == [()]
    assert (incident.seq, incident.revision) == (before.seq, before.revision + 1)
    assert book.draft().suspect() == []


def test_an_incident_keeps_its_suspects_when_nothing_else_remembers_them() -> None:
    _, incident = opened(change("4.2", "04:00"))
    stored = incident_from_json(incident_to_json(incident))
    assert stored == incident
    book = IncidentState(TIMING, [stored])
    book.merge(book.draft().apply(overall()))
    (after,) = book.all()
    assert named(after)[0] == "4.2"


def test_many_changes_leave_the_nearest_and_the_newest() -> None:
    many = [change(f"r{n}", "04:00") for n in range(50)]
    times = [(n, at("04:00") - timedelta(days=n)) for n in range(MOST)]
    far = [change("x", "04:00", suspect=Suspect("flag", f"f{n}", time)) for n, time in times]
    recorded = RecordedChanges().with_(far).with_(many).with_(many)
    assert len(recorded.all) == MOST
    assert {c.suspect.value for c in many} <= {c.suspect.value for c in recorded.all}
    _, incident = opened(*many)
    assert len(incident.recorded) == NEAREST


def test_the_gateways_entries_are_read_and_others_are_not_changes() -> None:
    body = {"kind": "index_rebuild", "value": "kb 7", "who": "ana", "time": "2026-03-02T03:58:00Z"}
    (entry,) = read_markers(body, "default", "live", to_ns(at("04:00")))
    found = read_change(json.dumps(entry).encode())
    assert found == RecordedChange(
        "default",
        "live",
        None,
        None,
        Suspect("index_rebuild", "kb 7", datetime.fromisoformat("2026-03-02T03:58:00Z")),
    )
    assert read_change(b'{"action": "acknowledge", "actor": "ana"}') is None
    dated = b'{"action": "marker", "kind": "a", "value": "b", "since": 3}'
    for bad in (b"", b"[]", b"{}", b'{"action": "marker"}', dated):
        with pytest.raises(BadRecord, match="not an entry of the topic actions"):
            read_change(bad)


def test_what_cannot_be_stored_is_not_remembered_and_may_be_recorded_again() -> None:
    store = MemoryStore(answers=False)
    setup = Setup(TIMING, lambda _: ("hook",), Links("", "", ""))
    desk = IncidentService(setup, store, MemoryPost(), lambda *_: None, HandClock(), Metrics())
    desk.load()
    with pytest.raises(Unavailable):
        desk.record([change("4.2", "03:58")])
    store.answers = True
    desk.apply([Message(Source("findings", 0, 0), refusals().to_json().encode())])
    desk.elapse()
    assert "4.2" not in named(desk.all()[0])
    for _ in range(2):
        desk.record([change("4.2", "03:58")])
    desk.elapse()
    assert named(desk.all()[0])[0] == "4.2"
    assert [c.suspect.value for c in store.marked] == ["4.2"]


_odd: st.SearchStrategy[Any] = st.sampled_from(
    (
        None,
        True,
        0,
        -1,
        2**64,
        10**400,
        math.nan,
        math.inf,
        "",
        "\ud800",
        "\x00",
        "x" * 10**5,
        [],
        {},
        [["x"]],
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-03-17T04:05:00",
        "2026-03-17",
    )
)
_names = st.sampled_from(
    ("v", "action", "kind", "value", "since", "tenant", "lineage", "service", "environment")
)


@given(st.dictionaries(_names, _odd, max_size=4))
def test_whatever_is_recorded_is_remembered_and_stored_or_refused(odd: dict[str, Any]) -> None:
    (entry,) = read_markers(
        {"kind": "release", "value": "4.2", "who": "ci"}, "default", "live", to_ns(at("04:00"))
    )
    try:
        found = read_change(json.dumps({**entry, **odd}).encode())
    except BadRecord:
        return
    if found is not None:
        book, incident = opened(found, change("4.2", "03:58"))
        assert book.recorded.all
        change_row(found)
        for near in incident.recorded:
            near.value.encode()


@pytest.mark.parametrize("value", [b"", b"[" * 10**5, b"null", b"[]", b"\xff", b"{}", b'"x"'])
def test_what_is_no_entry_is_refused(value: bytes) -> None:
    with pytest.raises(BadRecord):
        read_change(value)
