"""Stage 1 under a broken deploy: it stops before it drains everything, and goes on when repaired."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from detectors.finding import Finding
from detectors.record import Record
from detectors.scorers.protocol import Scores
from infra.kafka import DEAD_LETTERS, FINDINGS
from infra.settings import DeadLetterSettings
from ingest.agents.score.scoring import Scoring
from ingest.agents.score.stage import ScoreStage
from ingest.errors import BrokenDeploy
from ingest.messages import RawMessage
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS, LEDGER
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS, SPECS, raw, score_traces
from tests.ingest.telemetry import chat, span, traces


def broken(records: Sequence[Record]) -> list[Scores]:
    """A scorer that fails on everything."""
    raise KeyError(f"a column of {len(records)} records")


BROKEN = Scoring(broken, score_traces, SPECS, {"small": "2"})


def message(offset: int, partition: int = 0, text: str = "hello") -> RawMessage:
    """Twenty interactions."""
    name = f"{partition * 1000 + offset + 1:032x}"
    return raw(
        "otlp_spans",
        partition,
        offset,
        traces(*(span(chat(text), span_id=i, trace=name) for i in range(1, 21))),
    )


def stage(store: MemoryStore, scoring: Scoring, percent: float = 50.0) -> ScoreStage:
    settings = replace(SETTINGS, dead_letters=DeadLetterSettings(stop_percent=percent))
    return ScoreStage(store, scoring, settings, HASH_KEY)


def feed(on: ScoreStage, messages: Sequence[RawMessage], cut: int) -> int:
    """Take messages in batches of ``cut``; how many dead letters were sent."""
    dead = 0
    for at in range(0, len(messages), cut):
        batch = messages[at : at + cut]
        dead += sum(o.topic == DEAD_LETTERS.name for o in on.process(batch))
        on.acknowledged(batch)
    return dead


@pytest.mark.parametrize("percent", [50.0, 100.0])
def test_a_backlog_is_not_drained_by_a_broken_deploy_unless_somebody_says_so(percent: float) -> None:
    store = MemoryStore()
    backlog = [message(offset, partition) for offset in range(10) for partition in (0, 1)]
    if percent == 100.0:
        assert feed(stage(store, BROKEN, percent), backlog, 20) == 400
        return
    for _ in range(3):  # whoever restarts it meets the same
        with pytest.raises(
            BrokenDeploy, match=r"died by a defect \(scorer_failed 400 .* KeyError\)"
        ) as stopped:
            stage(store, BROKEN, percent).process(backlog)
        (alarm,) = stopped.value.alarms
        finding = Finding.from_dict(json.loads(alarm.value))
        assert (alarm.topic, finding.alert_kind, finding.severity) == (FINDINGS.name, "pipeline", "page")
    assert store.rows(LEDGER) == store.rows(INTERACTIONS) == []
    repaired = stage(store, SCORING)
    assert feed(repaired, backlog, 20) == 0
    rows = [dict(zip(LEDGER.names, row, strict=True)) for row in store.rows(LEDGER)]
    assert {(r["received"], r["stored"], r["dead_lettered"]) for r in rows} == {(20, 20, 0)}
    assert len(store.rows(INTERACTIONS)) == 400


def test_a_trickle_is_stopped_after_some_and_a_restart_does_not_take_more() -> None:
    store = MemoryStore()
    feed(stage(store, SCORING), [message(n) for n in range(10)], 1)
    later = [message(n) for n in range(10, 40)]
    on = stage(store, BROKEN)
    with pytest.raises(BrokenDeploy):
        feed(on, later, 1)
    taken = len(store.rows(LEDGER)) - 10
    assert taken == 5  # 100 of the latest 200 records are not yet most of them
    for _ in range(3):
        with pytest.raises(BrokenDeploy):
            stage(store, BROKEN).process(later[taken : taken + 1])
        assert len(store.rows(LEDGER)) == 10 + taken
    assert feed(stage(store, SCORING), later[taken:], 1) == 0


def test_a_message_full_of_poison_stops_nothing() -> None:
    store = MemoryStore()
    on = stage(store, SCORING)
    assert feed(on, [message(0, text="unscorable")], 1) == 20
    healthy = [message(n) for n in range(1, 12)]
    assert feed(on, [*healthy, message(12, text="unscorable"), message(13)], 4) == 20


def test_what_a_sender_did_wrong_stops_nothing() -> None:
    store = MemoryStore()
    garbage = [raw("otlp_spans", 0, n, b"\xff", records=50) for n in range(20)]
    assert feed(stage(store, SCORING), garbage, 7) == 20
