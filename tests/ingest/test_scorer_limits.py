"""A scorer that fails on most records, or is too slow again and again, is switched off for every worker."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from detectors.finding import Finding
from detectors.record import Record
from detectors.scorers.conformance import ODD_RECORDS
from infra.kafka import FINDINGS
from infra.kafka import SETTINGS as SETTINGS_TOPIC
from infra.settings import CustomScoreSettings, ScorerSettings
from ingest.agents.score import setup
from ingest.agents.score.scorer_limits import BATCHES, LEAST_IN_BATCH, LEAST_RECORDS, ScorerLimits
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.messages import Output
from ingest.repository.interaction import from_row
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS
from ingest.stage_settings import ScorerOff, StageSettings
from tests.ingest.raw import HASH_KEY, SETTINGS, observations, raw
from tests.ingest.telemetry import chat, span, traces

LIMIT_NS = 1_000_000


def test_most_records_have_to_fail() -> None:
    limits = ScorerLimits(LIMIT_NS)
    assert limits.note("s", LEAST_RECORDS - 1, LEAST_RECORDS - 1, 0) is None
    assert "failed on 200 of its last 200" in (limits.note("s", 1, 1, 0) or "")
    half = ScorerLimits(LIMIT_NS)
    assert all(half.note("s", 100, 50, 0) is None for _ in range(50))
    assert half.note("s", 100, 100, 0) is not None
    assert half.note("other", 100, 100, 0) is None


def test_what_failed_long_ago_is_forgotten() -> None:
    limits = ScorerLimits(LIMIT_NS)
    assert limits.note("s", 100, 100, 0) is None
    assert all(limits.note("s", 100, 0, 0) is None for _ in range(5))
    assert limits.note("s", 100, 100, 0) is None


def test_batches_have_to_be_slow_in_a_row() -> None:
    limits, slow = ScorerLimits(LIMIT_NS), 2 * LIMIT_NS * LEAST_IN_BATCH
    assert all(limits.note("s", LEAST_IN_BATCH, 0, slow) is None for _ in range(BATCHES - 1))
    assert limits.note("s", LEAST_IN_BATCH, 0, 0) is None
    assert limits.note("s", 1, 0, 100 * slow) is None
    assert all(limits.note("s", LEAST_IN_BATCH, 0, slow) is None for _ in range(BATCHES - 1))
    assert "took 2000 us a record, over 1000, in 10 batches" in (
        limits.note("s", LEAST_IN_BATCH, 0, slow) or ""
    )


OFF = ScorerOff("of/mine", "1%2")


def test_the_topic_tells_which_version_is_off() -> None:
    record = OFF.to_output()
    assert (record.topic, record.partition) == (SETTINGS_TOPIC.name, 0)
    assert record.key is not None
    settings = StageSettings().after(4, record.key, record.value)
    assert settings == StageSettings(5, {}, {OFF: True})
    assert settings.off({"of/mine": "1%2", "refusal": "1"}) == {"of/mine"}
    assert settings.off({"of/mine": "2"}) == frozenset()
    again = settings.after(5, record.key, OFF.to_output(on=False).value)
    assert (again.version, again.off({"of/mine": "1%2"})) == (6, frozenset())
    assert settings.after(6, record.key, None) == StageSettings(7)
    assert settings.after(6, b"scorer_off/x", b"{}") == replace(settings, version=7)
    assert settings.after(6, record.key, b"[") == replace(settings, version=7)


class Stream:
    """A stage with one scorer of one's own, and the settings topic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, function: object, **scorers: object) -> None:
        monkeypatch.setattr("ingest.custom_scores.function_in", lambda *_: (function, "v1"))
        own = {"mine": CustomScoreSettings(python="mine.py:f", kind="real", harmful=0)}
        settings = replace(SETTINGS, scorers=ScorerSettings(own=own, **scorers))  # type: ignore[arg-type]
        self.store, self.obeyed, self.offset = MemoryStore(), StageSettings(), 0
        self.told: list[Finding] = []
        self.stage = ScoreStage(self.store, scoring(settings), settings, HASH_KEY, obeyed=lambda: self.obeyed)

    def send(self, n: int) -> tuple[list[Output], bool]:
        """What is said in the settings topic after ``n`` calls, and whether the score was observed."""
        spans = [span(chat(), trace=f"{self.offset * 1000 + i + 1:032x}") for i in range(n)]
        outputs = self.stage.process([raw("otlp_spans", 0, self.offset, traces(*spans))])
        self.offset += 1
        said = [o for o in outputs if o.topic == SETTINGS_TOPIC.name]
        self.told += [Finding.from_dict(json.loads(o.value)) for o in outputs if o.topic == FINDINGS.name]
        (observed,) = observations(outputs)
        assert "output_length" in observed.scores
        return said, "mine" in observed.scores

    def obey(self, said: list[Output]) -> None:
        for output in said:
            self.obeyed = self.obeyed.after(self.obeyed.version, output.key, output.value)


def odd(record: Record) -> float:
    """Passes the odd records that scorers are tried on, and fails on real ones."""
    if record not in ODD_RECORDS:
        raise OSError("no network")
    return 0.0


def test_a_scorer_that_fails_costs_its_own_scores_and_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(monkeypatch, odd)
    assert stream.send(150) == ([], False)
    said, _ = stream.send(100)
    assert [o.key for o in said] == [ScorerOff("mine", "v1").key()]
    assert stream.send(100) == ([], False)  # said once
    before = stream.stage.counters()
    assert before['lightship_score_failed_records_total{scorer="mine"}'] == 350
    assert before["lightship_score_scorers_switched_off_total"] == 1
    (told,) = stream.told
    assert (told.alert_kind, told.severity, told.service) == ("pipeline", "ticket", "lightship")
    assert told.notes[0].startswith("the scorer mine failed on ")
    stream.obey(said)
    assert stream.send(100) == ([], False)
    after = stream.stage.counters()
    assert after['lightship_score_failed_records_total{scorer="mine"}'] == 350
    assert after['lightship_score_scorer_off{scorer="mine"}'] == 1
    rows = [from_row(row) for row in stream.store.rows(INTERACTIONS)]
    assert {r.settings_version for r in rows} == {0, 1}


def slow(record: Record) -> float:
    if record not in ODD_RECORDS:
        until = time.perf_counter_ns() + 400_000
        while time.perf_counter_ns() < until:
            pass
    return 1.0


def test_a_scorer_that_is_too_slow_is_switched_off_and_a_new_version_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(monkeypatch, slow, most_us=300.0)
    said: list[Output] = []
    for _ in range(BATCHES):
        assert said == []
        said, observed = stream.send(LEAST_IN_BATCH)
        assert observed
    stream.obey([o for o in said if o.key == ScorerOff("mine", "v1").key()])
    assert stream.send(LEAST_IN_BATCH)[1] is False
    stream.obeyed = StageSettings(9, {}, {ScorerOff("mine", "v0"): True})
    assert stream.send(LEAST_IN_BATCH)[1] is True
    assert setup.SHIPPED.scorers.most_us >= 1000
