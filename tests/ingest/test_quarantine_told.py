"""What is stored and told of services in quarantine, whatever restarts in between."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from alerts.briefs import runbook
from alerts.incidents.intake import read_finding
from detectors.finding import Finding
from detectors.observation import Control, Message, Observation, decode, encode
from detectors.scorers import SPECS
from detectors.traffic.traffic import Traffic
from infra.kafka import FINDINGS, OBSERVATIONS
from ingest.agents.detect.quarantine import RELEASE
from ingest.agents.detect.quarantine_log import SCORE
from ingest.agents.detect.stage import DetectStage
from ingest.errors import Unavailable
from ingest.messages import Output, RawMessage
from ingest.units.conversations import Conversations
from tests.detectors.traffic import config
from tests.ingest.test_detect_stage import Kept
from tests.ingest.test_identities import S
from tests.ingest.test_quarantine import BAD, FROM, log

NOW_NS = 1_800_000_000 * S


def stage(store: Kept, version: str = "1") -> DetectStage:
    return DetectStage(store, config(specs=SPECS), 1, 60 * S, version=version, now_ns=lambda: NOW_NS)


def raw(messages: Sequence[Message], start: int = 0) -> list[RawMessage]:
    return [RawMessage("observations", 0, start + i, encode(m)) for i, m in enumerate(messages)]


def told(outputs: Sequence[Output]) -> list[Finding]:
    found = [read_finding(o.value) for o in outputs if o.topic == FINDINGS.name]
    return [f for f in found if f.alert_kind == "pipeline"]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """`Traffic` fails on the bad service in its `FROM`-th message and after."""
    real = Traffic.observe

    def observe(self: Traffic, o: Observation) -> None:
        if o.key == BAD and o.source.offset >= FROM:
            raise ZeroDivisionError("ida.varga@posthorn.example")
        real(self, o)

    with monkeypatch.context() as patched:
        patched.setattr(Traffic, "observe", observe)
        yield patched


def test_a_page_names_service_error_place_and_what_to_do(broken: pytest.MonkeyPatch) -> None:
    store = Kept()
    (page,) = told(stage(store).process(raw(log())))
    assert (page.severity, page.score, page.service, page.ended_at) == ("page", SCORE, "lightship", None)
    (note,) = page.notes
    assert "default/live/prod/chat is not watched, only counted" in note
    assert "ZeroDivisionError at detectors." in note or "ZeroDivisionError at ingest." in note
    assert "lightship quarantine" in note
    assert "posthorn" not in page.to_json()
    assert runbook.name_of(page) == "quarantine"
    (row,) = store.quarantine
    assert (row.key, row.error, row.released) == (BAD, "ZeroDivisionError", False)
    assert row.state


def test_it_is_told_once_a_process_under_one_id_and_stored_once(broken: pytest.MonkeyPatch) -> None:
    store, messages = Kept(), log()
    one = stage(store)
    store.failures = 2
    outputs: list[Output] = []
    while not outputs:
        try:
            outputs = one.process(raw(messages))
        except Unavailable:
            continue
    (first,) = told(outputs)
    assert told(one.process(raw(messages[-2:], len(messages)))) == []
    one.snapshot()
    (again,) = told(stage(store).process(raw(messages[-2:], len(messages) + 2)))
    assert again.finding_id == first.finding_id
    assert len(store.quarantine) == 1


def test_a_state_that_cannot_be_packed_is_stored_before_the_snapshot_and_told_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, messages = Kept(), log()
    one = stage(store)
    one.process(raw(messages))
    monkeypatch.setattr(Traffic, "state", lambda _: ({"wrong": object()}, {}))
    one.snapshot()
    assert len(store.quarantine) == 8  # every service there is: each by itself
    assert len(store.snapshots) == 1
    pages = told(one.process(raw(messages[-1:], len(messages))))
    assert len({p.finding_id for p in pages}) == 8


def test_another_version_watches_it_again_from_a_record_in_the_log(broken: pytest.MonkeyPatch) -> None:
    store, messages = Kept(), log()
    one = stage(store)
    (page,) = told(one.process(raw(messages)))
    one.snapshot()
    broken.undo()
    same, other = stage(store), stage(store, "2")
    assert _records(same.process(raw(messages[-1:], len(messages)))) == []
    (record,) = _records(other.process(raw(messages[-1:], len(messages))))
    assert record == Control(BAD, RELEASE, 0)
    outputs = other.process(raw([record], len(messages) + 1))
    (over,) = told(outputs)
    assert over.finding_id == page.finding_id
    assert over.ended_at is not None
    assert [(r.key, r.released) for r in store.quarantine] == [(BAD, False), (BAD, True)]
    assert told(other.process(raw(messages[-1:], len(messages) + 2))) == []


def _records(outputs: Sequence[Output]) -> list[Message]:
    sent = [o for o in outputs if o.topic == OBSERVATIONS.name]
    assert all(o.partition is None and o.key == BAD.text().encode() for o in sent)
    return [decode(o.value) for o in sent]


def test_conversations_that_begin_anew_are_a_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Conversations.add, [0]

    def broken(self: Conversations, o: Observation, watermark_ns: int) -> None:
        calls[0] += 1
        if calls[0] == 5:
            raise OverflowError("ida.varga@posthorn.example")
        real(self, o, watermark_ns)

    monkeypatch.setattr(Conversations, "add", broken)
    store, messages = Kept(), log()
    one = stage(store)
    (ticket,) = told(one.process(raw(messages)))
    assert (ticket.severity, ticket.score) == ("ticket", "conversations_begun_anew")
    assert "OverflowError" in json.dumps(ticket.notes)
    assert "posthorn" not in ticket.to_json()
    assert told(one.process(raw(messages[-1:], len(messages)))) == []
    assert not store.quarantine
